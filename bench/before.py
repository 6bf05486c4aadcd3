"""The checkout that this one is compared with: the commit before the work on speed began, or what
`BENCH_AGAINST` names: a folder, or another commit."""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from bench.rows import NotRun
from bench.service import ROOT

COMMIT: Final = "2519a08129183b86ec53989f29b785472dc9a405"

_KEPT: Final[list[tempfile.TemporaryDirectory[str]]] = []
"""Folders that are removed when the process ends."""


@cache
def before() -> Path:
    """The folder of the other checkout. It runs on this one's libraries, unless it has a `.venv` of its own.

    Raises:
        NotRun: There is no such commit here.
    """
    named = os.environ.get("BENCH_AGAINST", COMMIT)
    if Path(named).is_dir():
        return Path(named).resolve()
    _KEPT.append(tempfile.TemporaryDirectory(prefix="before"))
    folder = Path(_KEPT[-1].name)
    packed = folder / "commit.tar"
    command = ("git", "archive", f"--output={packed}", named)
    if subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode:
        raise NotRun(f"this checkout does not have the commit {named[:12]}; BENCH_AGAINST can name another")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return folder
