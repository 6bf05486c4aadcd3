"""Reads of boards: whole, or only the rows that the commits since an earlier read made stale. Nothing is
recomputed.

A read is one transaction that sees one state of the database, so a `BoardRows` is a board at one sequence
number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from sqlalchemy import Connection, FromClause, bindparam, exists, select

from service.config import Account
from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import HEADS, SUMS, SYNCS, TROUBLES
from service.ledger.read import board_rows, classified_rows, manager_rows
from service.ledger.read.account_reader import AccountReader, Begun
from service.ledger.read.board import Arrived, BoardRows, ClientRow, Known, LossRow, ManagerSums, Selection
from service.ledger.read.next_due import next_due
from service.ledger.write import heads, invalidations, troubles
from service.ledger.write.heads import Head
from service.ledger.write.invalidations import Invalidation, union
from service.model import Instant, Trouble, earlier
from service.projections import FLOW
from service.projections.unconverted import UNCONVERTED

_SELDOM: Final = TROUBLES, SUMS[UNCONVERTED]


def _with_head() -> Prepared:
    """An account's head and every other table that has one row for it, so that a board at rest needs no other
    statement; and whether two others, which seldom have a row, have one now."""
    joined: FromClause = HEADS
    for table in (*(SUMS[relation] for relation in FLOW.totals), SYNCS):
        joined = joined.outerjoin(table, table.c.account == HEADS.c.account)
    measures = [SUMS[relation].c[name] for relation in FLOW.totals for name in relation.measures]
    of_account = (exists().where(table.c.account == HEADS.c.account) for table in _SELDOM)
    return Prepared(
        select(
            *HEADS.c, SYNCS.c.repaired, SYNCS.c.synced_at, board_rows.REASONS_WANTED, *of_account, *measures
        )
        .select_from(joined)
        .where(HEADS.c.account == bindparam("account"))
    )


_HEAD: Final = _with_head()


_KNOWN: Final = (
    select(HEADS.c.deliveries, HEADS.c.last_delivery_at, HEADS.c.known_from, SYNCS.c.synced_at)
    .select_from(HEADS.outerjoin(SYNCS, SYNCS.c.account == HEADS.c.account))
    .where(HEADS.c.account == bindparam("account"))
)


class BoardReader(AccountReader):
    """Reads boards."""

    def known(self, account_id: str) -> Known:
        """What an account knows at all.

        Raises:
            KeyError: No such account.
            Unavailable: The database is away.
        """
        with self._begin(account_id) as begun:
            row = begun.connection.execute(_KNOWN, {"account": account_id}).one()
            synced, last_at = row.synced_at is not None, row.last_delivery_at
            heard = _heard(begun.connection, account_id, row.deliveries, last_at, synced=synced)
            return Known(heard, row.known_from)

    def read(
        self, account_id: str, selections: Sequence[Selection], since: BoardRows | None = None
    ) -> BoardRows:
        """The board of an account.

        Args:
            selections: The losses that are wanted.
            since: An earlier read of the same account, whose rows are taken over unless they are stale.

        Raises:
            KeyError: No such account.
            Unavailable: The database is away.
        """
        with self._begin(account_id) as begun:
            return _read(begun, since).rows(selections)


def _heard(
    connection: Connection, account: str, deliveries: int, last_delivery_at: Instant | None, *, synced: bool
) -> bool:
    """Whether anything ever came from the account's CRM. A test is a delivery, and proves nothing."""
    if synced or last_delivery_at is not None:
        return True
    return deliveries > 0 and board_rows.came(connection, account)


def _read(begun: Begun, since: BoardRows | None) -> _Read:
    connection, account, now = begun
    found = _HEAD.rows(connection, {"account": account.id})
    if not found:
        raise LookupError(f"account {account.id} has no head row")
    values = iter(found[0])
    head = Head(*islice(values, len(HEADS.c)))
    beside = _Beside(next(values) or 0, next(values) is not None, next(values), next(values), next(values))
    totals = {}
    for relation in FLOW.totals:
        measures = islice(values, len(relation.measures))
        totals[relation.name] = {
            name: value or 0 for name, value in zip(relation.measures, measures, strict=True)
        }
    stale = _stale(connection, head, since)
    # The tables are true now, unless something that is due was not applied yet.
    as_of = max(head.as_of, min(now, earlier(head.next_tick_at, 1)))
    return _Read(connection, account, head, as_of, beside, totals, None if stale.everything else since, stale)


def _stale(connection: Connection, head: Head, since: BoardRows | None) -> Invalidation:
    if since is None or since.seq > head.seq:
        return Invalidation(everything=True)
    if since.seq == head.seq:
        return Invalidation()
    return union(invalidations.read(connection, head.account, since.seq, head.seq))


class _Beside(NamedTuple):
    """What stands beside the head in its row: see `BoardRows`; whether a sync was ever complete; and whether
    there are troubles, and amounts without a rate."""

    repaired: int
    synced: bool
    reasons_wanted: int
    troubled: bool
    unconverted: bool


@dataclass(frozen=True, slots=True)
class _Read:
    """A read under way.

    Args:
        totals: As in `BoardRows`.
        since: The earlier read; None if there is none, or nothing of it can be taken over.
        stale: What commits made stale after it.
    """

    connection: Connection
    account: Account
    head: Head
    as_of: Instant
    beside: _Beside
    totals: Mapping[str, Mapping[str, int]]
    since: BoardRows | None
    stale: Invalidation

    def rows(self, selections: Sequence[Selection]) -> BoardRows:
        connection, account_id, since, stale = self.connection, self.account.id, self.since, self.stale
        clients, sums = self._clients(), self._manager_sums()
        return BoardRows(
            account=account_id,
            seq=self.head.seq,
            as_of=self.as_of,
            last_delivery_at=self.head.last_delivery_at,
            totals=self.totals,
            saved=since.saved
            if since is not None and not stale.clients
            else board_rows.saved(connection, account_id),
            closed=self._closed(clients),
            unconverted=self._unconverted(),
            clients=clients,
            managers=manager_rows.rows(sums, self.as_of),
            manager_names=since.manager_names
            if since is not None and not stale.managers
            else board_rows.manager_names(connection, self.account),
            pipeline_names=since.pipeline_names
            if since is not None and not stale.pipelines
            else board_rows.pipeline_names(connection, account_id),
            losses={selection: self._losses(selection) for selection in selections},
            silent=stale.silent,
            repaired=self.beside.repaired,
            heard=self._heard,
            next_due_at=self._next_due(),
            arrived=self._arrived(),
            known_from=self.head.known_from,
            quarantined=self.head.quarantined,
            reasons_wanted=self.beside.reasons_wanted,
            by_hand=since.by_hand
            if since is not None and not stale.reasons
            else classified_rows.kinds(connection, account_id),
            troubles=self._troubles(),
            manager_sums=sums,
        )

    @property
    def _heard(self) -> bool:
        head, synced = self.head, self.beside.synced
        return _heard(self.connection, head.account, head.deliveries, head.last_delivery_at, synced=synced)

    @property
    def _unmoved(self) -> BoardRows | None:
        """The earlier read, if no commit came after it."""
        return self.since if self.since is not None and self.since.seq == self.head.seq else None

    def _troubles(self) -> tuple[Trouble, ...]:
        if not self.beside.troubled:
            return ()
        return self._unmoved.troubles if self._unmoved else troubles.read(self.connection, self.account.id)

    def _unconverted(self) -> Mapping[str, int]:
        if not self.beside.unconverted:
            return {}
        if self._unmoved:
            return self._unmoved.unconverted
        return board_rows.unconverted(self.connection, self.account.id)

    def _next_due(self) -> Instant | None:
        if self.totals["at_risk"]["clients"]:
            return None
        if self._unmoved:
            return self._unmoved.next_due_at
        return next_due(self.connection, self.account.id, self.head.as_of)

    def _arrived(self) -> Arrived | None:
        first = self.since is not None and self._heard and not self.since.heard
        return board_rows.arrived(self.connection, self.account.id) if first else None

    def _manager_sums(self) -> ManagerSums:
        today = heads.rules_of(self.account).day(self.as_of)
        earlier = None if self.since is None or self.stale.managers else self.since.manager_sums
        if earlier is not None and earlier.today == today:
            return earlier
        return manager_rows.read(self.connection, self.account.id, today)

    def _clients(self) -> Mapping[str, ClientRow]:
        account_id, as_of = self.account.id, self.head.as_of
        if self.since is None:
            return board_rows.clients(self.connection, account_id, as_of)
        stale = frozenset(self.stale.clients)
        if not stale:
            return self.since.clients
        fresh = board_rows.clients(self.connection, account_id, as_of, stale)
        return {key: row for key, row in self.since.clients.items() if key not in stale} | fresh

    def _closed(self, clients: Mapping[str, ClientRow]) -> frozenset[str]:
        if self.since is None or self.since.clients is clients:
            return frozenset()
        listed = {task.task_id for row in clients.values() for task in row.tasks}
        gone = {task.task_id for row in self.since.clients.values() for task in row.tasks} - listed
        return board_rows.completed(self.connection, self.account.id, gone)

    def _losses(self, selection: Selection) -> tuple[LossRow, ...]:
        earlier = None if self.since is None or self.stale.reasons else self.since.losses.get(selection)
        if earlier is None or _has_one_of(selection, self.stale.days):
            return board_rows.losses(self.connection, self.account.id, selection)
        return earlier


def _has_one_of(selection: Selection, days: Iterable[int]) -> bool:
    """Whether a selection has one of these days. A board has sixty selections, and each read asks for all."""
    for day in days:  # not by `any`, which would take longer than all else of a read  # noqa: SIM110
        if selection.first <= day <= selection.last:
            return True
    return False
