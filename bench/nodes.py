"""One PostgreSQL, several processes: webhooks a second across accounts and within one, frames to screens, and
from a POST on one node to a screen on another.

The load comes from this machine, too: on few cores the ratios say what sharing them costs, and not what
another machine would add.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from bench.load import rate
from bench.rows import Row, in_turns, median, ratios
from bench.screens import measure, milliseconds
from bench.service import node
from tests.databases import own_postgres

WORKERS: Final = (2, 4)
ACCOUNTS: Final = tuple(f"office-{number}" for number in range(64))
WEBHOOKS: Final = 3_000
CONNECTIONS: Final = 64
ROUNDS: Final = 3
SCREENS: Final = 400

_RATES: Final = "Webhooks a second on PostgreSQL (fsync on), over 64 connections; to one process."
ACROSS: Final = {
    workers: Row(f"{workers} processes, webhooks of 64 accounts, to one", None, _RATES) for workers in WORKERS
}
WITHIN: Final = {
    workers: Row(f"{workers} processes, webhooks of one account, to one", None, _RATES) for workers in WORKERS
}
FRAMES: Final = {
    workers: Row(
        f"{workers} processes, a frame to all of {SCREENS} screens, to one",
        None,
        "Median time from a POST to the frame on the last screen; to one process.",
    )
    for workers in WORKERS
}
ANOTHER: Final = Row(
    "POST to a screen on another node, to the same node", None, "Median time from a POST to the frame."
)
ROWS: Final = (*ACROSS.values(), *WITHIN.values(), *FRAMES.values(), ANOTHER)


def run() -> Iterator[Row]:
    """Measure each number of processes in turns."""
    with own_postgres("max_connections = 200\n") as server, tempfile.TemporaryDirectory() as name:
        folder, url = Path(name), server.databases.migrated()
        for rows, accounts in ((ACROSS, ACCOUNTS), (WITHIN, ("office",))):
            measures = {
                str(workers): partial(_rate, folder, url, workers, accounts) for workers in (1, *WORKERS)
            }
            rates = in_turns(ROUNDS, **measures)
            for workers, row in rows.items():
                figures = rates[str(workers)]
                yield row.measured(
                    f"{median(figures)}/s, one {median(rates['1'])}/s", ratios(figures, rates["1"])
                )
        yield from _frames(folder, url)
        yield _across(folder, url)


def _rate(folder: Path, url: str, workers: int, accounts: tuple[str, ...], turn: int) -> float:
    prefix = f"{len(accounts)}-{turn}-{workers}-"
    with node(folder, url, "--workers", str(workers), accounts=("office", *ACCOUNTS)) as (port, _):
        rate(port, 200, CONNECTIONS, f"w{prefix}", accounts)  # each opens its connections
        return rate(port, WEBHOOKS, CONNECTIONS, prefix, accounts)


def _frames(folder: Path, url: str) -> Iterator[Row]:
    last: dict[int, list[float]] = {}
    for workers in (1, *WORKERS):
        with node(folder, url, "--workers", str(workers)) as (port, _):
            _, last[workers] = measure(port, port, SCREENS, f"w{workers}-")
    one = statistics.median(last[1])
    for workers, row in FRAMES.items():
        value = f"{_percentiles(last[workers])}, one {_percentiles(last[1])}"
        yield row.measured(value, [statistics.median(last[workers]) / one])


def _percentiles(seconds: list[float]) -> str:
    return f"p50 {milliseconds(seconds, 50)}, p99 {milliseconds(seconds, 99)}"


def _across(folder: Path, url: str) -> Row:
    here, there = folder / "here", folder / "there"
    here.mkdir()
    there.mkdir()
    with node(here, url) as (ours, _), node(there, url) as (theirs, _):
        same, _ = measure(ours, ours, 1, "same-")
        other, _ = measure(theirs, ours, 1, "other-")
    value = f"{_percentiles(other)}, the same node {_percentiles(same)}"
    return ANOTHER.measured(value, [statistics.median(other) / statistics.median(same)])
