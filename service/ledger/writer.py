"""The one writer of a process, with group commit.

Deliveries that arrive while a transaction is being committed form the next one: no timer, no artificial
delay. An idle service commits one delivery at once; under load the batches grow, up to a bound. Ticks of the
clock go the same way.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from service.clock import Clock
from service.config import Account
from service.ledger import heads
from service.ledger.apply import apply
from service.ledger.engine import is_away
from service.ledger.heads import Head
from service.ledger.outcome import Outcome, Overloaded, Unavailable
from service.model import SECOND, Decoded, Delivery, Instant, Rejection

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

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Waiting:
    """A delivery in the queue, or (without one) a tick."""

    delivery: Delivery | None
    future: asyncio.Future[Outcome | None]

    @property
    def size(self) -> int:
        return len(self.delivery.body) if self.delivery is not None else 0


Measured = Callable[[int, float], None]
"""Told, from the writer's thread, the deliveries of each commit and the seconds that it took."""

Committed = Callable[[Mapping[str, Head]], None]
"""Called on the event loop after each commit, with the new head of each account in it."""


class Writer:
    """Takes deliveries and ticks from the event loop, commits them in its own thread, and resolves their
    futures.

    Args:
        engine: Opened with the role `writer`.
        accounts: By id.
        clock: Read once for each transaction.
        committed: See `Committed`.
        measured: See `Measured`.
    """

    def __init__(
        self,
        engine: Engine,
        accounts: Mapping[str, Account],
        clock: Clock,
        committed: Committed,
        measured: Measured = lambda _deliveries, _seconds: None,
    ) -> None:
        self._engine = engine
        self._accounts = accounts
        self._clock = clock
        self._committed = committed
        self._measured = measured
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._ready = threading.Condition()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="lossboard-writer", daemon=True)

    def start(self) -> None:
        """Begin to commit; called on the event loop that the futures belong to."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Commit what is in the queue, and end."""
        with self._ready:
            self._stopping = True
            self._ready.notify()
        await asyncio.to_thread(self._thread.join)

    @property
    def depth(self) -> int:
        """Deliveries that wait."""
        return len(self._queue)

    def submit(self, delivery: Delivery) -> asyncio.Future[Outcome]:
        """Queue a delivery. The future resolves after the commit that holds all of its effects.

        Raises:
            Overloaded: The queue is full, or the service is stopping; nothing was stored. (At once.)
            Unavailable: The database is away; the sender is to try again. (From the future.)
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._enqueue(_Waiting(delivery, future))  # type: ignore[arg-type]  # a delivery's future is never None
        return future

    def tick(self) -> asyncio.Future[None]:
        """Queue a tick: every account whose board the clock alone has changed is brought up to now."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._enqueue(_Waiting(None, future))  # type: ignore[arg-type]  # a tick's future is always None
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
            try:
                results, new_heads = self._commit(batch)
                self._measured(len(results), (self._clock.now() - began) / SECOND)
            except Exception as error:  # whatever it is, the senders must hear that nothing was stored
                _log.exception("a batch of %d could not be committed", len(batch))
                results, new_heads = [Unavailable(str(error))] * len(batch), {}
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._resolve, batch, results, new_heads)

    def _resolve(
        self,
        batch: Sequence[_Waiting],
        results: Sequence[Outcome | Unavailable | None],
        new_heads: Mapping[str, Head],
    ) -> None:
        if new_heads:
            self._committed(new_heads)
        for waiting, result in zip(batch, results, strict=True):
            if waiting.future.done():
                continue  # the sender went away; what it sent is stored all the same
            if isinstance(result, Unavailable):
                waiting.future.set_exception(result)
            else:
                waiting.future.set_result(result)

    def _commit(
        self, batch: Sequence[_Waiting]
    ) -> tuple[list[Outcome | Unavailable | None], dict[str, Head]]:
        """Commit a batch; if that fails for another reason than the database's absence, each delivery by
        itself."""
        deliveries = [waiting.delivery for waiting in batch if waiting.delivery is not None]
        ticks = len(deliveries) < len(batch)
        try:
            outcomes, new_heads = self._transact(deliveries, ticks=ticks)
            results: list[Outcome | Unavailable] = list(outcomes)
        except Exception as error:
            if isinstance(error, DBAPIError) and is_away(error):
                _log.warning("the database is away: %s", error)
                return [Unavailable("the database is away")] * len(batch), {}
            _log.exception("a batch of %d failed; each delivery is tried by itself", len(batch))
            results, new_heads = self._one_by_one(deliveries)
        given = iter(results)
        return [None if waiting.delivery is None else next(given) for waiting in batch], new_heads

    def _one_by_one(
        self, deliveries: Sequence[Delivery]
    ) -> tuple[list[Outcome | Unavailable], dict[str, Head]]:
        """Isolate the delivery that fails: it goes to quarantine with its traceback, its neighbours are
        applied."""
        results: list[Outcome | Unavailable] = []
        new_heads: dict[str, Head] = {}
        for delivery in deliveries:
            try:
                outcomes, changed = self._transact([delivery], ticks=False)
            except Exception as error:
                outcomes, changed = self._transact([_refused(delivery, error)], ticks=False)
            results.extend(outcomes)
            new_heads.update(changed)
        return results, new_heads

    def _transact(
        self, deliveries: Sequence[Delivery], *, ticks: bool
    ) -> tuple[list[Outcome], dict[str, Head]]:
        """One transaction. Returns the outcomes in order, and each account's new head."""
        now = self._clock.now()
        by_account: dict[str, list[int]] = {}
        for index, delivery in enumerate(deliveries):
            by_account.setdefault(delivery.account, []).append(index)
        outcomes: dict[int, Outcome] = {}
        new_heads: dict[str, Head] = {}
        with self._engine.begin() as connection:
            if ticks:
                self._add_due(connection, by_account, now)
            for account_id in sorted(by_account):  # always in this order: no two nodes wait for each other
                indexes = by_account[account_id]
                mine = [deliveries[index] for index in indexes]
                applied, new_heads[account_id] = apply(connection, self._accounts[account_id], mine, now)
                outcomes.update(zip(indexes, applied, strict=True))
        return [outcomes[index] for index in range(len(deliveries))], new_heads

    def _add_due(self, connection: Connection, by_account: dict[str, list[int]], now: Instant) -> None:
        for account_id in heads.due_accounts(connection, sorted(self._accounts), now):
            by_account.setdefault(account_id, [])


def _refused(delivery: Delivery, error: Exception) -> Delivery:
    """The same delivery, without what could not be applied, and with the reason."""
    detail = "".join(traceback.format_exception(error))
    rejection = Rejection(0, f"it could not be applied: {type(error).__name__}", detail)
    return replace(delivery, decoded=Decoded(delivery.decoded.key, rejections=(rejection,)))
