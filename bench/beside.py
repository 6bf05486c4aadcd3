"""Beside peers that do a part of the same: an event store on SQLite, and engines that keep sums in memory."""

from __future__ import annotations

import itertools
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from bench import stream
from bench.load import rate
from bench.office import NOW
from bench.peers.environment import Ask, program
from bench.rows import Goal, NotRun, Row, in_turns, median, ratios
from bench.service import lossboard
from service.model import Change, Instant, Value
from service.projections.losses import LOSS_DAYS

ROUNDS: Final = 5
WEBHOOKS: Final = 6_000
SAVES: Final = 2_000
CHANGES: Final = 50_000
DEALS: Final = 5_000
BATCH: Final = 64

Sums: TypeAlias = dict[str, list[int]]
"""Lost deals and their amount, by reason."""

EVENT_STORE: Final = Row(
    "ingest, 64 connections, to eventsourcing",
    Goal("≥", 2.5, "× eventsourcing", 5),
    "Signed webhooks over HTTP, stored and applied on SQLite; to aggregates of the library eventsourcing, "
    "loaded, changed and saved on SQLite (synchronous=FULL, too) with no HTTP, signature or read model.",
)
_SUMS: Final = (
    "Losses by reason from the same changes of deals, in memory, nothing durable, wall time, results equal; "
    f"here the whole core with all of its projections, {BATCH} changes a batch, there this one sum."
)
ENGINES: Final = {
    "pathway_sums": Row("core, changes a second, to pathway", None, _SUMS),
    "bytewax_sums": Row("core, changes a second, to bytewax", None, _SUMS),
}
ROWS: Final = (EVENT_STORE, *ENGINES.values())


def run() -> Iterator[Row]:
    """Measure in turns with each peer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with program("event_store", folder / "peer.db") as saved, lossboard(folder) as port:
            rates = in_turns(ROUNDS, ours=partial(_rate, port), theirs=lambda _: float(saved(SAVES)))
        yield EVENT_STORE.measured(
            f"{median(rates['ours'])}/s, eventsourcing {median(rates['theirs'])}/s",
            ratios(rates["ours"], rates["theirs"]),
        )
        yield from _engines(folder / "changes.json")


def _rate(port: int, turn: int) -> float:
    return rate(port, WEBHOOKS, 64, f"e{turn}-")


def _engines(file: Path) -> Iterator[Row]:
    chance = random.Random(14)
    changes = [
        (
            f"d{chance.randrange(DEALS)}",
            chance.choice(("open", "lost", "won")),
            f"r{chance.randrange(8)}",
            chance.randrange(1_000_000),
        )
        for _ in range(CHANGES)
    ]
    file.write_text(json.dumps(changes), encoding="utf-8")
    wanted: Sums = {}

    def ours(_turn: int) -> float:
        rate, sums = _taken(changes)
        wanted.update(sums)
        return rate

    for name, row in ENGINES.items():
        with program(name) as ask:
            rates = in_turns(ROUNDS, ours=ours, theirs=_checked(ask, file, lambda: wanted))
        peer = name.removesuffix("_sums")
        yield row.measured(
            f"{median(rates['ours'])}/s, {peer} {median(rates['theirs'])}/s",
            ratios(rates["ours"], rates["theirs"]),
        )


def _checked(ask: Ask, file: Path, wanted: Callable[[], Sums]) -> Callable[[int], float]:
    """A round of a peer, whose sums must be ours."""

    def measure(_turn: int) -> float:
        rate, sums = ask(str(file))
        if sums != wanted():
            raise NotRun(f"its sums are not ours: {sums}")
        return float(rate)

    return measure


def _taken(changes: list[tuple[str, str, str, int]]) -> tuple[float, Sums]:
    """Changes a second of our core, and the losses by reason."""
    board, numbers, batch = stream.Board(), itertools.count(1), []
    began = time.perf_counter()
    for id, status, reason, amount in changes:
        number = next(numbers)
        fields: dict[str, Value] = {"known": True, "status": status, "reason_id": reason, "amount": amount}
        batch.append((number, Change("deal", id, Instant(NOW + number), fields)))
        if len(batch) == BATCH:
            board.apply(batch)
            batch = []
    board.apply(batch)
    seconds = time.perf_counter() - began
    sums: Sums = {}
    for (_, reason_id), (count, amount) in board.sums()[LOSS_DAYS].items():
        known = sums.setdefault(str(reason_id), [0, 0])
        known[0] += count
        known[1] += amount
    return len(changes) / seconds, sums
