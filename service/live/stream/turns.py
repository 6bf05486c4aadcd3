"""Threads that accounts take turns in, so that no account's boards wait behind another account's work.

An account has one call in a thread at a time, and its other calls wait in a queue of its own. A free thread
takes the next call of the account that has waited longest for its turn; within an account, its screens take
turns in the same way, so that one who asks for much does not keep the others of the office waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from service.live.stream.places import share

T = TypeVar("T")


class Crowded(Exception):
    """As many calls of the account or of the screen wait as may, or this one has waited for its turn for too
    long."""


@dataclass(slots=True, eq=False)
class _Call(Generic[T]):
    """A call that waits for its turn.

    Args:
        askers: How many wait for its result.
    """

    work: Callable[[], T]
    result: asyncio.Future[T]
    askers: int = 0
    begun: bool = False


class _Queue:
    """The calls of one account that wait."""

    def __init__(self) -> None:
        self.calls: dict[Hashable, _Call[Any]] = {}
        self._screens: dict[Hashable, deque[Hashable]] = {}

    def waiting(self, screen: Hashable) -> int:
        """How many calls of a screen wait."""
        return len(self._screens.get(screen, ()))

    def add(self, screen: Hashable, key: Hashable, call: _Call[Any]) -> None:
        """Add a call that a screen asked for."""
        self.calls[key] = call
        self._screens.setdefault(screen, deque()).append(key)

    def remove(self, key: Hashable) -> None:
        """Forget a call."""
        del self.calls[key]
        for screen, keys in list(self._screens.items()):
            if key in keys:
                keys.remove(key)
            if not keys:
                del self._screens[screen]

    def take(self) -> _Call[Any]:
        """The next call of the screen that has waited longest for its turn."""
        screen = next(iter(self._screens))
        keys = self._screens.pop(screen)
        call = self.calls.pop(keys.popleft())
        if keys:
            self._screens[screen] = keys  # behind all others
        return call


class Turns:
    """See the module. Used from one event loop.

    Args:
        name: How the names of the threads begin.
        threads: The calls that run at a time.
        waiting: The calls of one account that may wait; of one screen, four fifths of them.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = threads
        self._limit = waiting
        self._waiting: dict[str, _Queue] = {}
        self._busy: set[str] = set()

    async def run(
        self,
        account_id: str,
        key: Hashable,
        work: Callable[[], T],
        seconds: float | None = None,
        screen: Hashable = None,
    ) -> T:
        """What a call returns, once it is the account's turn.

        A call with the key of one that waits, and has not begun, shares its result: what that one reads is
        as new as what this one would read.

        Args:
            seconds: The time for waiting and working; None for any time.
            screen: Who asks.

        Raises:
            Crowded: See there.
            TimeoutError: The call has begun and is not ready in time. It keeps its thread until it is.
        """
        queue = self._waiting.get(account_id)
        call = None if queue is None else queue.calls.get(key)
        if call is None:
            call = self._add(account_id, screen, key, work)
        call.askers += 1
        try:
            async with asyncio.timeout(seconds):
                result: T = await asyncio.shield(call.result)
        except TimeoutError:
            if call.begun:
                raise
            raise Crowded from None
        finally:
            call.askers -= 1
            if not call.askers and not call.begun and not call.result.done():
                self._give_up(account_id, key)
        return result

    def stop(self) -> None:
        """Begin no more calls, and end the threads once the calls that have begun are ready."""
        self._limit = 0
        for queue in self._waiting.values():
            for call in queue.calls.values():
                call.result.cancel()
        self._waiting.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _add(self, account_id: str, screen: Hashable, key: Hashable, work: Callable[[], T]) -> _Call[T]:
        queue = self._waiting.get(account_id, _Queue())
        if len(queue.calls) >= self._limit or queue.waiting(screen) >= share(self._limit):
            raise Crowded
        inside = partial(copy_context().run, work)  # what it logs belongs to the frame that asked for it
        call = _Call(inside, asyncio.get_running_loop().create_future())
        queue.add(screen, key, call)
        self._waiting.setdefault(account_id, queue)
        self._go_on()
        return call

    def _give_up(self, account_id: str, key: Hashable) -> None:
        """Forget a call that nobody waits for."""
        queue = self._waiting[account_id]
        queue.remove(key)
        if not queue.calls:
            del self._waiting[account_id]

    def _go_on(self) -> None:
        """Begin the next calls, as far as there are threads."""
        while self._free:
            following = next((one for one in self._waiting if one not in self._busy), None)
            if following is None:
                return
            queue = self._waiting.pop(following)
            call = queue.take()
            if queue.calls:
                self._waiting[following] = queue  # behind all others
            self._begin(following, call)

    def _begin(self, account_id: str, call: _Call[Any]) -> None:
        call.begun = True
        self._free -= 1
        self._busy.add(account_id)
        working = asyncio.get_running_loop().run_in_executor(self._pool, call.work)

        def finish(worked: asyncio.Future[Any]) -> None:
            self._free += 1
            self._busy.discard(account_id)
            _hand_on(worked, call)
            self._go_on()

        working.add_done_callback(finish)


def _hand_on(worked: asyncio.Future[Any], call: _Call[Any]) -> None:
    """Give the result of a call to those who wait for it, if any still does."""
    error = None if worked.cancelled() else worked.exception()
    if not call.askers or worked.cancelled():
        call.result.cancel()
    elif error is not None:
        call.result.set_exception(error)
    else:
        call.result.set_result(worked.result())
