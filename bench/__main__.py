"""`python -m bench [NAME …]`: runs benchmarks, and prints figures with the ratio that each is judged by.

Machines are noisy, so figures that are compared are measured in one run, in turns.
"""

from __future__ import annotations

import platform
import sys
import time

from bench import against, core, cost, nodes, pages, scale, screens, throughput

BENCHES = {
    "core": core.main,
    "cost": cost.main,
    "throughput": throughput.main,
    "screens": screens.main,
    "pages": pages.main,
    "nodes": nodes.main,
    "scale": scale.main,
    "against": against.main,
}


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all."""
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(
            f"no benchmark is called {unknown[0]}; the benchmarks are: {', '.join(BENCHES)}", file=sys.stderr
        )
        return 2
    print(f"{platform.machine()}, Python {platform.python_version()}")
    for name in names or list(BENCHES):
        began = time.monotonic()
        print(f"\n== {name}")
        BENCHES[name]()
        print(f"({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
