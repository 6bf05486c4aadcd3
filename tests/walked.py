"""Runs the command blocks of a document, as its reader would, and compares what they print."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BLOCK: Final = re.compile(r"(<!-- keeps running -->\n+)?^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS: Final = 60.0
_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a document.

    Args:
        printed: What it prints, where an ellipsis stands for anything.
        stays: Whether it keeps running.
    """

    command: str
    printed: str
    stays: bool


def steps(document: str) -> Iterator[Step]:
    """The commands of a document's console blocks: what stands behind `$ `, each with the lines below it."""
    for stays, block in _BLOCK.findall(document):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield Step(command, printed, bool(stays))


def installed() -> dict[str, str]:
    """The environment of somebody who has installed this checkout."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}


@contextlib.contextmanager
def walked(
    document: str,
    folder: Path,
    before: Callable[[str], object] = lambda _command: None,
    variables: Mapping[str, str] = _NOTHING,
) -> Iterator[None]:
    """Run a document's commands in a folder, one after another; those that keep running end with the block.

    Args:
        before: Is told each command before it runs, and does what the reader does by hand.
        variables: What the environment has beside that of the tests.

    Raises:
        AssertionError: A command fails, or prints something else.
    """
    environment = {**installed(), **variables}
    with contextlib.ExitStack() as stack:
        for step in steps(document):
            before(step.command)
            expected = re.compile(re.escape(step.printed.strip()).replace("…", ".*"), re.DOTALL)
            process = subprocess.Popen(
                ["bash", "-c", f"exec {step.command}" if step.stays else step.command],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            stack.callback(_end, process)
            assert process.stdout is not None
            told = ""
            if step.stays:
                while not expected.fullmatch(told):
                    line = process.stdout.readline()
                    assert line, f"{step.command}: {told}"
                    told += line
                continue
            told, _ = process.communicate(timeout=SECONDS)
            assert process.returncode == 0, f"{step.command}: {told}"
            assert expected.fullmatch(told.strip()), f"{step.command}: {told}"
        yield


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate()
