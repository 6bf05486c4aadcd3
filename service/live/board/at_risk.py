"""The card «Потенциально потерянная выручка» of a board (SPEC section 3). Pure.

The figures of the whole office are read as the ledger keeps them. Those of one manager or pipeline are
computed here from the rows that are shown, by the same rules; the cost grows with the number of overdue
tasks and with nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import msgspec

from service import calendar
from service.config import Account
from service.ledger.read.board import BoardRows, ClientRow, ManagerRow, TaskRow
from service.live.board.links import web_address
from service.live.board.masking import Names, names_for
from service.live.board.query import BoardQuery
from service.live.board.snapshot import (
    FIGURES,
    Amount,
    AtRisk,
    Client,
    Figure,
    LateTasks,
    Limits,
    Manager,
    SavedClient,
    Task,
)
from service.money import decimal_string
from service.projections.at_risk import at_stake
from service.projections.facts import DEAL_CLIENT


def at_risk(rows: BoardRows, account: Account, query: BoardQuery) -> AtRisk:
    """The card of the whole office, or of one manager or pipeline."""
    currency, names = account.currency, names_for(query, account)
    clients = list(_selected(rows.clients.values(), query))
    totals = _totals(clients) if query.is_filtered else rows.totals["at_risk"]
    card = AtRisk(
        clients=totals["clients"],
        amount=decimal_string(totals["amount"], currency),
        tasks=totals["tasks"],
        list=tuple(_client(row, account, rows.manager_names, names) for row in _ordered(clients, query)),
        managers=_managers(rows, currency, query),
    )
    if query.is_filtered:
        return card
    limits = _limits(account, totals["clients"], totals["amount"])
    due_at = None if rows.next_due_at is None else calendar.iso(rows.next_due_at, account.zone)
    return msgspec.structs.replace(card, limits=limits, next_due_at=due_at, **_figures(rows, currency))


def _limits(account: Account, clients: int, amount: int) -> Limits | None:
    given = account.limits
    if given.clients is None and given.amount is None:
        return None
    over: list[Literal["clients", "amount"]] = []
    if given.clients is not None and clients > given.clients:
        over.append("clients")
    if given.amount is not None and amount > given.amount:
        over.append("amount")
    limit = None if given.amount is None else decimal_string(given.amount, account.currency)
    return Limits(given.clients, limit, tuple(over))


def _figures(rows: BoardRows, currency: str) -> dict[str, Figure]:
    """The figures of the whole office, each from the relation of its name."""
    figures = {name: _figure(kind, rows.totals[name], currency) for name, kind in FIGURES.items()}
    saved = (
        SavedClient(client_id, decimal_string(n, currency)) for client_id, n in sorted(rows.saved.items())
    )
    return {**figures, "saved_today": msgspec.structs.replace(figures["saved_today"], list=tuple(saved))}


def _figure(kind: type[Figure], measures: Mapping[str, int], currency: str) -> Figure:
    amounts = _amounts(kind)
    values: dict[str, Any] = {
        name: decimal_string(value, currency) if name in amounts else value
        for name, value in measures.items()
    }
    return kind(**values)


@cache
def _amounts(kind: type[Figure]) -> frozenset[str]:
    """The measures of a figure that are amounts of money."""
    return frozenset(field.name for field in msgspec.structs.fields(kind) if field.type == Amount)


def _totals(clients: Iterable[ClientRow]) -> Mapping[str, int]:
    """The measures of the relation `at_risk` over some clients."""
    rows = list(clients)
    return {
        "clients": len(rows),
        "amount": sum(row.amount for row in rows),
        "tasks": sum(len(row.tasks) for row in rows),
    }


def _selected(clients: Iterable[ClientRow], query: BoardQuery) -> Iterator[ClientRow]:
    """The clients with tasks of the query's manager and pipeline: those tasks, and what they put at stake."""
    if not query.is_filtered:
        yield from clients
        return
    for row in clients:
        tasks = tuple(task for task in row.tasks if _is_selected(task, query))
        if tasks:
            yield replace(row, tasks=tasks, amount=_stake(row, tasks))


def _is_selected(task: TaskRow, query: BoardQuery) -> bool:
    return query.manager in (None, task.manager_id or "") and query.pipeline in (None, task.pipeline_id or "")


def _stake(row: ClientRow, tasks: Iterable[TaskRow]) -> int:
    """What some of a client's overdue tasks put at stake (SPEC section 3.3)."""
    deals = {task.deal_id: task.amount for task in tasks}
    return at_stake(None in deals, row.open_amount, sum(deals.values()))


def _ordered(clients: Iterable[ClientRow], query: BoardQuery) -> list[ClientRow]:
    """By amount or count, descending; ties by the longest overdue task, then by id (SPEC section 3.5). By
    delay: the longest overdue first; ties by amount, then by id."""

    def order(row: ClientRow) -> tuple[int, int, str]:
        longest = min((task.due_at for task in row.tasks), default=0)
        if query.sort == "delay":
            return longest, -row.amount, row.client_id
        weight = row.amount if query.sort == "amount" else len(row.tasks)
        return -weight, longest, row.client_id

    return sorted(clients, key=order)


def _client(row: ClientRow, account: Account, manager_names: Mapping[str, str], names: Names) -> Client:
    tasks = sorted(row.tasks, key=lambda task: (task.due_at, task.task_id))
    return Client(
        client_id=row.client_id,
        client=_client_name(row, names),
        amount=decimal_string(row.amount, account.currency),
        tasks=tuple(_task(task, account, manager_names, names) for task in tasks),
        phone=names.phone(row.phone),
    )


def _client_name(row: ClientRow, names: Names) -> str:
    """A client's name, or else its id. A deal without a client is called by its own name or id."""
    if row.client_id.startswith(DEAL_CLIENT):
        deal_names = (names.deal(name) for name in (row.client, *(task.deal for task in row.tasks)))
        return next(filter(None, deal_names), row.client_id.removeprefix(DEAL_CLIENT))
    return names.client(row.client) if row.client else row.client_id


def _task(row: TaskRow, account: Account, manager_names: Mapping[str, str], names: Names) -> Task:
    return Task(
        task_id=row.task_id,
        text=row.text,
        deal_id=row.deal_id,
        deal=names.deal(row.deal) or row.deal_id,
        manager_id=row.manager_id,
        manager=name_of(row.manager_id, manager_names),
        due_at=calendar.iso(row.due_at, account.zone),
        amount=decimal_string(row.amount, account.currency),
        url=web_address(row.url),
    )


def name_of(entity_id: str | None, names: Mapping[str, str]) -> str | None:
    """The name of a manager or pipeline, or else its id; None if there is neither."""
    return (names.get(entity_id) or entity_id) if entity_id else None


def _managers(rows: BoardRows, currency: str, query: BoardQuery) -> tuple[Manager, ...]:
    if query.pipeline is not None:
        return ()
    selected = [row for row in rows.managers if query.manager in (None, row.manager_id or "")]
    return tuple(_manager(row, currency, rows.manager_names) for row in sorted(selected, key=_manager_order))


def _manager(row: ManagerRow, currency: str, manager_names: Mapping[str, str]) -> Manager:
    return Manager(
        manager_id=row.manager_id,
        manager=name_of(row.manager_id, manager_names),
        tasks=row.tasks,
        amount=decimal_string(row.amount, currency),
        late_7d=LateTasks(row.late_7d.tasks, row.late_7d.mean_s),
        late_30d=LateTasks(row.late_30d.tasks, row.late_30d.mean_s),
    )


def _manager_order(row: ManagerRow) -> tuple[int, int, int, int, int, str]:
    """Most overdue tasks first, then the largest stake, then the worst habit; the id breaks ties."""
    week, month = row.late_7d, row.late_30d
    return -row.tasks, -row.amount, -week.tasks, -month.tasks, -month.mean_s, row.manager_id or ""
