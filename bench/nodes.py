"""One PostgreSQL, several processes: webhooks a second across accounts and within one, frames to screens, and
from a POST on one node to a screen on another.

The load comes from this machine, too: on few cores the ratios say what sharing them costs, and not what
another machine would add.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path
from typing import Final

from bench.load import rate
from bench.screens import measure, milliseconds
from bench.service import node
from tests.databases import own_postgres

WORKERS: Final = (1, 2, 4)
ACCOUNTS: Final = tuple(f"office-{number}" for number in range(64))
WEBHOOKS: Final = 3_000
CONNECTIONS: Final = 64
ROUNDS: Final = 3
SCREENS: Final = 400


def main() -> None:
    """Print rates and latencies, each with its ratio to one process."""
    print(f"{os.cpu_count()} cores, PostgreSQL and the load among them; fsync on")
    with own_postgres("max_connections = 200\n") as server, tempfile.TemporaryDirectory() as name:
        url = server.databases.migrated()
        _rates(Path(name), url)
        _screens(Path(name), url)
        _across(Path(name), url)


def _rates(folder: Path, url: str) -> None:
    figures: dict[tuple[str, int], list[float]] = {}
    for turn in range(ROUNDS):
        for workers in WORKERS:
            arguments = ("--workers", str(workers))
            with node(folder, url, *arguments, accounts=("office", *ACCOUNTS)) as (port, _):
                rate(port, 200, CONNECTIONS, f"w{turn}-{workers}-", ACCOUNTS)  # each opens its connections
                for kind, accounts in (("across 64 accounts", ACCOUNTS), ("within one account", ("office",))):
                    prefix = f"{kind}-{turn}-{workers}-"
                    figures.setdefault((kind, workers), []).append(
                        rate(port, WEBHOOKS, CONNECTIONS, prefix, accounts)
                    )
    for kind in dict.fromkeys(kind for kind, _ in figures):
        one = statistics.median(figures[kind, WORKERS[0]])
        for workers in WORKERS:
            median = statistics.median(figures[kind, workers])
            spread = f"{min(figures[kind, workers]):,.0f} to {max(figures[kind, workers]):,.0f}"
            ratio = f"{median / one:.2f}"
            print(f"{kind}: {workers} processes: {median:6,.0f} webhooks a second ({spread}), {ratio}")


def _screens(folder: Path, url: str) -> None:
    one = 0.0
    for workers in WORKERS:
        with node(folder, url, "--workers", str(workers)) as (port, _):
            _, last = measure(port, port, SCREENS, f"w{workers}-")
        median = statistics.median(last)
        one = one or median
        print(
            f"a frame to all of {SCREENS} screens: {workers} processes: p50 {milliseconds(last, 50)} "
            f"p99 {milliseconds(last, 99)}, {median / one:.2f}"
        )


def _across(folder: Path, url: str) -> None:
    here, there = folder / "here", folder / "there"
    here.mkdir()
    there.mkdir()
    with node(here, url) as (ours, _), node(there, url) as (theirs, _):
        same, _ = measure(ours, ours, 1, "same-")
        other, _ = measure(theirs, ours, 1, "other-")
    for kind, seconds in (("the same node", same), ("another node", other)):
        print(f"POST to a screen on {kind}: p50 {milliseconds(seconds, 50)} p99 {milliseconds(seconds, 99)}")
    print(f"another node to the same: {statistics.median(other) / statistics.median(same):.2f}")
