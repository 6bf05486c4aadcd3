"""The rows of a board, read from the projections by their keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    null,
    select,
)

from service.config import Account
from service.ledger.reading import ClientRow, Late, LossRow, ManagerRow, Selection, TaskRow
from service.ledger.states import chunks
from service.ledger.tables import DEALS, STATE, SUMS, TASKS
from service.model import SECOND, Instant
from service.projections.at_risk import CLIENT_STAKES, DEALS_AT_RISK, MANAGER_STAKES
from service.projections.habits import HABITS, overdue_time
from service.projections.losses import LOSS_DAYS, LOSSES
from service.projections.saved import CLIENT_SAVES
from service.projections.views import NOBODY

WEEK: Final = 7
MONTH: Final = 30
"""Days of the two habits, today among them."""

_RISK, _STAKES, _MANAGERS = SUMS[DEALS_AT_RISK], SUMS[CLIENT_STAKES], SUMS[MANAGER_STAKES]
_HABITS, _SAVES = SUMS[HABITS], SUMS[CLIENT_SAVES]


@cache
def _deal_tasks(*, some: bool) -> Select[*tuple[Any, ...]]:
    """Overdue tasks on deals at risk, of all clients or of some."""
    overdue = and_(TASKS.c.done_at.is_(None), TASKS.c.due_at <= bindparam("as_of"))
    of_deal = and_(TASKS.c.account == _RISK.c.account, TASKS.c.deal_id == _RISK.c.deal_id, overdue)
    the_deal = and_(DEALS.c.account == _RISK.c.account, DEALS.c.id == _RISK.c.deal_id)
    return (
        select(
            _RISK.c.client_id,
            TASKS.c.id,
            TASKS.c.text,
            TASKS.c.deal_id,
            DEALS.c.name,
            TASKS.c.manager_id,
            TASKS.c.due_at,
            _RISK.c.amount,
            func.coalesce(DEALS.c.url, TASKS.c.url),
            DEALS.c.pipeline_id,
        )
        .select_from(_RISK.join(TASKS, of_deal).outerjoin(DEALS, the_deal))
        .where(_RISK.c.account == bindparam("account"), *_among(_RISK.c.client_id, some=some))
    )


@cache
def _own_tasks(*, some: bool) -> Select[*tuple[Any, ...]]:
    """Overdue tasks on clients themselves, of all clients or of some."""
    return select(
        TASKS.c.client_id,
        TASKS.c.id,
        TASKS.c.text,
        TASKS.c.deal_id,
        null(),
        TASKS.c.manager_id,
        TASKS.c.due_at,
        literal_column("0"),
        TASKS.c.url,
        null(),
    ).where(
        TASKS.c.account == bindparam("account"),
        TASKS.c.done_at.is_(None),
        TASKS.c.client_id.is_not(None),
        TASKS.c.client_id != NOBODY,
        func.coalesce(TASKS.c.deal_id, NOBODY) == NOBODY,
        TASKS.c.due_at <= bindparam("as_of"),
        *_among(TASKS.c.client_id, some=some),
    )


def _among(column: ColumnElement[str], *, some: bool) -> list[ColumnElement[bool]]:
    return [column.in_(bindparam("ids", expanding=True))] if some else []


@dataclass(frozen=True, slots=True)
class _Stake:
    name: str | None
    amount: int
    open_amount: int


def clients(
    connection: Connection, account: str, as_of: Instant, ids: Collection[str] | None = None
) -> dict[str, ClientRow]:
    """Clients at risk at `as_of` (which must be the head's): all, or those of `ids` that are."""
    tasks: dict[str, list[TaskRow]] = {}
    for some in [None] if ids is None else chunks(ids):
        given = {"account": account, "as_of": as_of} | ({} if some is None else {"ids": some})
        for statement in (_deal_tasks(some=some is not None), _own_tasks(some=some is not None)):
            for row in connection.execute(statement, given):
                tasks.setdefault(str(row[0]), []).append(_task_row(row))
    stakes = _stakes(connection, account, tasks)
    return {
        each: ClientRow(
            client_id=each,
            client=stakes[each].name or _deal_name(each, rows),
            amount=stakes[each].amount,
            tasks=tuple(sorted(rows, key=lambda task: (task.due_at, task.task_id))),
            open_amount=stakes[each].open_amount,
        )
        for each, rows in tasks.items()
    }


def _task_row(row: Row[*tuple[Any, ...]]) -> TaskRow:
    _, task_id, text, deal_id, deal, manager_id, due_at, amount, url, pipeline_id = row
    return TaskRow(
        task_id,
        text,
        deal_id or None,
        deal,
        manager_id or None,
        due_at,
        amount,
        url,
        pipeline_id or None,
    )


def _deal_name(client_id: str, rows: Iterable[TaskRow]) -> str | None:
    """A deal without a client is its own client, by its name."""
    return next((task.deal for task in rows), None) if client_id.startswith("deal:") else None


def _stakes(connection: Connection, account: str, ids: Collection[str]) -> Mapping[str, _Stake]:
    """The names of clients, and what is at stake for each."""
    names = STATE["client"]
    found: dict[str, _Stake] = {}
    for some in chunks(ids):
        statement = (
            select(
                _STAKES.c.client_id,
                names.c.name,
                _STAKES.c.open_amount,
                _STAKES.c.deal_amount,
                _STAKES.c.own_tasks,
            )
            .select_from(
                _STAKES.outerjoin(
                    names, and_(names.c.account == _STAKES.c.account, names.c.id == _STAKES.c.client_id)
                )
            )
            .where(_STAKES.c.account == account, _STAKES.c.client_id.in_(some))
        )
        for client_id, name, open_amount, deal_amount, own_tasks in connection.execute(statement):
            found[client_id] = _Stake(name, open_amount if own_tasks else deal_amount, open_amount)
    return found


def managers(connection: Connection, account: str, as_of: Instant, today: int) -> tuple[ManagerRow, ...]:
    """Managers with overdue tasks, or with a habit in the last 30 days."""
    stakes = {
        manager_id: (tasks, amount)
        for manager_id, tasks, amount in connection.execute(
            select(_MANAGERS.c.manager_id, _MANAGERS.c.tasks, _MANAGERS.c.amount).where(
                _MANAGERS.c.account == account
            )
        )
    }
    habits: dict[tuple[str, int], tuple[int, int]] = {}
    found = select(*_HABITS.c).where(
        _HABITS.c.account == account, _HABITS.c.day > today - MONTH, _HABITS.c.day <= today
    )
    for row in connection.execute(found):
        open_us = overdue_time(row.day, row.overdue_tasks, row.overdue_us, as_of)
        for days in (WEEK, MONTH):
            if row.day > today - days:
                tasks, total = habits.get((row.manager_id, days), (0, 0))
                late = row.late_tasks + row.overdue_tasks
                habits[row.manager_id, days] = (tasks + late, total + row.late_us + open_us)
    everyone = sorted(stakes.keys() | {manager_id for manager_id, _ in habits})
    return tuple(
        ManagerRow(
            each or None,
            *stakes.get(each, (0, 0)),
            _late(habits.get((each, WEEK))),
            _late(habits.get((each, MONTH))),
        )
        for each in everyone
    )


def _late(summed: tuple[int, int] | None) -> Late:
    if summed is None or not summed[0]:
        return Late()
    tasks, total = summed
    return Late(tasks, total // (tasks * SECOND))


def manager_names(connection: Connection, account: Account) -> dict[str, str]:
    """The name of every manager that is known: from the CRM, else from the configuration."""
    table = STATE["manager"]
    found = select(table.c.id, table.c.name).where(table.c.account == account.id)
    return {**account.options.users, **{each: name for each, name in connection.execute(found) if name}}


def pipeline_names(connection: Connection, account: str) -> dict[str, str]:
    """The name of every pipeline that is known."""
    table = STATE["pipeline"]
    found = select(table.c.id, table.c.name).where(table.c.account == account)
    return {each: name for each, name in connection.execute(found) if name}


def saved(connection: Connection, account: str) -> dict[str, int]:
    """The clients that were saved today, and the amount of each (SPEC section 3.10)."""
    same = and_(_STAKES.c.account == _SAVES.c.account, _STAKES.c.client_id == _SAVES.c.client_id)
    overdue = func.coalesce(_STAKES.c.deal_tasks + _STAKES.c.own_tasks, 0)
    all_open = func.coalesce(_STAKES.c.open_amount, 0)
    amount = case((_SAVES.c.own_tasks > 0, all_open), else_=_SAVES.c.open_amount) + _SAVES.c.won_amount
    found = (
        select(_SAVES.c.client_id, amount)
        .select_from(_SAVES.outerjoin(_STAKES, same))
        .where(_SAVES.c.account == account, _SAVES.c.deals + _SAVES.c.own_tasks > 0, overdue == 0)
    )
    return {client_id: int(total) for client_id, total in connection.execute(found)}


def completed(connection: Connection, account: str, task_ids: Collection[str]) -> frozenset[str]:
    """Those of some tasks that are completed."""
    found: set[str] = set()
    for some in chunks(task_ids):
        statement = select(TASKS.c.id).where(
            TASKS.c.account == account, TASKS.c.id.in_(some), TASKS.c.done_at.is_not(None)
        )
        found.update(connection.execute(statement).scalars())
    return frozenset(found)


def losses(connection: Connection, account: str, selection: Selection) -> tuple[LossRow, ...]:
    """Refusals by reason, of every kind."""
    names = STATE["reason"]
    everything = selection.manager_id is None and selection.pipeline_id is None
    table = SUMS[LOSS_DAYS if everything else LOSSES]
    chosen = [table.c.account == account, table.c.day >= selection.first, table.c.day <= selection.last]
    if selection.manager_id is not None:
        chosen.append(table.c.manager_id == selection.manager_id)
    if selection.pipeline_id is not None:
        chosen.append(table.c.pipeline_id == selection.pipeline_id)
    summed = (
        select(
            table.c.reason_id,
            func.sum(table.c["count"]).label("deals"),
            func.sum(table.c.amount).label("amount"),
        )
        .where(*chosen)
        .group_by(table.c.reason_id)
        .subquery()
    )
    found = select(summed.c.reason_id, names.c.name, summed.c.deals, summed.c.amount).select_from(
        summed.outerjoin(names, and_(names.c.account == account, names.c.id == summed.c.reason_id))
    )
    return tuple(
        LossRow(reason_id or None, name, int(deals), int(amount))
        for reason_id, name, deals, amount in connection.execute(found)
    )
