"""Which state of the repository a report was made from."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]


def commit(apart: Iterable[Path]) -> str:
    """The checkout's commit; with `-dirty` when something in it is changed, apart from some files."""
    described = _output("git", "describe", "--always", "--abbrev=12", "--exclude=*")
    but = (f":!{path.relative_to(ROOT)}" for path in apart)
    return described + ("-dirty" if _output("git", "status", "--porcelain", "--", ".", *but) else "")


def _output(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
