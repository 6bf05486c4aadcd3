"""Stored and applied webhooks a second on SQLite over HTTP with one process, compared with a route that
stores nothing, and with the commit before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from bench.before import before
from bench.load import post
from bench.rows import Goal, Row, in_turns, median, ratios
from bench.service import bare, lossboard

ROUNDS: Final = 5
OURS, BEFORE, BARE = "ours", "before", "bare"
WEBHOOKS: Final = {
    64: {OURS: 8_000, BEFORE: 6_000, BARE: 20_000},
    1: {OURS: 2_000, BEFORE: 1_000, BARE: 10_000},
}
"""Webhooks of a round, by connections."""

_HOW: Final = (
    "Signed `standard` webhooks, stored and applied (SQLite, synchronous=FULL) by one process before each "
    "is answered; "
)
_BARE: Final = _HOW + "to a Starlette route on uvicorn that reads the body and stores nothing."
_BEFORE: Final = _HOW + "to the same of the commit before, on the same libraries."

TO_BARE: Final = {
    64: Row("ingest, 64 connections, to the bare route", Goal("≥", 0.25, "of the bare route", 0.4), _BARE),
    1: Row("ingest, 1 connection, to the bare route", Goal("≥", 0.12, "of the bare route", 0.2), _BARE),
}
TO_BEFORE: Final = {
    64: Row("ingest, 64 connections, to before", Goal("≥", 3, "× before"), _BEFORE),
    1: Row("ingest, 1 connection, to before", Goal("≥", 2.5, "× before"), _BEFORE),
}
ROWS: Final = (*TO_BARE.values(), *TO_BEFORE.values())


class _Service:
    """A service that webhooks are posted to."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._busy: dict[int, list[float]] = {}

    def rate(self, connections: int, number: int, turn: int) -> float:
        """Webhooks a second of one round."""
        posted = post(self._port, number, connections, f"{connections}-{turn}-")
        self._busy.setdefault(connections, []).append(posted.busy)
        return posted.rate

    def load(self, connections: int) -> str:
        """How much of a core the posting process took: at 1 it would be the limit, and not the service."""
        return median(self._busy[connections])


def run() -> Iterator[Row]:
    """Measure all services in turns."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folders = {kind: Path(name) / kind for kind in (OURS, BEFORE, BARE)}
        for folder in folders.values():
            folder.mkdir()
        services = {
            OURS: _Service(stack.enter_context(lossboard(folders[OURS]))),
            BEFORE: _Service(stack.enter_context(lossboard(folders[BEFORE], before()))),
            BARE: _Service(stack.enter_context(bare(folders[BARE]))),
        }
        for connections, numbers in WEBHOOKS.items():
            measures = {
                kind: partial(services[kind].rate, connections, number) for kind, number in numbers.items()
            }
            rates = in_turns(ROUNDS, **measures)
            ours, bares, befores = (f"{median(rates[kind])}/s" for kind in (OURS, BARE, BEFORE))
            loads = ", ".join(services[kind].load(connections) for kind in (OURS, BARE))
            yield TO_BARE[connections].measured(
                f"{ours}, bare route {bares} (of a core, the load took {loads})",
                ratios(rates[OURS], rates[BARE]),
            )
            yield TO_BEFORE[connections].measured(
                f"{ours}, before {befores}", ratios(rates[OURS], rates[BEFORE])
            )
