"""Seeded bugs: each `.patch` beside this module puts one bug into a copy of the project.

A patch begins with a sentence that says what goes wrong, and with lines `Caught by: <test>` that name the
tests which must go red. Only those run, so that a bug costs seconds and not the whole suite.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = Path(__file__).parent
COPIED: Final = ("alembic", "docs", "lossboard.example.toml", "pyproject.toml", "scripts", "service", "tests")
TESTS_FAILED: Final = 1
"""pytest's exit code when it ran tests and some failed. A copy that cannot be imported gives 2 or more."""


class NotApplied(Exception):
    """A patch does not fit the code any more."""


@dataclass(frozen=True)
class Bug:
    """One patch: its name, what it breaks, and the tests that must notice."""

    name: str
    sentence: str
    caught_by: tuple[str, ...]
    path: Path


@dataclass(frozen=True)
class Verdict:
    """What the named tests said about a bug: red is right."""

    bug: Bug
    caught: bool
    output: str


def bugs() -> list[Bug]:
    """Every seeded bug, by name."""
    return [_bug(path) for path in sorted(FOLDER.glob("*.patch"))]


def _bug(path: Path) -> Bug:
    preamble, _, _ = path.read_text(encoding="utf-8").partition("\n---\n")
    caught_by = tuple(re.findall(r"^Caught by: (\S.*)$", preamble, re.MULTILINE))
    sentence = preamble.partition("Caught by:")[0].strip()
    return Bug(path.stem, sentence, caught_by, path)


def copy_project(folder: Path) -> None:
    """Copy what the tests need, without what tools left there."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copyfile(source, folder / name)


def apply(bug: Bug, folder: Path, *, only_check: bool = False) -> None:
    """Put a bug into a copy, or only see whether its patch fits.

    Raises:
        NotApplied: The patch does not fit.
    """
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", *(["--check"] if only_check else []), str(bug.path)],
        cwd=folder,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotApplied(f"{bug.name}: {done.stderr.strip()}")


def run_tests(folder: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run some tests of a copy, up to the first that fails. They run in its folder and import its code."""
    environment = {
        **os.environ,
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / ".hypothesis"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(folder),
    }
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            "--hypothesis-profile=unshrunk",
            *tests,
        ],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def check(bug: Bug, folder: Path) -> Verdict:
    """Put a bug into a fresh copy below `folder`, and run the tests that must catch it.

    Raises:
        NotApplied: The patch does not fit.
    """
    copied = folder / bug.name
    copied.mkdir()
    copy_project(copied)
    apply(bug, copied)
    done = run_tests(copied, bug.caught_by)
    shutil.rmtree(copied)
    return Verdict(bug, done.returncode == TESTS_FAILED, done.stdout + done.stderr)
