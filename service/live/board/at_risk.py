"""The card «Потенциально потерянная выручка» of a board: who is to be called, and who let it come to that
(SPEC section 3). Pure.

The figures of the whole office are read as they are kept. Those of one manager or pipeline are made here, of
the rows that are shown: by the same rule, and over no more rows than there are overdue tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from service import calendar
from service.config import Account
from service.ledger.read.board import BoardRows, ClientRow, Late, ManagerRow, Sum, TaskRow
from service.live.board.masking import masked
from service.live.board.query import BoardQuery
from service.live.board.snapshot import (
    AtRisk,
    Client,
    LateTasks,
    Manager,
    Saved,
    SavedClient,
    Sort,
    Stake,
    Task,
)
from service.money import decimal_string

DEAL_CLIENT: Final = "deal:"
"""Begins the client id of a deal that has no client (SPEC section 5)."""


def at_risk(reading: BoardRows, account: Account, query: BoardQuery) -> AtRisk:
    """The card, of everybody or of one manager or pipeline."""
    currency = account.currency
    rows = list(_selected(reading.clients.values(), query))
    whole = query.manager is None and query.pipeline is None
    totals = reading.at_risk if whole else Sum(len(rows), sum(row.amount for row in rows))
    masks = query.mode == "wall" and account.mask_clients
    return AtRisk(
        clients=totals.count,
        amount=decimal_string(totals.amount, currency),
        tasks=reading.overdue_tasks if whole else sum(len(row.tasks) for row in rows),
        list=tuple(
            _client(row, account, reading.manager_names, masks=masks) for row in _ordered(rows, query.sort)
        ),
        managers=_managers(reading, currency, query),
        no_next_step=Stake(reading.no_next_step.count, decimal_string(reading.no_next_step.amount, currency))
        if whole
        else None,
        saved_today=_saved(reading, currency) if whole else None,
    )


def _selected(rows: Iterable[ClientRow], query: BoardQuery) -> Iterator[ClientRow]:
    """The clients with a task of the manager and pipeline that are asked for, and what those put at stake."""
    if query.manager is None and query.pipeline is None:
        yield from rows
        return
    for row in rows:
        tasks = tuple(task for task in row.tasks if _is_selected(task, query))
        if tasks:
            yield replace(row, tasks=tasks, amount=_stake(row, tasks))


def _is_selected(task: TaskRow, query: BoardQuery) -> bool:
    return query.manager in (None, task.manager_id or "") and query.pipeline in (None, task.pipeline_id or "")


def _stake(row: ClientRow, tasks: Iterable[TaskRow]) -> int:
    """What some of a client's overdue tasks put at stake (SPEC section 3.3)."""
    deals = {task.deal_id: task.amount for task in tasks}
    return row.open_amount if None in deals else sum(deals.values())


def _ordered(clients: Iterable[ClientRow], sort: Sort) -> list[ClientRow]:
    """By amount or count, descending; ties: longest overdue first, then by id (SPEC section 3.5)."""

    def order(row: ClientRow) -> tuple[int, int, str]:
        weight = row.amount if sort == "amount" else len(row.tasks)
        return -weight, min((task.due_at for task in row.tasks), default=0), row.client_id

    return sorted(clients, key=order)


def _client(row: ClientRow, account: Account, names: Mapping[str, str], *, masks: bool) -> Client:
    tasks = sorted(row.tasks, key=lambda task: (task.due_at, task.task_id))
    return Client(
        client_id=row.client_id,
        client=_client_name(row, masks=masks),
        amount=decimal_string(row.amount, account.currency),
        tasks=tuple(_task(task, account, names, masks=masks) for task in tasks),
    )


def _client_name(row: ClientRow, *, masks: bool) -> str:
    """A client's name; without one, that of its deal if it is one, else its id."""
    if row.client_id.startswith(DEAL_CLIENT):
        deal_id = row.client_id.removeprefix(DEAL_CLIENT)
        names = (row.client, *(task.deal for task in row.tasks))
        return deal_id if masks else next((name for name in names if name), deal_id)
    return (masked(row.client) if masks else row.client) if row.client else row.client_id


def _task(row: TaskRow, account: Account, names: Mapping[str, str], *, masks: bool) -> Task:
    deal = (
        row.deal_id if masks else row.deal or row.deal_id
    )  # people write clients' names into those of deals
    return Task(
        task_id=row.task_id,
        text=row.text,
        deal_id=row.deal_id,
        deal=deal,
        manager_id=row.manager_id,
        manager=_manager_name(row.manager_id, names),
        due_at=calendar.iso(row.due_at, account.zone),
        amount=decimal_string(row.amount, account.currency),
        url=row.url,
    )


def _manager_name(manager_id: str | None, names: Mapping[str, str]) -> str | None:
    return None if manager_id is None else names.get(manager_id) or manager_id


def _managers(reading: BoardRows, currency: str, query: BoardQuery) -> tuple[Manager, ...]:
    if query.pipeline is not None:
        return ()
    rows = [row for row in reading.managers if query.manager in (None, row.manager_id or "")]
    return tuple(_manager(row, currency, reading.manager_names) for row in sorted(rows, key=_manager_order))


def _manager(row: ManagerRow, currency: str, names: Mapping[str, str]) -> Manager:
    return Manager(
        manager_id=row.manager_id,
        manager=_manager_name(row.manager_id, names),
        tasks=row.tasks,
        amount=decimal_string(row.amount, currency),
        late_7d=_late(row.late_7d),
        late_30d=_late(row.late_30d),
    )


def _late(late: Late) -> LateTasks:
    return LateTasks(late.tasks, late.mean_s)


def _manager_order(row: ManagerRow) -> tuple[int, int, int, int, int, str]:
    """Most overdue tasks first, then the largest stake, then the worst habit; the id makes it total."""
    week, month = row.late_7d, row.late_30d
    return -row.tasks, -row.amount, -week.tasks, -month.tasks, -month.mean_s, row.manager_id or ""


def _saved(reading: BoardRows, currency: str) -> Saved:
    return Saved(
        reading.saved_today.count,
        decimal_string(reading.saved_today.amount, currency),
        tuple(
            SavedClient(each, decimal_string(amount, currency))
            for each, amount in sorted(reading.saved.items())
        ),
    )
