"""Accepts connections as long as there is room for them; the others wait in the kernel's queue.

asyncio's own server accepts whatever comes. A connection for which there is no room could only be closed
then, although its client may be an honest one, whose request has not even been read.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from collections.abc import Callable
from typing import Final

from service.http.connection_limit import ConnectionLimit, Seldom

AT_ONCE: Final = 32
"""Connections that are accepted before others get their turn."""

PAUSE_SECONDS: Final = 0.02
"""How long an acceptor waits before it looks again whether there is room."""

_NO_RESOURCES: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

_log = logging.getLogger(__name__)


class Acceptor:
    """Accepts the connections of one listening socket, from the moment that it is made.

    Args:
        listening: Does not block.
        connection: Makes the protocol of a connection.
        limit: Says whether there is room for one more.
        loop: The running event loop.
    """

    def __init__(
        self,
        listening: socket.socket,
        connection: Callable[[], asyncio.Protocol],
        limit: ConnectionLimit,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._listening = listening
        self._connection = connection
        self._limit = limit
        self._loop = loop
        self._failed = Seldom(time.monotonic)
        self._pause: asyncio.TimerHandle | None = None
        self._coming: set[asyncio.Task[object]] = set()
        self._listen()

    async def close(self) -> None:
        """Accept no more, and wait until those that were accepted have their protocol."""
        self._loop.remove_reader(self._listening)
        if self._pause is not None:
            self._pause.cancel()
        self._listening.close()
        if self._coming:
            await asyncio.wait(self._coming)

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        """Accept those that wait, up to `AT_ONCE`."""
        for _ in range(AT_ONCE):
            if not self._limit.has_room():
                self._wait()
                return
            try:
                accepted, _address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return  # nobody waits, or another process was faster
            except OSError as error:
                if error.errno not in _NO_RESOURCES:
                    raise
                self._limit.close_most_idle()
                if count := self._failed.count():
                    _log.error("connections cannot be accepted (%d times): %s", count, error)
                self._wait()
                return
            self._limit.accepted()
            connecting = self._loop.connect_accepted_socket(self._connection, accepted)
            task = self._loop.create_task(connecting)
            self._coming.add(task)
            task.add_done_callback(self._coming.discard)

    def _wait(self) -> None:
        """Leave those that wait where they are for a moment; their socket would be reported all the time."""
        self._loop.remove_reader(self._listening)
        self._pause = self._loop.call_later(PAUSE_SECONDS, self._listen)
