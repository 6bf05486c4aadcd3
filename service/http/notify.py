"""Tells the service manager that started the process how it is: systemd's protocol for `Type=notify`
(https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html).

It is a datagram of a few lines to the socket that the environment names. Where it names none, nothing is
sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from service.model import SECOND

_log = logging.getLogger(__name__)


class ServiceManager:
    """The service manager of this process.

    Args:
        environment: The process's variables, of which the manager sets NOTIFY_SOCKET, WATCHDOG_USEC and
            WATCHDOG_PID.

    Attributes:
        beat_seconds: How often it wants to hear that the process works: half of the time after which it takes
            the process for hung. None if it does not watch this process.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{name[1:]}" if name.startswith("@") else name
        watched = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        micros = environment.get("WATCHDOG_USEC", "")
        self.beat_seconds = int(micros) / SECOND / 2 if watched and name and micros.isdigit() else None

    def preparing(self, doing: str) -> None:
        """Say what the process does before it serves."""
        self._send(f"STATUS={doing}")

    def ready(self, url: str) -> None:
        """Say that the process accepts requests."""
        self._send(f"READY=1\nSTATUS=Serving {url}")

    def stopping(self) -> None:
        """Say that the process stops in order."""
        self._send("STOPPING=1\nSTATUS=Stopping")

    def beat(self) -> None:
        """Say that the process works, if the manager watches it."""
        if self.beat_seconds is not None:
            self._send("WATCHDOG=1")

    @asynccontextmanager
    async def watching(self, works: Callable[[], bool]) -> AsyncIterator[None]:
        """Beat on the event loop within the block while the process works. A loop that is stuck does not, and
        the manager starts the process again."""
        if self.beat_seconds is None:
            yield
            return
        beating = asyncio.create_task(self._beat(self.beat_seconds, works))
        try:
            yield
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating

    async def _beat(self, seconds: float, works: Callable[[], bool]) -> None:
        while True:
            if works():
                self.beat()
            await asyncio.sleep(seconds)

    def _send(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
                asking.setblocking(False)
                asking.sendto(state.encode(), self._address)
        except OSError as error:
            _log.warning("the service manager cannot be told %r: %s", state, error)


NOBODY: Final = ServiceManager({})
"""Where no service manager started the process."""
