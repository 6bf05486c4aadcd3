"""Which connections a process keeps when there are more of them than it may have.

Here a stranger is a connection on which no request has been answered with 2xx. The most idle stranger goes
first, then the most idle of the others that wait for their next request, and last the strangers that have
only just come, for the next honest client is one of them. A connection that the service owes an answer is
never closed, nor is an event stream, nor one whose request may not have been read yet. If there is no other,
nobody is closed, and those that come wait until they are accepted. Addresses do not count, because behind a
proxy all clients have one.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

MAX_HELD: Final = 32 * 1024 * 1024
"""Bytes of all unfinished heads and unread answers together."""

NEW_SECONDS: Final = 1.0
"""How long a stranger that sends nothing may still be a client whose request is on its way."""

TURN_SECONDS: Final = 0.1
"""How long a connection has in any case to send its request, so that a flood of others cannot close it before
the event loop has read what it sent."""

TOLD_SECONDS: Final = 60.0
"""The least time between two log lines of one cause."""

_log = logging.getLogger(__name__)


class Limited(Protocol):
    """A connection."""

    def cut(self) -> None:
        """Close it at once."""
        ...


class Seldom:
    """Counts what happens too often to be logged each time.

    Args:
        now: The time in seconds, which never goes back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._count = 0
        self._told: float | None = None

    def count(self) -> int:
        """Count once more; returns the number since the last line if it is time for another one, else 0."""
        self._count += 1
        now = self._now()
        if self._told is not None and now - self._told < TOLD_SECONDS:
            return 0
        count, self._count, self._told = self._count, 0, now
        return count


class ConnectionLimit:
    """The open connections of a process.

    Args:
        limit: How many may be open at once.
        now: See `Seldom`.
        on_closed: Called for each connection that is closed because there are too many.
    """

    def __init__(self, limit: int, now: Callable[[], float], on_closed: Callable[[], None]) -> None:
        self._most = limit
        self._on_closed = on_closed
        self._crowded = Seldom(now)
        self._open = 0
        self._now = now
        self._strangers: OrderedDict[Limited, float] = OrderedDict()
        self._waiting: OrderedDict[Limited, float] = OrderedDict()
        self._holding: OrderedDict[Limited, int] = OrderedDict()
        self._held = 0

    def has_room(self) -> bool:
        """Whether one more connection may be accepted, if need be because another one may be closed."""
        return self._open < self._most or self._most_idle() is not None

    def accepted(self) -> None:
        """Count a new connection. Over the limit the most idle one is closed."""
        self._open += 1
        if self._open > self._most:
            self.close_most_idle()

    def opened(self, connection: Limited) -> None:
        """Note a connection that was accepted, and whose turn it is to send something."""
        self._strangers[connection] = self._now()

    def serving(self, connection: Limited) -> None:
        """Note that a request is complete, and that its answer is not."""
        self._strangers.pop(connection, None)
        self._waiting.pop(connection, None)

    def idle(self, connection: Limited, *, proven: bool) -> None:
        """Note that it is a client's turn, as of now, and whether a request was answered with 2xx on its
        connection."""
        self.serving(connection)
        (self._waiting if proven else self._strangers)[connection] = self._now()

    def holding(self, connection: Limited, size: int) -> None:
        """Note the size of what is kept for a connection until its client goes on: 0 if nothing is. Over the
        total the connection of which this was not noted for the longest time is closed."""
        self._held += size - self._holding.pop(connection, 0)
        if size:
            self._holding[connection] = size
        while self._held > MAX_HELD:
            self._close(next(iter(self._holding)))

    def closed(self, connection: Limited) -> None:
        """Note that a connection has ended."""
        self._open -= 1
        self._forget(connection)

    def close_most_idle(self) -> None:
        """Close one connection, if one may be closed."""
        connection = self._most_idle()
        if connection is not None:
            self._close(connection)

    def _most_idle(self) -> Limited | None:
        """The connection that goes first; None if none may be closed."""
        now = self._now()
        for idle, since in (
            (self._strangers, now - NEW_SECONDS),
            (self._waiting, math.inf),
            (self._strangers, now - TURN_SECONDS),
        ):
            connection = next(iter(idle), None)
            if connection is not None and idle[connection] <= since:
                return connection
        return None

    def _close(self, connection: Limited) -> None:
        self._forget(connection)
        connection.cut()
        self._on_closed()
        if count := self._crowded.count():
            _log.warning("%d connections are open: closed %d of the most idle", self._open, count)

    def _forget(self, connection: Limited) -> None:
        self.serving(connection)
        self._held -= self._holding.pop(connection, 0)
