"""What waits for the writer's thread: deliveries in one queue, ticks of the clock in another.

A sender waits for a bounded time, so the queue is bounded by the time that it takes at the present pace. What
could not be committed in time is refused at once. Should the pace drop later, those who would wait too long
are told as soon as that is known.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from sqlalchemy import Connection

from service.config import Account
from service.ledger.database.errors import Unavailable
from service.ledger.write.heads import CLOCK_SKEW, Head
from service.ledger.write.outcome import Outcome, Overloaded
from service.model import Delivery, Micros

BATCH_DELIVERIES: Final = 256
"""Deliveries in one transaction at most."""

BATCH_BYTES: Final = 4 * 2**20
"""Bytes of bodies in one transaction at most (one delivery alone may be larger)."""

QUEUE_DELIVERIES: Final = 5_000
"""Deliveries that may wait, however fast they are committed, because they take memory."""

QUEUE_BYTES: Final = 64 * 2**20
"""Bytes of bodies that may wait."""

ANSWER_SECONDS: Final = 9.0
"""How long a sender may wait: one second less than is promised."""

RETRY_AFTER: Final = range(2, 61)
"""Seconds after which a refused sender may try again: until the queue is empty at the present pace."""

_REFUSALS: Final = Unavailable, Overloaded

T = TypeVar("T")


class Waiting(msgspec.Struct, frozen=True, eq=False):
    """A delivery, what its sender waits for, and since when."""

    delivery: Delivery
    future: asyncio.Future[Outcome]
    since: float

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.delivery.body)


@dataclass(frozen=True, slots=True, eq=False)
class Adoption:
    """Other accounts, for which the writer shall commit from now on.

    Args:
        accounts: By id.
        prepare: Prepares the database for them in a transaction, and returns the heads that it changed.
        future: Resolves once the writer commits for them.
    """

    accounts: Mapping[str, Account]
    prepare: Callable[[Connection], dict[str, Head]]
    future: asyncio.Future[None]

    def settle(self, error: Exception | None) -> None:
        """Resolve the future on the event loop, unless nobody waits any more."""
        if self.future.done():
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The ticks that wait, which one tick answers, and deliveries for one transaction; both empty for a
    probe.

    Args:
        skew: Of the ticks; see `heads.moment_after`.
        adoption: Comes alone.
    """

    ticks: Sequence[asyncio.Future[int]]
    deliveries: Sequence[Waiting]
    skew: Micros = CLOCK_SKEW
    adoption: Adoption | None = None

    def fail(self, error: Unavailable, since: float = math.inf) -> int:
        """Give the error to everybody who still waits, or to the senders who do since a moment or before it;
        returns how many there were. On the event loop."""
        failed = [answer(future, error) for future in self.ticks] if since == math.inf else []
        late = [waiting for waiting in self.deliveries if waiting.since <= since]
        return sum(failed + [answer(waiting.future, error) for waiting in late])


class Queue:
    """The two queues. The event loop fills them, and one thread takes batches from them.

    Args:
        patience: Seconds that a sender may wait.
        now: A monotonic clock, in seconds. Senders wait by the machine's own.
    """

    def __init__(self, patience: float = ANSWER_SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        self.patience = patience
        self.now = now
        self._seconds = 0.0
        self._began: float | None = None
        self._ticks: list[asyncio.Future[int]] = []
        self._skew = CLOCK_SKEW
        self._deliveries: deque[Waiting] = deque()
        self._bytes = 0
        self._probes = False
        self._adoptions: list[Adoption] = []
        self._ready = threading.Condition()
        self._closed = False

    @property
    def depth(self) -> int:
        """Deliveries that wait."""
        return len(self._deliveries)

    def add(self, delivery: Delivery) -> asyncio.Future[Outcome]:
        """Add a delivery. Raises `Overloaded` if the queue is full or closed, or if the delivery could not be
        committed in time. If nothing else waits it is tried, because only a commit shows the pace."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        with self._ready:
            number, size = len(self._deliveries) + 1, self._bytes + len(delivery.body)
            full = number > QUEUE_DELIVERIES or size > QUEUE_BYTES
            is_first = number == 1 and self._began is None
            late = not is_first and self._seconds_for(number, size) > self._in_time
            if self._closed or full or late:
                raise self._overloaded()
            self._deliveries.append(Waiting(delivery, future, self.now()))
            self._bytes = size
            self._ready.notify()
        return future

    def add_tick(self, skew: Micros) -> asyncio.Future[int]:
        """Add a tick. The smallest `skew` of those that wait counts. Raises `Overloaded` if the queue is
        closed."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        with self._ready:
            if self._closed:
                raise self._overloaded()
            self._ticks.append(future)
            self._skew = min(self._skew, skew)
            self._ready.notify()
        return future

    def add_probe(self) -> None:
        """Have an empty batch taken, unless another waits."""
        with self._ready:
            self._probes = True
            self._ready.notify()

    def add_adoption(self, adoption: Adoption) -> None:
        """Have an adoption taken before what waits."""
        with self._ready:
            if self._closed:
                raise self._overloaded()
            self._adoptions.append(adoption)
            self._ready.notify()

    def close(self) -> None:
        """Take no more."""
        with self._ready:
            self._closed = True
            self._ready.notify()

    def wait(self) -> bool:
        """Wait for the next batch; False once the queue is closed and empty. It shows that the batch before
        it was committed."""
        with self._ready:
            self._note_pace()
            while not (self._ticks or self._deliveries or self._probes or self._adoptions):
                if self._closed:
                    return False
                self._ready.wait()
        return True

    def take(self) -> Batch:
        """The next batch. It is empty if nothing waits any more."""
        with self._ready:
            if self._adoptions:
                return Batch((), (), adoption=self._adoptions.pop(0))
            self._probes = False
            ticks, self._ticks = self._ticks, []
            skew, self._skew = self._skew, CLOCK_SKEW
            deliveries: list[Waiting] = []
            size = 0
            while self._deliveries and len(deliveries) < BATCH_DELIVERIES:
                size += self._deliveries[0].size
                if deliveries and size > BATCH_BYTES:
                    break
                deliveries.append(self._deliveries.popleft())
            self._bytes -= sum(waiting.size for waiting in deliveries)
            self._began = self.now()
            return Batch(ticks, deliveries, skew)

    def refuse_late(self) -> int:
        """Refuse those who would wait too long at the pace of the last commits; returns how many there were.
        On the event loop."""
        kept: deque[Waiting] = deque()
        late: list[Waiting] = []
        with self._ready:
            size = 0
            for waiting in self._deliveries:
                left = waiting.since + self.patience - self.now()
                if self._seconds_for(len(kept) + 1, size + waiting.size, self._seconds) > left:
                    late.append(waiting)
                else:
                    kept.append(waiting)
                    size += waiting.size
            self._deliveries, self._bytes = kept, size
            overloaded = self._overloaded()
        return sum(answer(waiting.future, overloaded) for waiting in late)

    @property
    def _in_time(self) -> float:
        """Seconds in which a delivery that comes now must be committed: fewer than its sender waits, because
        the pace varies."""
        return self.patience * 0.9

    def _note_pace(self) -> None:
        """Take a slower commit for the pace at once, and a faster one by half."""
        if self._began is not None:
            seconds = self.now() - self._began
            self._seconds = max(seconds, (self._seconds + seconds) / 2)
            self._began = None

    def _seconds_for(self, deliveries: int, size: int, least: float = 0.0) -> float:
        """Seconds until so many deliveries that wait are committed, by the last commits' pace. A commit under
        way that takes longer already is the pace, unless `least` is given: it may be the only one."""
        batches = max(math.ceil(deliveries / BATCH_DELIVERIES), math.ceil(size / BATCH_BYTES))
        elapsed = 0.0 if self._began is None else self.now() - self._began
        seconds = least or max(self._seconds, elapsed)
        under_way = 0.0 if self._began is None else max(seconds - elapsed, 0.0)
        return under_way + batches * seconds

    def _overloaded(self) -> Overloaded:
        seconds = math.ceil(self._seconds_for(self.depth, self._bytes))
        return Overloaded(min(max(seconds, RETRY_AFTER.start), RETRY_AFTER.stop - 1))

    def clear(self) -> Batch:
        """Take everything that waits."""
        with self._ready:
            everything = Batch(self._ticks, [*self._deliveries])
            self._ticks = []
            self._deliveries.clear()
            self._bytes = 0
        return everything


def answer(future: asyncio.Future[T], result: T | Unavailable | Overloaded) -> bool:
    """Resolve a future on the event loop; False if its sender went away or was told to try again."""
    if future.done():
        return False
    if isinstance(result, _REFUSALS):
        future.set_exception(result)
    else:
        future.set_result(result)
    return True
