"""The rows of a board, read from the projections by their keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache, lru_cache
from typing import Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    literal_column,
    null,
    or_,
    select,
)

from service.config import Account
from service.ledger.database.in_list import in_list
from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import DEALS, DELIVERIES, HEADS, NEEDS, STATE, SUMS, TASKS
from service.ledger.read.board import Arrived, ClientRow, LossRow, Selection, TaskRow
from service.ledger.write import sums
from service.model import Entity, Instant
from service.projections.at_risk import DEALS_AT_RISK, STAKES
from service.projections.facts import DEAL_CLIENT, NOBODY
from service.projections.losses import LOSS_DAYS, LOSSES
from service.projections.saved import SAVED_CLIENTS
from service.projections.unconverted import UNCONVERTED

_RISK, _STAKES = SUMS[DEALS_AT_RISK], SUMS[STAKES]
_CLIENTS, _REASONS = STATE["client"], STATE["reason"]


REASONS_WANTED: Final = (
    select(func.count()).where(NEEDS.c.account == HEADS.c.account, NEEDS.c.entity == "reason")
).scalar_subquery()
"""How many reasons' names the CRM's API is still asked for, beside the head of the account."""

_OVERDUE = TASKS.c.open_due_at <= bindparam("as_of")


@cache
def _deal_tasks(*, some: bool) -> Prepared:
    """Overdue tasks on deals at risk, of all clients or of some."""
    same = and_(TASKS.c.account == _RISK.c.account, TASKS.c.deal_id == _RISK.c.deal_id)
    the_deal = and_(DEALS.c.account == _RISK.c.account, DEALS.c.id == _RISK.c.deal_id)
    of_task = TASKS.c.id, TASKS.c.text, TASKS.c.deal_id, DEALS.c.name, TASKS.c.manager_id, TASKS.c.due_at
    url = func.coalesce(DEALS.c.url, TASKS.c.url)
    return Prepared(
        select(_RISK.c.client_id, *of_task, _RISK.c.amount, url, DEALS.c.pipeline_id)
        .select_from(_RISK.join(TASKS, and_(same, _OVERDUE)).outerjoin(DEALS, the_deal))
        .where(_RISK.c.account == bindparam("account"), *_some_ids(_RISK.c.client_id, some=some))
    )


@cache
def _own_tasks(*, some: bool) -> Prepared:
    """Overdue tasks on clients themselves that are not gone, of all clients or of some."""
    of_task = TASKS.c.id, TASKS.c.text, TASKS.c.deal_id, null(), TASKS.c.manager_id, TASKS.c.due_at
    the_client = and_(_CLIENTS.c.account == TASKS.c.account, _CLIENTS.c.id == TASKS.c.client_id)
    return Prepared(
        select(TASKS.c.client_id, *of_task, literal_column("0"), TASKS.c.url, null())
        .select_from(TASKS.outerjoin(_CLIENTS, the_client))
        .where(
            TASKS.c.account == bindparam("account"),
            TASKS.c.client_id.is_not(None),
            TASKS.c.client_id != NOBODY,
            func.coalesce(TASKS.c.deal_id, NOBODY) == NOBODY,
            or_(_CLIENTS.c.deleted.is_(None), func.coalesce(_CLIENTS.c.name, NOBODY) != NOBODY),
            _OVERDUE,
            *_some_ids(TASKS.c.client_id, some=some),
        )
    )


def _some_ids(column: ColumnElement[str], *, some: bool) -> list[ColumnElement[bool]]:
    return [in_list(column, "ids")] if some else []


def reasons_wanted(connection: Connection, account: str) -> int:
    """How many reasons' names the CRM's API is still asked for."""
    wanted: int = connection.execute(select(REASONS_WANTED).where(HEADS.c.account == account)).scalar_one()
    return wanted


def clients(
    connection: Connection, account: str, as_of: Instant, ids: Collection[str] | None = None
) -> dict[str, ClientRow]:
    """Clients at risk at `as_of`, which must be the head's: all, or those among `ids`."""
    some = ids is not None
    parameters = {"account": account, "as_of": as_of} | ({"ids": ids} if some else {})
    tasks: dict[str, list[TaskRow]] = {}
    for statement in (_deal_tasks(some=some), _own_tasks(some=some)):
        for client_id, *task in statement.rows(connection, parameters):
            tasks.setdefault(str(client_id), []).append(_task_row(*task))
    stakes = _stakes(connection, account, tasks) if tasks else {}
    return {
        client_id: ClientRow(
            client_id=client_id,
            client=stakes[client_id].name or _deal_name(client_id, rows),
            amount=stakes[client_id].amount,
            tasks=tuple(sorted(rows, key=lambda task: (task.due_at, task.task_id))),
            open_amount=stakes[client_id].open_amount,
            phone=stakes[client_id].phone,
        )
        for client_id, rows in tasks.items()
    }


def _task_row(  # a column each
    task_id: str,
    text: str | None,
    deal_id: str | None,
    deal: str | None,
    manager_id: str | None,
    due_at: Instant,
    amount: int,
    url: str | None,
    pipeline_id: str | None,
) -> TaskRow:
    return TaskRow(
        task_id, text, deal_id or None, deal, manager_id or None, due_at, amount, url, pipeline_id or None
    )


def _deal_name(client_id: str, rows: Iterable[TaskRow]) -> str | None:
    """The name of a client that is a deal without a client."""
    return next((task.deal for task in rows), None) if client_id.startswith(DEAL_CLIENT) else None


_STAKES_OF: Final = Prepared(
    select(_STAKES.c.client_id, _CLIENTS.c.name, _CLIENTS.c.phone, _STAKES.c.amount, _STAKES.c.open_amount)
    .select_from(
        _STAKES.outerjoin(
            _CLIENTS, and_(_CLIENTS.c.account == _STAKES.c.account, _CLIENTS.c.id == _STAKES.c.client_id)
        )
    )
    .where(_STAKES.c.account == bindparam("account"), in_list(_STAKES.c.client_id, "ids"))
)


class _Stake(NamedTuple):
    """A client at risk, and what is at stake."""

    client_id: str
    name: str | None
    phone: str | None
    amount: int
    open_amount: int


def _stakes(connection: Connection, account: str, ids: Collection[str]) -> Mapping[str, _Stake]:
    """Clients at risk, by id."""
    rows = map(_Stake._make, _STAKES_OF.rows(connection, {"account": account, "ids": ids}))
    return {stake.client_id: stake for stake in rows}


@cache
def _names(entity: Entity) -> Prepared:
    table = STATE[entity]
    return Prepared(select(table.c.id, table.c.name).where(table.c.account == bindparam("account")))


def _named(connection: Connection, account: str, entity: Entity) -> dict[str, str]:
    rows = _names(entity).rows(connection, {"account": account})
    return {entity_id: name for entity_id, name in rows if name}


def manager_names(connection: Connection, account: Account) -> dict[str, str]:
    """The name of every manager that is known: from the CRM, else from the configuration."""
    return {**account.users, **_named(connection, account.id, "manager")}


def pipeline_names(connection: Connection, account: str) -> dict[str, str]:
    """The name of every pipeline that is known."""
    return _named(connection, account, "pipeline")


def saved(connection: Connection, account: str) -> dict[str, int]:
    """The clients saved today, and the amount of each (SPEC section 3.10)."""
    rows = sums.listed(connection, account, SAVED_CLIENTS)
    return {str(client_id): amount for (client_id,), (_, amount) in rows}


def arrived(connection: Connection, account: str) -> Arrived:
    """How many deals, tasks and clients there are, just after the first ones came."""
    counts = (
        select(func.count())
        .select_from(STATE[entity])
        .where(STATE[entity].c.account == account)
        .scalar_subquery()
        for entity in ("deal", "task", "client")
    )
    return Arrived(*connection.execute(select(*counts)).one())


def came(connection: Connection, account: str) -> bool:
    """Whether anything came that proves something about the CRM, which a test does not."""
    proves = DELIVERIES.c.account == account, DELIVERIES.c.source != "test"
    return connection.execute(select(DELIVERIES.c.number).where(*proves).limit(1)).first() is not None


_COMPLETED: Final = Prepared(
    select(TASKS.c.id).where(
        TASKS.c.account == bindparam("account"), in_list(TASKS.c.id, "ids"), TASKS.c.done_at.is_not(None)
    )
)


def completed(connection: Connection, account: str, task_ids: Collection[str]) -> frozenset[str]:
    """The completed ones among some tasks."""
    if not task_ids:
        return frozenset()
    rows = _COMPLETED.rows(connection, {"account": account, "ids": task_ids})
    return frozenset(task_id for (task_id,) in rows)


def unconverted(connection: Connection, account: str) -> dict[str, int]:
    """How many open or lost deals count with amount 0 because there is no rate, by currency."""
    return {str(currency): deals for (currency,), (deals,) in sums.listed(connection, account, UNCONVERTED)}


@lru_cache(maxsize=4)
def _losses(*filters: str) -> Prepared:
    """Refusals by reason. `filters`: those of `manager_id` and `pipeline_id` that a selection chooses by."""
    table = SUMS[LOSSES if filters else LOSS_DAYS]
    chosen = [table.c[name] == bindparam(name) for name in ("account", *filters)]
    days = table.c.day.between(bindparam("first"), bindparam("last"))
    totals = func.sum(table.c["count"]).label("deals"), func.sum(table.c.amount).label("amount")
    summed = select(table.c.reason_id, *totals).where(days, *chosen).group_by(table.c.reason_id).subquery()
    the_reason = and_(_REASONS.c.account == bindparam("account"), _REASONS.c.id == summed.c.reason_id)
    return Prepared(
        select(summed.c.reason_id, _REASONS.c.name, summed.c.deals, summed.c.amount).select_from(
            summed.outerjoin(_REASONS, the_reason)
        )
    )


def losses(connection: Connection, account: str, selection: Selection) -> tuple[LossRow, ...]:
    """Refusals by reason, of every kind."""
    chosen = {name: value for name, value in selection._asdict().items() if value is not None}
    statement = _losses(*(name for name in ("manager_id", "pipeline_id") if name in chosen))
    return tuple(
        LossRow(reason_id or None, name, int(deals), int(amount))
        for reason_id, name, deals, amount in statement.rows(connection, {"account": account, **chosen})
    )
