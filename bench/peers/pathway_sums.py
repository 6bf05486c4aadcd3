"""Runs in the peers' environment: the losses by reason, kept by pathway in memory.

Changes of deals are upserts, which retract what the deal said before. For each line that it reads, the
path of a file with changes, it writes how many it took a second, and the sums.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pathway as pw
from pathway.internals.parse_graph import G


class Deal(pw.Schema):
    """What a change says of a deal."""

    id: str = pw.column_definition(primary_key=True)
    status: str
    reason: str
    amount: int


class Changes(pw.io.python.ConnectorSubject):
    """The changes of a file."""

    def __init__(self, changes: list[list[Any]]) -> None:
        super().__init__()
        self._changes = changes

    def run(self) -> None:
        """Give them all."""
        for id, status, reason, amount in self._changes:
            self.next(id=id, status=status, reason=reason, amount=amount)

    @property
    def _session_type(self) -> Any:
        return pw.internals.api.SessionType.UPSERT


def main(path: str) -> tuple[float, dict[str, list[int]]]:
    """Take the changes of a file."""
    changes = json.loads(Path(path).read_text(encoding="utf-8"))
    sums: dict[str, list[int]] = {}
    G.clear()  # of the run before

    def seen(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:  # noqa: ARG001
        if is_addition:
            sums[row["reason"]] = [row["deals"], row["amount"]]
        elif sums.get(row["reason"]) == [row["deals"], row["amount"]]:
            del sums[row["reason"]]

    deals = pw.io.python.read(Changes(changes), schema=Deal)
    lost = deals.filter(deals.status == "lost")
    losses = lost.groupby(lost.reason).reduce(
        lost.reason, deals=pw.reducers.count(), amount=pw.reducers.sum(lost.amount)
    )
    pw.io.subscribe(losses, seen)
    began = time.perf_counter()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    return len(changes) / (time.perf_counter() - began), sums


for line in sys.stdin:
    print(json.dumps(main(json.loads(line))), flush=True)
