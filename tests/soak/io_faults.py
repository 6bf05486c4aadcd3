"""Every n-th call that SQLite makes to its files fails: see `failing`, which needs a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

from scripts.programs import fault_library
from tests.e2e.running import ROOT, environment

DEADLINE_SECONDS: Final = 3_600
"""Of the full length, on a slow machine: a service that waits without end must not stop the others."""


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """The counts of `failing`."""
    library = fault_library()
    assert library is not None, "there is no libfiu: python scripts/programs.py installs it"
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.failing", str(seed), str(scale)],
        cwd=ROOT,
        env={**environment(None), "LD_PRELOAD": library},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    counts: dict[str, int | float | str] = json.loads(done.stdout)
    return counts
