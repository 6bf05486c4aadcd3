"""Runs in the peers' environment: the losses by reason, kept by bytewax in memory.

It has no retraction of its own: a first step keeps each deal, and takes what it said before from the
sums of a second step. For each line that it reads, the path of a file with changes, it writes how many
it took a second, and the sums.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main


def retracted(known: Any, change: Any) -> tuple[Any, list[tuple[str, tuple[int, int]]]]:
    """What a change of a deal takes from the sums, and adds to them."""
    moved = []
    if known is not None and known[0] == "lost":
        moved.append((known[1], (-1, -known[2])))
    if change[0] == "lost":
        moved.append((change[1], (1, change[2])))
    return change, moved


def summed(known: Any, moved: tuple[int, int]) -> tuple[Any, tuple[int, int]]:
    """The sum of a reason."""
    count, amount = known or (0, 0)
    total = (count + moved[0], amount + moved[1])
    return total, total


def main(path: str) -> tuple[float, dict[str, list[int]]]:
    """Take the changes of a file."""
    read = json.loads(Path(path).read_text(encoding="utf-8"))
    changes = [(id, (status, reason, amount)) for id, status, reason, amount in read]
    out: list[tuple[str, tuple[int, int]]] = []
    flow = Dataflow("losses")
    deals = op.input("changes", flow, TestingSource(changes, batch_size=100))
    moved = op.flat_map("split", op.stateful_map("retract", deals, retracted), lambda pair: pair[1])
    op.output("out", op.stateful_map("sum", moved, summed), TestingSink(out))
    began = time.perf_counter()
    run_main(flow)
    seconds = time.perf_counter() - began
    sums = {reason: list(total) for reason, total in out}
    return len(changes) / seconds, {reason: total for reason, total in sums.items() if any(total)}


for line in sys.stdin:
    print(json.dumps(main(json.loads(line))), flush=True)
