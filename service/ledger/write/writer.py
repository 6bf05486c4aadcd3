"""The one writer of a process, with group commit.

Deliveries that arrive while a transaction is being committed form the next one: no timer, no artificial
delay. An idle service commits one delivery at once; under load the batches grow, up to a bound. Ticks of the
clock go the same way, each in a transaction of its own.

A thread that waits for a database cannot be called back. So that nobody who sent something waits with it, the
event loop looks after the thread: what a batch has not answered in time is answered for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.clock import Clock
from service.config import Account
from service.ledger.database.database import DEADLINE_SECONDS, Database
from service.ledger.database.errors import Unavailable
from service.ledger.write.committer import Committer, Heads, Result
from service.ledger.write.heads import Head
from service.ledger.write.outcome import Outcome, Overloaded
from service.model import SECOND, Delivery

BATCH_DELIVERIES: Final = 256
"""Deliveries in one transaction at most."""

BATCH_BYTES: Final = 4 * 2**20
"""Bytes of bodies in one transaction at most (one delivery may be larger by itself)."""

QUEUE_DELIVERIES: Final = 5_000
"""Deliveries that may wait; at the pace of an ordinary machine that is a second or two of work."""

QUEUE_BYTES: Final = 64 * 2**20
"""Bytes of bodies that may wait."""

RETRY_AFTER: Final = 2
"""Seconds after which a refused sender may try again."""

_LOOK: Final = 0.5  # seconds between two looks at the thread

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Waiting:
    """A delivery in the queue, or (without one) a tick."""

    delivery: Delivery | None
    future: asyncio.Future[Outcome | int]

    @property
    def size(self) -> int:
        return len(self.delivery.body) if self.delivery is not None else 0


Measure = Callable[[int, float], None]
"""Told, from the writer's thread, the deliveries of each commit and the seconds that it took."""

OnCommit = Callable[[Mapping[str, Head]], None]
"""Called on the event loop after each commit, with the new head of each account in it."""


class Writer:
    """Takes deliveries and ticks from the event loop, commits them in its own thread, and resolves their
    futures.

    Args:
        accounts: By id.
        clock: Read once for each transaction.
        measure: See `Measure`.
        patience: Seconds that a batch may take before those who wait are told to try again.
    """

    def __init__(
        self,
        database: Database,
        accounts: Mapping[str, Account],
        clock: Clock,
        measure: Measure = lambda _deliveries, _seconds: None,
        patience: float = DEADLINE_SECONDS,
    ) -> None:
        self._committer = Committer(database, accounts, clock)
        self._patience = patience
        self._clock = clock
        self.on_commit: list[OnCommit] = []
        self._measure = measure
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._ready = threading.Condition()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._batch: Sequence[_Waiting] = ()
        self._batch_began = 0.0
        self._watching: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="lossboard-writer", daemon=True)

    def start(self) -> None:
        """Begin to commit; called on the event loop that the futures belong to."""
        self._loop = asyncio.get_running_loop()
        self._watching = self._loop.create_task(self._watch())
        self._thread.start()

    async def stop(self) -> None:
        """Commit what is in the queue, and end; a database that does not answer is not waited for."""
        with self._ready:
            self._stopping = True
            self._ready.notify()
        await asyncio.to_thread(self._thread.join, 2 * self._patience)
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    @property
    def depth(self) -> int:
        """Deliveries that wait."""
        return len(self._queue)

    @property
    def outdated(self) -> Collection[str]:
        """Accounts that this process refuses webhooks for, because their rules are another node's."""
        return self._committer.outdated

    def submit(self, delivery: Delivery) -> asyncio.Future[Outcome]:
        """Queue a delivery. The future resolves after the commit that holds all of its effects.

        Raises:
            Overloaded: The queue is full, or the service is stopping; nothing was stored. (At once.)
            Unavailable: The database is away; the sender is to try again. (From the future.)
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._enqueue(_Waiting(delivery, future))  # type: ignore[arg-type]  # a delivery gives an outcome
        return future

    def tick(self) -> asyncio.Future[int]:
        """Queue a tick: boards that the clock alone has changed are brought up to now, some of them at once.

        Returns:
            How many there were, not counting those that another transaction had in hand.

        Raises:
            Overloaded, Unavailable: As above.
        """
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._enqueue(_Waiting(None, future))  # type: ignore[arg-type]  # a tick gives a number
        return future

    def _enqueue(self, waiting: _Waiting) -> None:
        with self._ready:
            full = len(self._queue) >= QUEUE_DELIVERIES or self._queued_bytes + waiting.size > QUEUE_BYTES
            if self._stopping or (full and waiting.delivery is not None):
                raise Overloaded(RETRY_AFTER)
            self._queue.append(waiting)
            self._queued_bytes += waiting.size
            self._ready.notify()

    def _take(self) -> list[_Waiting]:
        """The next batch; empty when the writer is to end."""
        with self._ready:
            while not self._queue and not self._stopping:
                self._ready.wait()
            batch: list[_Waiting] = []
            size = 0
            while self._queue and len(batch) < BATCH_DELIVERIES:
                size += self._queue[0].size
                if batch and size > BATCH_BYTES:
                    break
                batch.append(self._queue.popleft())
            self._queued_bytes -= sum(waiting.size for waiting in batch)
            return batch

    def _run(self) -> None:
        while batch := self._take():
            began = self._clock.now()
            with self._ready:
                self._batch, self._batch_began = batch, self._now()
            try:
                results, new_heads = self._commit(batch)
            except (
                Exception
            ) as error:  # whatever it is, the senders must hear that nothing is known to be stored
                _log.exception("a batch of %d could not be committed", len(batch))
                results, new_heads = [Unavailable(str(error))] * len(batch), {}
            else:
                self._measure(len(results), (self._clock.now() - began) / SECOND)
            with self._ready:
                self._batch = ()
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._resolve, batch, results, new_heads)

    def _commit(self, batch: Sequence[_Waiting]) -> tuple[list[Result | int], Heads]:
        """Ticks first: they are what screens wait for without knowing."""
        deliveries = [waiting.delivery for waiting in batch if waiting.delivery is not None]
        ticked: Unavailable | int = 0
        new_heads: Heads = {}
        if len(deliveries) < len(batch):
            try:
                new_heads = self._committer.tick()
                ticked = len(new_heads)
            except Unavailable as error:
                ticked = error
        results, changed = self._committer.commit(deliveries) if deliveries else ([], {})
        given = iter(results)
        return (
            [ticked if waiting.delivery is None else next(given) for waiting in batch],
            {**new_heads, **changed},
        )

    def _resolve(
        self, batch: Sequence[_Waiting], results: Sequence[Result | int], new_heads: Mapping[str, Head]
    ) -> None:
        if new_heads:
            for subscriber in self.on_commit:
                subscriber(new_heads)
        for waiting, result in zip(batch, results, strict=True):
            if waiting.future.done():
                continue  # the sender went away, or was told to try again; it may be stored all the same
            if isinstance(result, Unavailable):
                waiting.future.set_exception(result)
            else:
                waiting.future.set_result(result)

    def _now(self) -> float:
        return self._loop.time() if self._loop is not None else 0.0

    async def _watch(self) -> None:
        """Answer for a batch that takes too long, and for what waits behind it."""
        while True:
            await asyncio.sleep(min(_LOOK, self._patience / 4))
            with self._ready:
                if not self._batch or self._now() - self._batch_began < self._patience:
                    continue
                given_up = [*self._batch, *self._queue]
                self._queue.clear()
                self._queued_bytes = 0
            told = [waiting for waiting in given_up if not waiting.future.done()]
            if told:
                _log.warning("the database does not answer: %d are told to try again", len(told))
            for waiting in told:
                waiting.future.set_exception(Unavailable("the database does not answer"))
