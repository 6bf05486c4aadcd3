"""All benchmarks, in the order in which they run and stand in docs/explanation/performance.md."""

from __future__ import annotations

from typing import Final

from bench import (
    beside,
    core,
    cost,
    growth,
    ingest,
    nodes,
    pages,
    postgres,
    reconnect,
    screens,
    sizing,
    snapshot,
    start,
    sustained,
    whole,
)
from bench.rows import Bench, Row

BENCHES: Final = (
    Bench("ingest", ingest.ROWS, ingest.run),
    Bench("beside", beside.ROWS, beside.run),
    Bench("postgres", tuple(postgres.ROWS.values()), postgres.run),
    Bench("core", tuple(core.ROWS.values()), core.run),
    Bench("screens", screens.ROWS, screens.run, quick=False),
    Bench("reconnect", reconnect.ROWS, reconnect.run),
    Bench("sustained", sustained.ROWS, sustained.run),
    Bench("held", sustained.LONG_ROWS, sustained.run_long, quick=False, usual=False),
    Bench("start", start.ROWS, start.run, quick=False),
    Bench("snapshot", tuple(snapshot.ROWS.values()), snapshot.run, quick=False),
    Bench("cost", cost.ROWS, cost.run, quick=False),
    Bench("scale", cost.LARGE_ROWS, cost.run_large, quick=False, usual=False),
    Bench("whole", whole.ROWS, whole.run, quick=False, usual=False),
    Bench("growth", growth.ROWS, growth.run, quick=False),
    Bench("pages", tuple(pages.ROWS.values()), pages.run, quick=False),
    Bench("nodes", nodes.ROWS, nodes.run, quick=False),
    Bench("sizing", sizing.ROWS, sizing.run, quick=False),
)

SETS: Final = {
    "quick": tuple(bench.name for bench in BENCHES if bench.quick and bench.usual),
    "document": (),
    "against": tuple(bench.name for bench in BENCHES if any("before" in row.name for row in bench.rows)),
}
"""Names that stand for several benchmarks: those that take less than five minutes together, those with a row
to the commit before, and none: then the document is written from what was measured before."""


def rows() -> tuple[Row, ...]:
    """Every row of the table."""
    return tuple(row for bench in BENCHES for row in bench.rows)


def chosen(names: list[str]) -> list[Bench]:
    """The named benchmarks, or all of a usual run.

    Raises:
        KeyError: No benchmark has this name.
    """
    by_name = {bench.name: bench for bench in BENCHES}
    if not names:
        return [bench for bench in BENCHES if bench.usual]
    wanted = dict.fromkeys(part for name in names for part in SETS.get(name, (name,)))
    return [by_name[name] for name in wanted]
