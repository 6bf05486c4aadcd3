"""Stored and applied webhooks a second over HTTP with one process, compared with a route that stores
nothing."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Final

from bench.load import rate
from bench.service import bare, lossboard

ROUNDS: Final = 5
WEBHOOKS: Final = 6_000
CONNECTIONS: Final = (1, 64)


def main() -> None:
    """Print both rates in turns, and their ratio."""
    with (
        tempfile.TemporaryDirectory() as folder,
        lossboard(Path(folder)) as ours,
        bare(Path(folder)) as theirs,
    ):
        for connections in CONNECTIONS:
            number = WEBHOOKS if connections > 1 else WEBHOOKS // 6
            rates: dict[str, list[float]] = {"lossboard": [], "bare route": []}
            for turn in range(ROUNDS):
                rates["lossboard"].append(rate(ours, number, connections, f"{connections}-{turn}-"))
                rates["bare route"].append(rate(theirs, number, connections, f"{connections}-{turn}-"))
            medians = {name: statistics.median(values) for name, values in rates.items()}
            for name, median in medians.items():
                spread = f"{min(rates[name]):,.0f} to {max(rates[name]):,.0f}"
                print(
                    f"{connections:>3} connections: {name:>10}: {median:8,.0f} webhooks a second ({spread})"
                )
            ratio = medians["lossboard"] / medians["bare route"]
            print(f"{connections:>3} connections: ratio {ratio:.2f}")
