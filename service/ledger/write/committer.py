"""A batch into the database: one transaction, and what to do when that fails.

Nothing here is undone or done twice by trying again: a delivery is known by its key, so that a transaction
whose commit may or may not have succeeded (the connection was lost meanwhile) is simply done once more.
Deliveries lock their accounts in one order and ticks wait for no lock, so that no two nodes wait for each
other.
"""

from __future__ import annotations

import logging
import random
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias, TypeVar

from sqlalchemy import Connection

from service.clock import Clock
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.database.errors import CutShort, Locked, Unavailable
from service.ledger.write import heads
from service.ledger.write.apply import apply
from service.ledger.write.heads import Head, OtherRules
from service.ledger.write.outcome import Outcome
from service.model import SECOND, Decoded, Delivery, Instant, Rejection

BOARDS: Final = 64
"""Boards that one tick brings up to now at most, so that webhooks get their turn."""

CANDIDATES: Final = 8 * BOARDS
"""Boards that are looked at for one tick: other nodes have some of them in hand."""

HELD: Final = 2 * SECOND
"""How long deliveries of an account are refused at once after its lock was waited for in vain: a rebuild, or
a node that is frozen, must hold up one account and not the others."""

FAILING: Final = 60 * SECOND
"""How long the clock leaves a board alone that it could not bring up to now."""

Result: TypeAlias = Outcome | Unavailable
Heads: TypeAlias = dict[str, Head]
T = TypeVar("T")

_AWAY: Final = "the database is away"

_log = logging.getLogger(__name__)


class _Resting:
    """Accounts that are left alone for a while.

    Args:
        span: For how long.
    """

    def __init__(self, span: int) -> None:
        self._span = span
        self._until: dict[str, Instant] = {}

    def begin(self, account_id: str, now: Instant) -> None:
        """From now on."""
        self._until[account_id] = now + self._span

    def holds(self, account_id: str, now: Instant) -> bool:
        """Whether it still is (not when the clock was set back meanwhile)."""
        return 0 < self._until.get(account_id, now) - now <= self._span


class Committer:
    """Commits batches and ticks; used from one thread.

    Args:
        accounts: By id.
        clock: Read once for each transaction.
    """

    def __init__(self, database: Database, accounts: Mapping[str, Account], clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock
        self._held = _Resting(HELD)
        self._failing = _Resting(FAILING)
        self.outdated: set[str] = set()
        """Accounts that are computed by other rules than this process has."""

    def commit(self, deliveries: Sequence[Delivery]) -> tuple[list[Result], Heads]:
        """Commit deliveries; what became of each, in their order, and each account's new head.

        One that fails for another reason than the database's absence goes to quarantine with its traceback,
        and its neighbours are applied.
        """
        try:
            try:
                return self._commit(deliveries)
            except Locked:
                self._note_held({each.account for each in deliveries})
                return self._commit(deliveries)
        except Unavailable as error:
            _log.warning("nothing is committed: %s", error)
            return [Unavailable(_AWAY) for _ in deliveries], {}

    def tick(self) -> Heads:
        """Bring boards that are due up to now, except those that another transaction has in hand: whoever
        has them ticks them, too. Returns the new heads of those that were brought there.

        Raises:
            Unavailable: The database is away.
        """
        try:
            return self._once_more_if_cut_short(self._tick)
        except Unavailable:
            raise
        except Exception:
            _log.exception("a tick failed; each board is tried by itself")
        return self._tick_one_by_one()

    def _commit(self, deliveries: Sequence[Delivery]) -> tuple[list[Result], Heads]:
        """Commit all but those of accounts that somebody else holds."""
        now = self._clock.now()
        free = [index for index, each in enumerate(deliveries) if not self._held.holds(each.account, now)]
        try:
            found, new_heads = self._once_more_if_cut_short(
                lambda: self._transact([deliveries[index] for index in free])
            )
        except Unavailable:
            raise
        except Exception:
            _log.exception("a batch of %d failed; each delivery is tried by itself", len(free))
            found, new_heads = self._one_by_one([deliveries[index] for index in free])
        results: list[Result] = [Unavailable("the account is being worked on") for _ in deliveries]
        for index, result in zip(free, found, strict=True):
            results[index] = result
        return results, new_heads

    def _once_more_if_cut_short(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except CutShort as error:
            _log.warning("%s; trying once more", error)
            return work()

    def _transact(self, deliveries: Sequence[Delivery]) -> tuple[list[Result], Heads]:
        """One transaction."""
        now = self._clock.now()
        by_account: dict[str, list[int]] = {}
        for index, delivery in enumerate(deliveries):
            by_account.setdefault(delivery.account, []).append(index)
        results: dict[int, Result] = {}
        new_heads: Heads = {}
        with self._database.committing() as connection:
            for account_id in sorted(by_account):
                indexes = by_account[account_id]
                mine = [deliveries[index] for index in indexes]
                try:
                    applied, new_heads[account_id] = apply(connection, self._accounts[account_id], mine, now)
                except OtherRules as error:
                    self._leave(account_id, error)
                    results.update((index, Unavailable(str(error))) for index in indexes)
                else:
                    results.update(zip(indexes, applied, strict=True))
        return [results[index] for index in range(len(deliveries))], new_heads

    def _one_by_one(self, deliveries: Sequence[Delivery]) -> tuple[list[Result], Heads]:
        results: list[Result] = []
        new_heads: Heads = {}
        for delivery in deliveries:
            try:
                try:
                    outcomes, changed = self._transact([delivery])
                except Unavailable:
                    raise
                except Exception as error:
                    outcomes, changed = self._transact([_refused(delivery, error)])
            except Exception as error:  # not even its refusal can be stored: the sender must hear of it
                _log.warning("a delivery of %s is not stored: %s", delivery.account, error)
                outcomes, changed = [Unavailable(str(error))], {}
            results.extend(outcomes)
            new_heads.update(changed)
        return results, new_heads

    def _tick(self) -> Heads:
        now = self._clock.now()
        new_heads: Heads = {}
        with self._database.committing() as connection:
            due = self._due(connection, now, CANDIDATES)
            random.shuffle(due)  # nodes that wake at the same moment begin with different ones
            for account_id in due:
                self._bring_up(connection, account_id, now, new_heads)
                if len(new_heads) == BOARDS:
                    break
        return new_heads

    def _tick_one_by_one(self) -> Heads:
        now = self._clock.now()
        new_heads: Heads = {}
        with self._database.committing() as connection:
            due = self._due(connection, now, BOARDS)
        for account_id in due:
            try:
                with self._database.committing() as connection:
                    self._bring_up(connection, account_id, now, new_heads)
            except Unavailable:
                raise
            except Exception:
                _log.exception("the board of %s does not follow the clock", account_id)
                self._failing.begin(account_id, now)
                new_heads.pop(account_id, None)
        return new_heads

    def _due(self, connection: Connection, now: Instant, limit: int) -> list[str]:
        accounts = [
            each
            for each in self._accounts
            if each not in self.outdated and not self._failing.holds(each, now)
        ]
        return heads.due_accounts(connection, accounts, now, limit)

    def _bring_up(self, connection: Connection, account_id: str, now: Instant, new_heads: Heads) -> None:
        if not heads.lock_if_free(connection, account_id):
            return
        try:
            _, new_heads[account_id] = apply(connection, self._accounts[account_id], (), now)
        except OtherRules as error:
            self._leave(account_id, error)

    def _leave(self, account_id: str, error: OtherRules) -> None:
        """Leave an account to nodes that know its rules."""
        if account_id not in self.outdated:
            _log.error("webhooks are refused: %s", error)
            self.outdated.add(account_id)

    def _note_held(self, accounts: set[str]) -> None:
        """Note which accounts somebody else holds the lock of."""
        now = self._clock.now()
        with self._database.committing() as connection:
            held = [each for each in sorted(accounts) if not heads.lock_if_free(connection, each)]
        for each in held:
            _log.warning("the account %s is held by another transaction", each)
            self._held.begin(each, now)


def _refused(delivery: Delivery, error: Exception) -> Delivery:
    """The same delivery, without what could not be applied, and with the reason."""
    detail = "".join(traceback.format_exception(error))
    rejection = Rejection(0, f"it could not be applied: {type(error).__name__}", detail)
    return replace(delivery, decoded=Decoded(delivery.decoded.key, rejections=(rejection,)))
