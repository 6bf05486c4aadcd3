"""A fair lock with a time limit, by which the event loop and the writer's thread take turns to compute.

Two threads of Python compute in turns anyway, by the lock of the interpreter. But a thread gives that up for
each step of a statement of SQLite, and takes it again a few microseconds later: each time the other one is
woken, finds it taken, and sleeps again. Under load that happened five times a webhook, and to wake up costs
more than to decode one. So the one that computes holds the baton as well, and the other one sleeps until it
is given: the loop gives it while it waits for events, the writer before it commits.

It is a courtesy, and nothing rests on it. Nobody waits for longer than `SECONDS` after it was taken: a disk
that does not answer stops nobody else.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from threading import Lock
from typing import Any, Final

SECONDS: Final = 0.02
"""How long it is waited for, from when it was taken: the time of the largest batch of deliveries. With a
quarter of it, most of the gain was lost."""


class Baton:
    """See the module. Two threads share it.

    Args:
        seconds: See `SECONDS`.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._taken = Lock()
        self._wanted = Lock()
        self._taken_at = 0.0

    @property
    def is_due(self) -> bool:
        """Whether somebody waits for it, and half the time of waiting is over."""
        return self._wanted.locked() and time.monotonic() >= self._taken_at + self._seconds / 2

    def take(self) -> bool:
        """Take it, after the one that waits already. False if it was not given in time."""
        with self._wanted:
            left = self._taken_at + self._seconds - time.monotonic()
            if not self._taken.acquire(timeout=max(0.0, left)):
                return False
        self._taken_at = time.monotonic()
        return True

    def give(self) -> None:
        """Give it up. Only who has taken it may."""
        self._taken.release()


class Holder:
    """What one thread knows of the baton: whether it has it."""

    def __init__(self, baton: Baton) -> None:
        self._baton = baton
        self._has_it = False

    def take(self) -> None:
        """Take it if that can be done in time."""
        self._has_it = self._has_it or self._baton.take()

    def give(self) -> None:
        """Give it up, if it was taken."""
        if self._has_it:
            self._has_it = False
            self._baton.give()


class _Selector(selectors.DefaultSelector):
    """Waits for the events of a loop that holds the baton while it computes."""

    def __init__(self, baton: Baton) -> None:
        super().__init__()
        self._baton = baton
        self._loop = Holder(baton)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Give the baton while nothing is to be done, or when it is due."""
        is_idle = timeout is None or timeout > 0
        if is_idle or self._baton.is_due:
            self._loop.give()
        ready = super().select(timeout)
        self._loop.take()
        return ready


def run(main: Callable[[Baton], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine as `asyncio.run` does, on a loop that shares the baton."""
    baton = Baton()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_Selector(baton))) as runner:
        runner.run(main(baton))
