"""Reads of boards: whole, or only the rows that the commits since another read have touched. Never
recomputes.

A read is one transaction that sees one state of the database, so a `Reading` is a board at one sequence
number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from service.clock import Clock
from service.config import Account
from service.ledger import board_rows, heads, patches, syncs
from service.ledger.engine import or_unavailable
from service.ledger.heads import Head
from service.ledger.patches import Touched
from service.ledger.reading import ClientRow, LossRow, Reading, Selection, Sum
from service.ledger.tables import SUMS
from service.model import Instant
from service.projections.at_risk import AT_RISK
from service.projections.flow import Relation
from service.projections.next_step import NO_NEXT_STEP
from service.projections.saved import SAVED_TODAY
from service.projections.unconverted import UNCONVERTED


@dataclass(frozen=True, slots=True)
class _Reader:
    """What one read works with."""

    connection: Connection
    account: Account
    head: Head
    as_of: Instant


class Reader:
    """Reads boards.

    Args:
        engine: Opened with the role `reader`.
        accounts: By id.
        clock: Tells how fresh a read is.
    """

    def __init__(self, engine: Engine, accounts: Mapping[str, Account], clock: Clock) -> None:
        self._engine = engine
        self._accounts = accounts
        self._clock = clock

    def read(self, account_id: str, selections: Sequence[Selection], since: Reading | None = None) -> Reading:
        """The board of an account.

        Args:
            selections: The losses that are wanted.
            since: An earlier reading of the same account: what was not touched since is taken from it.

        Raises:
            KeyError: No such account.
            Unavailable: The database is away.
        """
        account = self._accounts[account_id]
        now = self._clock.now()
        with or_unavailable(), self._engine.begin() as connection:
            return _board(connection, account, now, selections, since)


def _board(
    connection: Connection,
    account: Account,
    now: Instant,
    selections: Sequence[Selection],
    since: Reading | None,
) -> Reading:
    head = heads.prepared(connection, account.id)
    read = _Reader(connection, account, head, _true_at(head, now))
    touched = (
        Touched(everything=True)
        if since is None or since.seq > head.seq
        else patches.between(connection, account.id, since.seq, head.seq)
    )
    return _read(read, selections, None if touched.everything else since, touched)


def _true_at(head: Head, now: Instant) -> Instant:
    """The moment that the tables are true at: now, unless something that is due has not been applied yet."""
    return max(head.as_of, min(now, head.next_tick_at - 1))


def _read(read: _Reader, selections: Sequence[Selection], since: Reading | None, touched: Touched) -> Reading:
    connection, account_id = read.connection, read.account.id
    clients = _clients(read, since, touched)
    risk = _single(read, AT_RISK)
    step, saved = _single(read, NO_NEXT_STEP), _single(read, SAVED_TODAY)
    unconverted = SUMS[UNCONVERTED]
    sync = syncs.shown(connection, read.account)
    return Reading(
        account=account_id,
        seq=read.head.seq,
        as_of=read.as_of,
        last_delivery_at=read.head.last_delivery_at,
        at_risk=Sum(risk[0], risk[1]),
        overdue_tasks=risk[2],
        no_next_step=Sum(*step),
        saved_today=Sum(*saved),
        saved=since.saved
        if since is not None and not touched.clients
        else board_rows.saved(connection, account_id),
        closed=_closed(read, since, clients),
        unconverted={
            row.currency: row.deals
            for row in connection.execute(
                select(unconverted.c.currency, unconverted.c.deals).where(unconverted.c.account == account_id)
            )
        },
        clients=clients,
        managers=board_rows.managers(
            connection, account_id, read.as_of, heads.rules_of(read.account).day(read.as_of)
        ),  # always: the mean times of tasks that are still overdue grow by themselves
        manager_names=since.manager_names
        if since is not None and not touched.managers
        else board_rows.manager_names(connection, read.account),
        pipeline_names=since.pipeline_names
        if since is not None and not touched.pipelines
        else board_rows.pipeline_names(connection, account_id),
        losses=_losses(read, selections, since, touched),
        quiet=touched.quiet,
        missed=sync.missed,
        trouble=sync.trouble,
    )


def _single(read: _Reader, relation: Relation) -> tuple[int, ...]:
    table = SUMS[relation]
    row = read.connection.execute(
        select(*(table.c[name] for name in relation.measures)).where(table.c.account == read.account.id)
    ).one_or_none()
    return relation.zero if row is None else tuple(row)


def _clients(read: _Reader, since: Reading | None, touched: Touched) -> Mapping[str, ClientRow]:
    if since is None:
        return board_rows.clients(read.connection, read.account.id, read.head.as_of)
    if not touched.clients:
        return since.clients
    again = board_rows.clients(read.connection, read.account.id, read.head.as_of, touched.clients)
    kept = {each: row for each, row in since.clients.items() if each not in set(touched.clients)}
    return {**kept, **again}


def _closed(read: _Reader, since: Reading | None, clients: Mapping[str, ClientRow]) -> frozenset[str]:
    if since is None or since.clients is clients:
        return frozenset()
    listed = {task.task_id for row in clients.values() for task in row.tasks}
    gone = [
        task.task_id for row in since.clients.values() for task in row.tasks if task.task_id not in listed
    ]
    return board_rows.completed(read.connection, read.account.id, gone)


def _losses(
    read: _Reader, selections: Sequence[Selection], since: Reading | None, touched: Touched
) -> dict[Selection, tuple[LossRow, ...]]:
    losses: dict[Selection, tuple[LossRow, ...]] = {}
    for each in selections:
        held = None if since is None or touched.reasons else since.losses.get(each)
        if held is not None and not any(each.first <= day <= each.last for day in touched.days):
            losses[each] = held
        else:
            losses[each] = board_rows.losses(read.connection, read.account.id, each)
    return losses
