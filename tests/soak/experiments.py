"""The names of all experiments, in the order in which they run.

Each is a module of this folder with one function:

    def run(seed: int, scale: float) -> dict[str, int | float | str]

It raises AssertionError on any violation, and returns what it counted. With `scale=1.0` it has its full
length. A test of `make test` calls the same function with a small scale.
"""

from __future__ import annotations

from typing import Final

EXPERIMENTS: Final = (
    "kills",
    "migrations",
    "storm",
    "network",
    "power",
    "io_faults",
    "strangers",
    "viewers",
    "backups",
    "people",
    "clock_steps",
    "full_disk",
    "fuzz",
    "figures",
    "interface",
    "layout",
    "televisions",
    "connecting",
)
