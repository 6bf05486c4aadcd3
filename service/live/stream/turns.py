"""Threads that accounts take turns in, so that no account's boards wait behind another account's work.

An account has one call in a thread at a time, and its other calls wait in a queue of its own. A free thread
takes the next call of the account that has waited longest for its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Crowded(Exception):
    """As many calls of the account wait as may, or this one has waited for its turn for too long."""


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


class Turns:
    """See the module. Used from one event loop.

    Args:
        name: How the names of the threads begin.
        threads: The calls that run at a time.
        waiting: The calls of one account that may wait.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = threads
        self._limit = waiting
        self._waiting: dict[str, dict[Hashable, _Call[Any]]] = {}
        self._busy: set[str] = set()

    async def run(
        self, account_id: str, key: Hashable, work: Callable[[], T], seconds: float | None = None
    ) -> T:
        """What a call returns, once it is the account's turn.

        A call with the key of one that waits, and has not begun, shares its result: what that one reads is
        as new as what this one would read.

        Args:
            seconds: The time for waiting and working; None for any time.

        Raises:
            Crowded: See there.
            TimeoutError: The call has begun and is not ready in time. It keeps its thread until it is.
        """
        call = self._waiting.get(account_id, {}).get(key)
        if call is None:
            call = self._queue(account_id, key, work)
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
        for call in [call for calls in self._waiting.values() for call in calls.values()]:
            call.result.cancel()
        self._waiting.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _queue(self, account_id: str, key: Hashable, work: Callable[[], T]) -> _Call[T]:
        calls = self._waiting.setdefault(account_id, {})
        if len(calls) >= self._limit:
            raise Crowded
        call = calls[key] = _Call(work, asyncio.get_running_loop().create_future())
        self._go_on()
        return call

    def _give_up(self, account_id: str, key: Hashable) -> None:
        """Forget a call that nobody waits for."""
        calls = self._waiting[account_id]
        del calls[key]
        if not calls:
            del self._waiting[account_id]

    def _go_on(self) -> None:
        """Begin the next calls, as far as there are threads."""
        while self._free:
            following = next((one for one in self._waiting if one not in self._busy), None)
            if following is None:
                return
            calls = self._waiting.pop(following)
            call = calls.pop(next(iter(calls)))
            if calls:
                self._waiting[following] = calls  # behind all others
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
