"""`python -m bench [NAME …]`: runs benchmarks, prints their rows, and writes them into PERFORMANCE.json
and docs/explanation/performance.md.

Machines are noisy, so figures that are compared are measured in one run, in turns. A row that could not
be run says why. `peers` installs the peers. The exit code is 1 if a benchmark failed; a missed goal is
no failure.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterable
from typing import Final

from bench import registry, report
from bench.peers import environment
from bench.rows import Bench, NotRun, Row

_FAILED: Final = "the benchmark failed"


def main(names: list[str]) -> int:
    """Run the named benchmarks, or the usual ones."""
    if names == ["peers"]:
        return environment.install()
    try:
        benches = registry.chosen(names)
    except KeyError as error:
        known = [*(bench.name for bench in registry.BENCHES), *registry.SETS, "peers"]
        print(f"no benchmark is called {error}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    _write([], "")
    failed = [bench.name for bench in benches if not _ran(bench)]
    if failed:
        print(f"FAILED: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _ran(bench: Bench) -> bool:
    """Run one benchmark and write its rows down; False if it failed."""
    began, commit = time.monotonic(), report.commit()
    print(f"\n== {bench.name}", flush=True)
    left = {row.name: row for row in bench.rows}
    measured: list[Row] = []
    reason = "the benchmark gave no figure"
    try:
        for row in bench.run():
            print(row, flush=True)
            del left[row.name]
            measured.append(row)
    except NotRun as error:
        reason = str(error)
    except Exception:
        traceback.print_exc()
        reason = _FAILED
    missing = [row.without(reason) for row in left.values()]
    for row in missing:
        print(row, flush=True)
    _write([*measured, *missing], commit)
    print(f"({time.monotonic() - began:.0f} s)", flush=True)
    return reason != _FAILED


def _write(rows: Iterable[Row], commit: str) -> None:
    new = report.here()
    new.results.update({row.name: report.result(row, commit) for row in rows})
    report.write(report.merged(report.read(), new, registry.rows()), registry.rows())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
