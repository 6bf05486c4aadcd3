"""The projection core in memory, in turns with that of the commit before: changes a second on one core."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench import stream
from bench.before import before
from bench.rows import Goal, Row, median, number
from bench.service import ROOT, python

ROUNDS: Final = 3

_HOW: Final = (
    "Merge and propagate in memory, with no database, log or HTTP, by CPU time of one process; the sums at "
    "the end equal a recomputation."
)
_GOAL: Final = Goal("≥", 60_000, "a second", 100_000)
ROWS: Final = {
    stream.TOGETHER: Row(f"core, changes a second, {stream.TOGETHER}", _GOAL, _HOW),
    stream.NAMED: Row(f"core, changes a second, {stream.NAMED}", _GOAL, _HOW),
    stream.ALONE: Row(f"core, changes a second, {stream.ALONE}", None, _HOW),
}


def run() -> Iterator[Row]:
    """Measure both checkouts in turns."""
    rounds = [(_once(ROOT), _once(before())) for _ in range(ROUNDS)]
    for label, row in ROWS.items():
        ours, theirs = ([once[side][label] for once in rounds] for side in (0, 1))
        ratio = number(sorted(mine / other for mine, other in zip(ours, theirs, strict=True))[ROUNDS // 2])
        yield row.measured(f"before {median(theirs)} a second; {ratio} × before", ours)


def _once(checkout: Path) -> dict[str, float]:
    """Changes a second of one round in a checkout, by what is measured."""
    printed = subprocess.run(
        [python(checkout), "-"],  # as a file, it would find the modules beside it before the checkout's
        input=Path(stream.__file__).read_text(encoding="utf-8"),
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    rates: dict[str, float] = json.loads(printed.stdout)
    return rates
