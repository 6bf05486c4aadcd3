"""What waits for the writer's thread: deliveries in one queue, ticks of the clock in another."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from service.ledger.database.errors import Unavailable
from service.ledger.write.heads import CLOCK_SKEW
from service.ledger.write.outcome import Outcome, Overloaded
from service.model import Delivery, Micros

BATCH_DELIVERIES: Final = 256
"""Deliveries in one transaction at most."""

BATCH_BYTES: Final = 4 * 2**20
"""Bytes of bodies in one transaction at most (one delivery alone may be larger)."""

QUEUE_DELIVERIES: Final = 5_000
"""Deliveries that may wait: a second or two of work for an ordinary machine."""

QUEUE_BYTES: Final = 64 * 2**20
"""Bytes of bodies that may wait."""

RETRY_AFTER: Final = 2
"""Seconds after which a refused sender may try again."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A delivery, and what its sender waits for."""

    delivery: Delivery
    future: asyncio.Future[Outcome]

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.delivery.body)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The ticks that wait, which one tick answers, and deliveries for one transaction; both empty for a
    probe.

    Args:
        skew: Of the ticks; see `heads.moment_after`.
    """

    ticks: Sequence[asyncio.Future[int]]
    deliveries: Sequence[Waiting]
    skew: Micros = CLOCK_SKEW

    def fail(self, error: Unavailable) -> int:
        """Give the error to everybody who still waits; returns how many there were. On the event loop."""
        failed = [answer(future, error) for future in self.ticks]
        return sum(failed + [answer(waiting.future, error) for waiting in self.deliveries])


class Queue:
    """The two queues. The event loop fills them, and one thread takes batches from them."""

    def __init__(self) -> None:
        self._ticks: list[asyncio.Future[int]] = []
        self._skew = CLOCK_SKEW
        self._deliveries: deque[Waiting] = deque()
        self._bytes = 0
        self._probes = False
        self._ready = threading.Condition()
        self._closed = False

    @property
    def depth(self) -> int:
        """Deliveries that wait."""
        return len(self._deliveries)

    def add(self, delivery: Delivery) -> asyncio.Future[Outcome]:
        """Add a delivery. Raises `Overloaded` if the queue is full or closed."""
        waiting = Waiting(delivery, asyncio.get_running_loop().create_future())
        with self._ready:
            full = self.depth >= QUEUE_DELIVERIES or self._bytes + waiting.size > QUEUE_BYTES
            if self._closed or full:
                raise Overloaded(RETRY_AFTER)
            self._deliveries.append(waiting)
            self._bytes += waiting.size
            self._ready.notify()
        return waiting.future

    def add_tick(self, skew: Micros) -> asyncio.Future[int]:
        """Add a tick. The smallest `skew` of those that wait counts. Raises `Overloaded` if the queue is
        closed."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        with self._ready:
            if self._closed:
                raise Overloaded(RETRY_AFTER)
            self._ticks.append(future)
            self._skew = min(self._skew, skew)
            self._ready.notify()
        return future

    def add_probe(self) -> None:
        """Have an empty batch taken, unless another waits."""
        with self._ready:
            self._probes = True
            self._ready.notify()

    def close(self) -> None:
        """Take no more."""
        with self._ready:
            self._closed = True
            self._ready.notify()

    def take(self) -> Batch | None:
        """Wait for the next batch; None once the queue is closed and empty."""
        with self._ready:
            while not (self._ticks or self._deliveries or self._probes):
                if self._closed:
                    return None
                self._ready.wait()
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
            return Batch(ticks, deliveries, skew)

    def clear(self) -> Batch:
        """Take everything that waits."""
        with self._ready:
            everything = Batch(self._ticks, [*self._deliveries])
            self._ticks = []
            self._deliveries.clear()
            self._bytes = 0
        return everything


def answer(future: asyncio.Future[T], result: T | Unavailable) -> bool:
    """Resolve a future on the event loop; False if its sender went away or was told to try again."""
    if future.done():
        return False
    if isinstance(result, Unavailable):
        future.set_exception(result)
    else:
        future.set_result(result)
    return True
