"""This checkout paired with another one, in turns: throughput, POST to frame, and what a webhook costs.

`BENCH_AGAINST` names the other checkout, which must have been set up (`make setup` in it). Each figure is a
ratio of the best rounds, ours to theirs, because a disturbance only ever makes a round worse. Above 1.00 this
checkout is faster for a rate and slower for a time.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from bench.load import rate
from bench.screens import measure
from bench.service import ROOT, lossboard, python

ROUNDS: Final = 7
WEBHOOKS: Final = {1: 1_000, 64: 6_000}
"""Webhooks of a round, by connections."""

SCREENS: Final = (1, 100)
COST_ROUNDS: Final = 7
COST_DEALS: Final = "20000"


def main() -> None:
    """Print each figure of both checkouts, and their ratio."""
    named = os.environ.get("BENCH_AGAINST")
    if not named:
        print("skipped: BENCH_AGAINST names no other checkout")
        return
    other = Path(named).resolve()
    with (
        tempfile.TemporaryDirectory() as our_folder,
        tempfile.TemporaryDirectory() as their_folder,
        lossboard(Path(our_folder)) as ours,
        lossboard(Path(their_folder), other) as theirs,
    ):
        for connections, number in WEBHOOKS.items():
            _compare(
                f"{connections} connections, webhooks a second",
                max,
                partial(_throughput, ours, number, connections),
                partial(_throughput, theirs, number, connections),
            )
        for screens in SCREENS:
            _compare(
                f"{screens} screens, ms from POST to the last frame",
                min,
                partial(_to_last_frame, ours, screens),
                partial(_to_last_frame, theirs, screens),
            )
    _compare_costs(other)


def _throughput(port: int, number: int, connections: int, turn: int) -> float:
    return rate(port, number, connections, f"{connections}-{turn}-")


def _to_last_frame(port: int, screens: int, turn: int) -> float:
    _, last = measure(port, port, screens, run=f"s{turn}-")
    return statistics.median(last) * 1000


_Best = Callable[[list[float]], float]


def _compare(label: str, best: _Best, ours: Callable[[int], float], theirs: Callable[[int], float]) -> None:
    """Print a figure of both checkouts, measured in turns."""
    mine, others = [], []
    for turn in range(ROUNDS):
        mine.append(ours(turn))
        others.append(theirs(turn))
    _print(label, best, mine, others)


def _print(label: str, best: _Best, ours: list[float], theirs: list[float]) -> None:
    spread = ", ".join(
        f"{name} {best(values):,.1f} ({min(values):,.1f} to {max(values):,.1f})"
        for name, values in (("ours", ours), ("theirs", theirs))
    )
    print(f"{label}: {spread}; ratio {best(ours) / best(theirs):.2f}")


def _compare_costs(other: Path) -> None:
    ours: dict[str, list[float]] = {}
    theirs: dict[str, list[float]] = {}
    for _ in range(COST_ROUNDS):
        for checkout, rows in ((ROOT, ours), (other, theirs)):
            for label, cost in _costs(checkout).items():
                rows.setdefault(label, []).append(cost)
    for label, costs in ours.items():
        _print(f"{label}, µs a webhook", min, costs, theirs[label])


def _costs(checkout: Path) -> dict[str, float]:
    """Microseconds a webhook by row, as `bench cost` of a checkout prints them for one size."""
    printed = subprocess.run(
        [python(checkout), "-m", "bench", "cost"],
        cwd=checkout,
        env={**os.environ, "BENCH_SIZES": COST_DEALS, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = re.findall(r"^(.+): +[\d,]+ deals: +([\d.]+) µs", printed, re.MULTILINE)
    return {label: float(cost) for label, cost in rows}
