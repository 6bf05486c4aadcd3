"""The peers' own virtual environment, and programs that run in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.rows import NotRun
from bench.service import ROOT

FOLDER: Final = ROOT / ".venv-peers"
REQUIREMENTS: Final = ROOT / "bench" / "peers.txt"

_PYTHON: Final = FOLDER / "bin" / "python"
_DONE: Final = FOLDER / ".installed"


def install() -> int:
    """Make the environment; the exit code is 0 if everything is there."""
    if not _PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
    pip: list[str | Path] = [_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    code = subprocess.run([*pip, "--require-hashes", "-r", REQUIREMENTS], check=False).returncode
    if code == 0:
        _DONE.touch()
    return code


Ask = Callable[[object], Any]
"""Sends a value to a program, and returns its answer."""


@contextmanager
def program(name: str, *arguments: str | Path) -> Iterator[Ask]:
    """Run a program of this folder in the peers' environment. It reads a value in JSON from each line, and
    writes a value in JSON for each.

    Raises:
        NotRun: There is no such environment.
    """
    if not _DONE.exists():
        raise NotRun("the peers are not installed: make bench ARGS=peers")
    command = [_PYTHON, Path(__file__).with_name(f"{name}.py"), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        given, answers = process.stdin, process.stdout
        assert given is not None
        assert answers is not None

        def ask(value: object) -> Any:
            print(json.dumps(value), file=given, flush=True)
            answer = answers.readline()
            if not answer:
                raise RuntimeError(f"the peer's program {name} ended")
            return json.loads(answer)

        yield ask
        given.close()
