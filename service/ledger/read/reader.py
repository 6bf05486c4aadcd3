"""Reads of boards: whole, or only the rows that the commits since an earlier read made stale. Never
recomputes.

A read is one transaction that sees one state of the database, so a `BoardRows` is a board at one sequence
number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, FromClause, Select, bindparam, select

from service.clock import Clock
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.database.tables import HEADS, SUMS, SYNCS
from service.ledger.read import board_rows, manager_rows
from service.ledger.read.board import BoardRows, ClientRow, LossRow, ManagerSums, Selection
from service.ledger.write import heads, invalidations
from service.ledger.write.heads import Head
from service.ledger.write.invalidations import Invalidation, union
from service.ledger.write.syncs import SyncReport
from service.model import Instant, earlier
from service.projections import FLOW


def _with_head() -> Select[*tuple[Any, ...]]:
    """An account's head, and whatever else has one row for it: a board at rest needs no other statement."""
    joined: FromClause = HEADS
    for table in (*(SUMS[each] for each in FLOW.totals), SYNCS):
        joined = joined.outerjoin(table, table.c.account == HEADS.c.account)
    measures = [SUMS[each].c[name] for each in FLOW.totals for name in each.measures]
    return (
        select(*HEADS.c, SYNCS.c.repaired, SYNCS.c.problem, *measures)
        .select_from(joined)
        .where(HEADS.c.account == bindparam("account"))
    )


_HEAD: Final = _with_head()


@dataclass(frozen=True, slots=True)
class _Reader:
    """What one read works with. `totals` has the measures of the totals of the flow."""

    connection: Connection
    account: Account
    head: Head
    as_of: Instant
    shown: SyncReport
    totals: Mapping[str, Mapping[str, int]]


class BoardReader:
    """Reads boards.

    Args:
        accounts: By id.
        clock: Tells how fresh a read is.
    """

    def __init__(self, database: Database, accounts: Mapping[str, Account], clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock

    def read(
        self, account_id: str, selections: Sequence[Selection], since: BoardRows | None = None
    ) -> BoardRows:
        """The board of an account.

        Args:
            selections: The losses that are wanted.
            since: An earlier reading of the same account: what is not stale is taken from it.

        Raises:
            KeyError: No such account.
            Unavailable: The database is away.
        """
        account = self._accounts[account_id]
        now = self._clock.now()
        with self._database.reading() as connection:
            return _board(connection, account, now, selections, since)


def _board(
    connection: Connection,
    account: Account,
    now: Instant,
    selections: Sequence[Selection],
    since: BoardRows | None,
) -> BoardRows:
    read = _begin(connection, account, now)
    seq = read.head.seq
    if since is None or since.seq > seq:
        return _read(read, selections, None, Invalidation())
    stale = union([] if since.seq == seq else invalidations.read(connection, account.id, since.seq, seq))
    return _read(read, selections, None if stale.everything else since, stale)


def _begin(connection: Connection, account: Account, now: Instant) -> _Reader:
    row = connection.execute(_HEAD, {"account": account.id}).one_or_none()
    if row is None:
        raise LookupError(f"account {account.id} has no head row")
    values = iter(row)
    head = Head(*islice(values, len(HEADS.c)))
    repaired, problem = islice(values, 2)
    shown = SyncReport() if account.api is None or repaired is None else SyncReport(repaired, problem)
    totals = {}
    for relation in FLOW.totals:
        measures = islice(values, len(relation.measures))
        totals[relation.name] = {
            name: value or 0 for name, value in zip(relation.measures, measures, strict=True)
        }
    return _Reader(connection, account, head, _true_at(head, now), shown, totals)


def _true_at(head: Head, now: Instant) -> Instant:
    """The moment that the tables are true at: now, unless something that is due has not been applied yet."""
    return max(head.as_of, min(now, earlier(head.next_tick_at, 1)))


def _read(
    read: _Reader, selections: Sequence[Selection], since: BoardRows | None, stale: Invalidation
) -> BoardRows:
    connection, account_id = read.connection, read.account.id
    clients = _clients(read, since, stale)
    sums = _manager_sums(read, since, stale)
    return BoardRows(
        account=account_id,
        seq=read.head.seq,
        as_of=read.as_of,
        last_delivery_at=read.head.last_delivery_at,
        totals=read.totals,
        saved=since.saved
        if since is not None and not stale.clients
        else board_rows.saved(connection, account_id),
        closed=_closed(read, since, clients),
        unconverted=since.unconverted
        if since is not None and since.seq == read.head.seq
        else board_rows.unconverted(connection, account_id),
        clients=clients,
        managers=manager_rows.rows(sums, read.as_of),
        manager_names=since.manager_names
        if since is not None and not stale.managers
        else board_rows.manager_names(connection, read.account),
        pipeline_names=since.pipeline_names
        if since is not None and not stale.pipelines
        else board_rows.pipeline_names(connection, account_id),
        losses=_losses(read, selections, since, stale),
        silent=stale.silent,
        repaired=read.shown.repaired,
        problem=read.shown.problem,
        manager_sums=sums,
    )


def _manager_sums(read: _Reader, since: BoardRows | None, stale: Invalidation) -> ManagerSums:
    today = heads.rules_of(read.account).day(read.as_of)
    held = None if since is None or stale.managers else since.manager_sums
    if held is not None and held.today == today:
        return held
    return manager_rows.read(read.connection, read.account.id, today)


def _clients(read: _Reader, since: BoardRows | None, stale: Invalidation) -> Mapping[str, ClientRow]:
    if since is None:
        return board_rows.clients(read.connection, read.account.id, read.head.as_of)
    if not stale.clients:
        return since.clients
    again = board_rows.clients(read.connection, read.account.id, read.head.as_of, stale.clients)
    dropped = frozenset(stale.clients)
    kept = {client_id: row for client_id, row in since.clients.items() if client_id not in dropped}
    return {**kept, **again}


def _closed(read: _Reader, since: BoardRows | None, clients: Mapping[str, ClientRow]) -> frozenset[str]:
    if since is None or since.clients is clients:
        return frozenset()
    listed = {task.task_id for row in clients.values() for task in row.tasks}
    gone = [
        task.task_id for row in since.clients.values() for task in row.tasks if task.task_id not in listed
    ]
    return board_rows.completed(read.connection, read.account.id, gone)


def _losses(
    read: _Reader, selections: Sequence[Selection], since: BoardRows | None, stale: Invalidation
) -> dict[Selection, tuple[LossRow, ...]]:
    losses: dict[Selection, tuple[LossRow, ...]] = {}
    for each in selections:
        held = None if since is None or stale.reasons else since.losses.get(each)
        if held is not None and not any(each.first <= day <= each.last for day in stale.days):
            losses[each] = held
        else:
            losses[each] = board_rows.losses(read.connection, read.account.id, each)
    return losses
