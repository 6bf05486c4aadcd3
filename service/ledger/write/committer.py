"""Commits a batch in one transaction, and decides what to do when that fails.

Trying again neither loses nor repeats anything: a delivery is known by its key, so a transaction whose commit
may or may not have succeeded (the connection was lost meanwhile) is simply run once more. Deliveries lock
their accounts in one order and ticks wait for no lock, so no two nodes wait for each other.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, repeat
from typing import Final, TypeAlias, TypeVar

from sqlalchemy import Connection

from service.baton import Baton, Holder
from service.clock import Clock
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.database.errors import Away, Corrupt, CutShort, Locked, Moved, Unavailable
from service.ledger.write import heads, invalidations
from service.ledger.write.apply import Applied, apply_all
from service.ledger.write.back_off import BackOff
from service.ledger.write.batch.cache import Cache
from service.ledger.write.batch.rejected import rejected, tell
from service.ledger.write.heads import Head, OtherRules
from service.ledger.write.outcome import Outcome
from service.model import Delivery, Instant, Micros

BOARDS: Final = 64
"""Boards that one tick brings up to now at most, so that webhooks get their turn."""

CANDIDATES: Final = 8 * BOARDS
"""Boards that one tick considers: other nodes hold some of them."""

LOCKED_SECONDS: Final = 2.0
"""After a lock timeout, reject the account's deliveries immediately for so long. An account that is being
rebuilt, or whose lock a frozen node holds, must not stall the batches of all others."""

FAILED_SECONDS: Final = 60.0
"""After a board failed to follow the clock, its ticks are left out for so long."""

Result: TypeAlias = Outcome | Unavailable
Heads: TypeAlias = dict[str, Head]
T = TypeVar("T")

_AWAY: Final = "the database is away"

_log = logging.getLogger(__name__)


class Committer:
    """Commits deliveries and ticks; used from one thread.

    Args:
        accounts: By id.
        clock: Read once for each transaction.
        turn: Given up before the commit of deliveries.

    Attributes:
        outdated: Accounts whose figures other rules computed than this process has.
    """

    def __init__(
        self, database: Database, accounts: Mapping[str, Account], clock: Clock, turn: Holder | None = None
    ) -> None:
        self.outdated: set[str] = set()
        self._database = database
        self._accounts = accounts
        self._clock = clock
        self._turn = turn or Holder(Baton())
        self._cache = Cache()
        self._locked = BackOff(LOCKED_SECONDS, clock)
        self._failed = BackOff(FAILED_SECONDS, clock)

    def adopt(self, accounts: Mapping[str, Account], prepare: Callable[[Connection], Heads]) -> Heads:
        """Commit for other accounts from now on, once `prepare` has made the database ready for them."""
        with self._database.committing() as connection:
            new_heads = prepare(connection)
        self._accounts = accounts
        self.outdated.clear()
        return new_heads

    def commit(self, deliveries: Sequence[Delivery]) -> tuple[list[Result], Heads]:
        """Commit deliveries. Returns what became of each, in their order, and each account's new head.

        A delivery that fails goes to quarantine with its traceback, and its neighbours are applied, unless it
        fails because the database is away.
        """
        try:
            try:
                return self._commit(deliveries)
            except Locked:
                self._back_off_locked({delivery.account for delivery in deliveries})
                return self._commit(deliveries)
        except Moved as error:
            return [error] * len(deliveries), {}
        except Unavailable as error:
            _log.warning("nothing is committed: %s", error)
            told = Unavailable if isinstance(error, Locked) else Away
            return [told(_AWAY) for _ in deliveries], {}

    def tick(self, skew: Micros = heads.CLOCK_SKEW) -> Heads:
        """Bring boards that are due up to now, and back to now those that are ahead of it by more than
        `skew`. Those that another transaction holds are left to it.

        Returns:
            The new heads of the boards that were brought up to now.

        Raises:
            Unavailable: The database is away.
        """
        try:
            return self._retry_if_cut_short(partial(self._tick, skew))
        except Exception as error:
            if isinstance(error, Unavailable) and not isinstance(error, Corrupt):
                raise
            _log.exception("a tick failed; trying each board by itself")
        return self._tick_one_by_one(skew)

    def probe(self, *, room: bool) -> None:
        """Commit what changes nothing, to find out whether anything can be stored. Nobody waits then, so the
        write-ahead log of SQLite is emptied, too.

        Args:
            room: Find out whether there is room for a webhook, too; which costs more.

        Raises:
            Unavailable: Nothing can be stored.
        """
        with self._database.committing() as connection:
            account_id = heads.touch(connection, self._accounts)
            if room and account_id is not None:
                invalidations.empty(connection, account_id)
                invalidations.fill(connection, account_id)
        if room and account_id is not None:
            with self._database.committing() as connection:
                invalidations.empty(connection, account_id)
        self._database.empty_log()

    def _commit(self, deliveries: Sequence[Delivery]) -> tuple[list[Result], Heads]:
        """Commit all deliveries but those of accounts whose lock another transaction holds, or that are gone
        since the deliveries came."""
        results: list[Result] = [Unavailable("the account is being worked on")] * len(deliveries)
        came = {delivery.account for delivery in deliveries}
        own = {one for one in came if one in self._accounts and not self._locked.covers(one)}
        free = [index for index, delivery in enumerate(deliveries) if delivery.account in own]
        work = [deliveries[index] for index in free]
        try:
            committed, new_heads = self._retry_if_cut_short(lambda: self._transact(work))
        except Corrupt as error:  # most deliveries need no page that is damaged
            _log.error("%s; trying each of %d deliveries by itself", error, len(work))  # no defect
            committed, new_heads = self._one_by_one(work)
        except Unavailable:
            raise
        except Exception:
            _log.exception("a batch of %d deliveries failed; trying each by itself", len(work))
            committed, new_heads = self._one_by_one(work)
        for index, result in zip(free, committed, strict=True):
            results[index] = result
        return results, new_heads

    def _retry_if_cut_short(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except CutShort as error:
            _log.warning("%s; running it again", error)
            return work()

    def _transact(self, deliveries: Sequence[Delivery]) -> tuple[list[Result], Heads]:
        """Apply deliveries in one transaction, account by account."""
        now = self._clock.now()
        by_account: dict[str, list[Delivery]] = {}
        for delivery in deliveries:
            by_account.setdefault(delivery.account, []).append(delivery)
        work = [(self._accounts[account_id], by_account[account_id]) for account_id in sorted(by_account)]
        applied: dict[str, Applied | OtherRules] = {}
        with self._database.committing() as connection:
            for group in [[one] for one in work] if self._database.is_sharded else [work]:
                applied |= apply_all(connection, group, now, self._cache)
            self._turn.give()
        results: dict[str, Iterator[Result]] = {}
        for account_id, own in applied.items():
            if isinstance(own, OtherRules):
                self._note_outdated(account_id, own)
                results[account_id] = map(Unavailable, repeat(str(own)))
            else:
                results[account_id] = iter(own.outcomes)
        return [next(results[delivery.account]) for delivery in deliveries], self._keep(applied)

    def _keep(self, applied: Mapping[str, Applied | OtherRules] | Mapping[str, Applied]) -> Heads:
        """Keep the rows of a transaction that is committed; returns the new heads."""
        done = {account_id: own for account_id, own in applied.items() if isinstance(own, Applied)}
        for own in done.values():
            self._cache.keep(own.head, own.rows)
        return {account_id: own.head for account_id, own in done.items()}

    def _one_by_one(self, deliveries: Sequence[Delivery]) -> tuple[list[Result], Heads]:
        """Apply each delivery in a transaction of its own."""
        results: list[Result] = []
        new_heads: Heads = {}
        for delivery in deliveries:
            try:
                outcomes, changed = self._apply_or_quarantine(delivery)
            except Exception as error:  # not even its rejection can be stored: the sender must hear of it
                about = {"account": delivery.account}
                _log.warning("a delivery of %s is not stored: %s", delivery.account, error, extra=about)
                told = error if isinstance(error, Away | Corrupt) else Unavailable(str(error))
                outcomes, changed = [told], {}
            results.extend(outcomes)
            new_heads.update(changed)
        return results, new_heads

    def _apply_or_quarantine(self, delivery: Delivery) -> tuple[list[Result], Heads]:
        try:
            return self._transact([delivery])
        except (Unavailable, MemoryError, OSError):  # the delivery is not to blame
            raise
        except Exception as error:
            results, new_heads = self._transact([rejected(delivery, error)])
            if isinstance(told := results[0], Outcome):
                tell(delivery.account, told.number, error)
            return results, new_heads

    def _tick(self, skew: Micros) -> Heads:
        """Bring boards up to now in one transaction."""
        now = self._clock.now()
        with self._database.committing() as connection:
            due = self._due(connection, now, CANDIDATES, skew)
            random.shuffle(due)  # nodes that wake at the same moment begin with different ones
            brought = self._bring_up(connection, due, now, skew)
        return self._keep(brought)

    def _tick_one_by_one(self, skew: Micros) -> Heads:
        """Bring each board up to now in a transaction of its own."""
        now = self._clock.now()
        new_heads: Heads = {}
        with self._database.committing() as connection:
            due = self._due(connection, now, BOARDS, skew)
        for account_id in due:
            try:
                with self._database.committing() as connection:
                    brought = self._bring_up(connection, [account_id], now, skew)
            except Exception as error:
                if isinstance(error, Unavailable) and not isinstance(error, Corrupt):
                    raise
                _log.exception("%s does not follow the clock", account_id, extra={"account": account_id})
                self._failed.begin(account_id)
                continue
            new_heads |= self._keep(brought)
        return new_heads

    def _due(self, connection: Connection, now: Instant, limit: int, skew: Micros) -> list[str]:
        """Accounts whose boards the clock alone has changed."""
        own = self._accounts.keys() - self.outdated
        followed = [account_id for account_id in own if not self._failed.covers(account_id)]
        return heads.due_accounts(connection, followed, now, limit, skew)

    def _bring_up(
        self, connection: Connection, account_ids: Iterable[str], now: Instant, skew: Micros
    ) -> dict[str, Applied]:
        """Bring boards to now, up to `BOARDS` of them, with statements for all of them. Those that another
        transaction holds, or that other rules computed, are left out."""
        free = (account_id for account_id in account_ids if heads.lock_if_free(connection, account_id))
        work = [(self._accounts[account_id], ()) for account_id in islice(free, BOARDS)]
        brought: dict[str, Applied] = {}
        if work:
            for account_id, own in apply_all(connection, work, now, self._cache, skew).items():
                if isinstance(own, OtherRules):
                    self._note_outdated(account_id, own)
                else:
                    brought[account_id] = own
        return brought

    def _note_outdated(self, account_id: str, error: OtherRules) -> None:
        """From now on leave an account to nodes that have its rules."""
        if account_id not in self.outdated:
            _log.error("refusing webhooks: %s", error, extra={"account": account_id})
            self.outdated.add(account_id)

    def _back_off_locked(self, account_ids: Collection[str]) -> None:
        """Back off from those accounts whose lock another transaction holds."""
        with self._database.committing() as connection:
            locked = [one for one in sorted(account_ids) if not heads.lock_if_free(connection, one)]
        for account_id in locked:
            about = {"account": account_id}
            _log.warning("another transaction holds the account %s", account_id, extra=about)
            self._locked.begin(account_id)
