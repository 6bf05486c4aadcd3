"""Runs commands in forks of a process that has imported the service. A fork takes milliseconds, where a new
process takes a second of imports."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from service.commands.cli import DEFERRED

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(sorted({command.module for command in DEFERRED}))


def run(
    folder: Path, arguments: Sequence[str], env: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run `lossboard` with some arguments in a folder to completion.

    Raises:
        subprocess.TimeoutExpired: It took longer than some seconds, and was killed.
    """
    with tempfile.TemporaryDirectory() as outputs:
        paths = [f"{outputs}/{name}" for name in ("stdout", "stderr")]
        process = _FORKS.Process(target=_command, args=(str(folder), list(arguments), dict(env), paths))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(arguments), seconds)
        stdout, stderr = (Path(path).read_text(encoding="utf-8") for path in paths)
        return subprocess.CompletedProcess(list(arguments), process.exitcode, stdout, stderr)


def _command(folder: str, arguments: list[str], env: dict[str, str], paths: list[str]) -> None:
    """The command, in a fork."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for number, path in enumerate(paths, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
    from service.commands.cli import main  # in the fork, which has it already

    main(arguments, prog_name="lossboard")
