"""The one writer of a process, with group commit.

Deliveries that arrive while a transaction is being committed form the next one: no timer, no artificial
delay. An idle service commits one delivery at once; under load the batches grow, up to a bound. Ticks of the
clock have a queue of their own and a transaction of their own, before the deliveries'.

A thread that waits for a database cannot be interrupted. So that no sender waits with it, the event loop
watches the thread and answers for a batch that takes too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from sqlalchemy import Connection

from service.baton import Baton, Holder
from service.clock import Clock
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.database.errors import Away, Corrupt, CutShort, Locked, Moved, Unavailable
from service.ledger.write.committer import Committer, Heads, Result
from service.ledger.write.heads import CLOCK_SKEW, Head
from service.ledger.write.outcome import Outcome
from service.ledger.write.queue import ANSWER_SECONDS, Adoption, Batch, Queue, answer
from service.model import Delivery, Micros
from service.telemetry.tracing import UNTRACED, Tracing

_WATCH_SECONDS: Final = 0.5
"""Between two looks at the thread."""

PROBE_SECONDS: Final = 5.0
"""After the last commit, until it is probed whether anything can be stored."""

_log = logging.getLogger(__name__)

Measure: TypeAlias = Callable[[int, float], None]
"""Called from the writer's thread with the number of deliveries in a commit and the seconds that it took."""

Fault: TypeAlias = Corrupt | Moved
"""What is wrong with the database itself, and does not pass."""

OnCommit: TypeAlias = Callable[[Mapping[str, Head]], None]
"""Called on the event loop after each commit, with the new head of each account in it."""


@dataclass(frozen=True, slots=True)
class _Committed:
    """What became of a batch: how many boards its tick brought up to now, and each delivery's result.

    Args:
        stored: Whether anything could be stored; None where nothing shows it.
        fault: See `Writer.on_fault`.
        refused: Why accounts were not adopted.
    """

    ticked: int | Unavailable
    results: Sequence[Result]
    new_heads: Heads
    stored: bool | None = None
    fault: Fault | None = None
    refused: Exception | None = None


def _is_stored(committed: _Committed) -> bool | None:
    """Whether a batch shows that anything can be stored. A lock, or rules of another node, show nothing."""
    results = [*committed.results, committed.ticked]
    if any(isinstance(result, Away | Corrupt | CutShort) for result in results):
        return False
    has_stored = committed.new_heads or any(isinstance(result, Outcome) for result in committed.results)
    return True if has_stored else None


class Writer:
    """Takes deliveries and ticks from the event loop, commits them in its own thread, and resolves their
    futures.

    Args:
        accounts: By id.
        clock: Read once for each transaction.
        measure: See `Measure`.
        patience: Seconds that a sender may wait before it is told to try again.
        tracing: Follows each delivery to its commit.
        baton: Shared with the event loop.

    Attributes:
        on_commit: The subscribers; see `OnCommit`. They are called before the senders are answered.
        storing: False while nothing can be stored: the disk is full, or the database is away.
        on_storing: Called on the event loop after `storing` changed.
        on_fault: Called on the event loop with what is wrong with the database itself: a page is damaged, or
            its file is no longer at its path.
    """

    def __init__(
        self,
        database: Database,
        accounts: Mapping[str, Account],
        clock: Clock,
        measure: Measure = lambda _deliveries, _seconds: None,
        patience: float = ANSWER_SECONDS,
        tracing: Tracing = UNTRACED,
        baton: Baton | None = None,
    ) -> None:
        self.on_commit: list[OnCommit] = []
        self.storing = True
        self.on_storing: list[Callable[[], None]] = []
        self.on_fault: list[Callable[[Fault], None]] = []
        self._turn = Holder(baton or Baton())
        self._committer = Committer(database, accounts, clock, self._turn)
        self._clock = clock
        self._tracing = tracing
        self._measure = measure
        self._queue = Queue(patience)
        self._shown_at = self._queue.now()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._current: tuple[Batch, float] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="lossboard-writer", daemon=True)

    def start(self) -> None:
        """Begin to commit. Call it on the event loop that the futures belong to."""
        self._loop = asyncio.get_running_loop()
        self._watching = self._loop.create_task(self._watch())
        self._thread.start()

    async def stop(self) -> None:
        """Commit what is in the queues, and end. Do not wait for a database that does not answer."""
        self._queue.close()
        await asyncio.to_thread(self._thread.join, 2 * self._queue.patience)
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def depth(self) -> int:
        """Deliveries that wait."""
        return self._queue.depth

    @property
    def outdated(self) -> Collection[str]:
        """Accounts whose webhooks this process refuses, because another node has newer rules for them."""
        return self._committer.outdated

    def submit(self, delivery: Delivery) -> asyncio.Future[Outcome]:
        """Queue a delivery. The future resolves after the commit that holds all of its effects.

        Raises:
            Overloaded: The queue is full, or the service is stopping; nothing was stored. (At once, or from
                the future as soon as it is known that it would take too long.)
            Unavailable: The database is away; the sender must try again. (From the future.)
        """
        future = self._queue.add(delivery)
        self._tracing.submitted(delivery, future)
        return future

    def tick(self, skew: Micros = CLOCK_SKEW) -> asyncio.Future[int]:
        """Queue a tick: boards that the clock alone has changed are brought up to now, some of them at once.

        Args:
            skew: See `Committer.tick`.

        Returns:
            How many there were, not counting those that another transaction holds.

        Raises:
            Overloaded: The service is stopping. (At once.)
            Unavailable: The database is away. (From the future.)
        """
        return self._queue.add_tick(skew)

    def adopt(
        self, accounts: Mapping[str, Account], prepare: Callable[[Connection], Heads]
    ) -> asyncio.Future[None]:
        """Commit for other accounts from now on; see `Adoption`. The future has the error if the database
        cannot be prepared for them: then nothing changes."""
        adoption = Adoption(accounts, prepare, asyncio.get_running_loop().create_future())
        self._queue.add_adoption(adoption)
        return adoption.future

    def _run(self) -> None:
        while self._queue.wait():
            self._turn.take()  # first: what comes while it waits for that belongs to the batch
            batch = self._queue.take()
            self._current = batch, self._queue.now()
            if not batch.deliveries:
                self._turn.give()
            if batch.adoption is not None:
                committed = self._adopt(batch.adoption)
            else:
                committed = self._commit(batch) if batch.ticks or batch.deliveries else self._probe()
            self._current = None
            self._turn.give()
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._resolve, batch, committed)

    def _commit(self, batch: Batch) -> _Committed:
        """Commit the tick first: screens wait for it without knowing."""
        began = self._clock.monotonic()
        deliveries = [waiting.delivery for waiting in batch.deliveries]
        try:
            ticked, new_heads = self._tick(batch.skew) if batch.ticks else (0, {})
            results, changed = self._store(deliveries) if deliveries else ([], {})
        except Exception as error:  # any error: the senders must hear that nothing is stored
            _log.exception("a batch of %d deliveries could not be committed", len(deliveries))
            unavailable = Unavailable(str(error))
            return _Committed(unavailable, [unavailable] * len(deliveries), {})
        self._measure(len(deliveries), self._clock.monotonic() - began)
        committed = _Committed(ticked, results, {**new_heads, **changed})
        fault = next((told for told in (*results, ticked) if isinstance(told, Fault)), None)
        return replace(committed, stored=_is_stored(committed), fault=fault)

    def _store(self, deliveries: Sequence[Delivery]) -> tuple[list[Result], Heads]:
        with self._tracing.committing(deliveries):
            return self._committer.commit(deliveries)

    def _adopt(self, adoption: Adoption) -> _Committed:
        try:
            new_heads = self._committer.adopt(adoption.accounts, adoption.prepare)
        except Exception as error:  # any error: nothing has changed
            return _Committed(0, (), {}, refused=error)
        return _Committed(0, (), new_heads, stored=True)

    def _probe(self) -> _Committed:
        """Find out whether anything can be stored, while nothing comes that would show it."""
        try:
            self._committer.probe(room=not self.storing)
        except Locked:
            return _Committed(0, (), {})
        except Unavailable as error:
            _log.warning("nothing can be stored: %s", error)
            return _Committed(0, (), {}, stored=False, fault=error if isinstance(error, Fault) else None)
        except Exception:
            _log.exception("it cannot be found out whether anything can be stored")
            return _Committed(0, (), {})
        return _Committed(0, (), {}, stored=True)

    def _tick(self, skew: Micros) -> tuple[int | Unavailable, Heads]:
        """The result of a tick, which must not fail the deliveries behind it."""
        try:
            new_heads = self._committer.tick(skew)
        except Unavailable as error:
            return error, {}
        return len(new_heads), new_heads

    def _resolve(self, batch: Batch, committed: _Committed) -> None:
        if committed.stored is not None:
            self._show(storing=committed.stored)
        if committed.fault is not None:
            for told in self.on_fault:
                told(committed.fault)
        if committed.new_heads:
            for subscriber in self.on_commit:
                subscriber(committed.new_heads)
        if batch.adoption is not None:
            batch.adoption.settle(committed.refused)
        for future in batch.ticks:
            answer(future, committed.ticked)
        for waiting, result in zip(batch.deliveries, committed.results, strict=True):
            answer(waiting.future, result)

    def _show(self, *, storing: bool) -> None:
        """Note whether anything can be stored, as a batch has just shown."""
        self._shown_at = self._queue.now()
        if storing != self.storing:
            self.storing = storing
            for subscriber in self.on_storing:
                subscriber()

    async def _watch(self) -> None:
        """Answer for a batch that takes too long, and for what waits behind it too long. While nothing comes,
        or nothing can be stored, have it probed whether anything can."""
        error = Unavailable("the database does not answer")
        while True:
            patience = self._queue.patience
            await asyncio.sleep(min(_WATCH_SECONDS, patience / 4))
            current, now = self._current, self._queue.now()
            if refused := self._queue.refuse_late():
                _log.warning("commits are too slow: %d senders must try again", refused)
            if current is None:
                if not self.storing or now - self._shown_at >= PROBE_SECONDS:
                    self._queue.add_probe()
                continue
            failed = current[0].fail(error, since=now - patience)
            if now - current[1] >= patience:
                self._show(storing=False)
                failed += current[0].fail(error) + self._queue.clear().fail(error)
            if failed:
                _log.warning("the database does not answer: %d senders must try again", failed)
