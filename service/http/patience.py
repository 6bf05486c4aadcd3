"""How long a kept-alive connection waits for its client's next request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Patience:
    """One timer for all requests of a connection: to set one for each would cost a webhook more than to parse
    it.

    Args:
        seconds: From an answer to the next request.
        over: Called when as much has passed since the last answer. A request may be under way.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, over: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._over = over
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Wait from now on."""
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def end(self) -> None:
        """Wait no more, and never again."""
        self._over = _nothing  # it leads back here
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        left = self._since + self._seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._timer = None
            self._over()


def _nothing() -> None:
    """Nobody waits any more."""
