"""The nodes of one service, run as a service manager does: each on its own port, restarted whenever it
exits."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path
from typing import Final

import psutil

from tests.e2e.running import environment
from tests.ports import free_ports

READY_SECONDS: Final = 60.0

STOP_SECONDS: Final = 60.0

POLL_SECONDS: Final = 0.2
"""How often a node is checked for having exited."""


class Node:
    """One `lossboard serve`.

    Args:
        folder: Has `lossboard.toml`; the node's output goes to a file in it.
        arguments: More arguments for `serve`.
    """

    def __init__(self, folder: Path, name: str, database_url: str, *arguments: str) -> None:
        self._folder = folder
        self._name = name
        self._database_url = database_url
        self._arguments = arguments
        [self.port] = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address that it serves while it runs."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """Everything that it has printed."""
        return (self._folder / f"{self._name}.log").read_text(encoding="utf-8")

    @property
    def tracebacks(self) -> list[str]:
        """The end of each traceback in the output: unexpected errors."""
        return [part[:2_000] for part in self.output.split("Traceback (most recent call last):")[1:]]

    async def keep(self) -> None:
        """Start it, and restart it whenever it exits, until cancelled."""
        while True:
            if self._process is None or self._process.poll() is not None:
                self._process = self._started()
            await asyncio.sleep(POLL_SECONDS)

    async def ready(self) -> None:
        """Wait until `/readyz` answers 200."""
        loop = asyncio.get_running_loop()
        end = loop.time() + READY_SECONDS
        while not await self._is_ready():
            assert loop.time() < end, self.output
            await asyncio.sleep(0.05)

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "service", "serve", "--port", str(self.port), *self._arguments]
        with (self._folder / f"{self._name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self._folder,
                env=environment(self._database_url),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    async def _is_ready(self) -> bool:
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = await reader.read()
                writer.close()
                return answer.startswith(b"HTTP/1.1 200")
        except (OSError, TimeoutError):
            return False

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill_worker(self, dice: random.Random) -> None:
        """Kill one of its workers with SIGKILL; the node must replace it."""
        assert self._process is not None
        dice.choice(psutil.Process(self._process.pid).children()).kill()

    def stop(self) -> int:
        """Stop it as an operator does; returns its exit code."""
        process = self._process
        assert process is not None
        process.terminate()
        return process.wait(STOP_SECONDS)
