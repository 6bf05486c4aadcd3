"""Overdue tasks, one by one. Pure.

Their number is that of the board, and so is the amount at stake: the amount of a deal is a part of it once,
however many tasks the deal has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from service import calendar
from service.config import Account, Language
from service.ledger.read.board import BoardRows
from service.live.board.at_risk import at_risk
from service.live.board.query import BoardQuery
from service.live.board.snapshot import Client, Task, Total
from service.live.page.lists.listing import Listing, Scope
from service.live.page.lists.rows import Rows
from service.live.page.lists.table import ALL, Cells, Column, Order, Table, View, minute_cell, phone_cells
from service.live.text.formats import NO_BREAK, duration
from service.live.text.i18n import translations_of
from service.money import decimal_string


class OverdueTask(NamedTuple):
    """An overdue task, with names in place of ids.

    Args:
        deal: The deal's name; None if it has none, or if the task is on the client itself.
        due_at: ISO, local.
        late_s: For how many seconds it is overdue; `overdue`: the same as text.
        value: The deal's amount, a decimal string; None for a task on the client itself.
        amount: The part of the amount at stake that the row is, a decimal string: the deal's amount beside
            its first task, and all else that is at stake beside the client's own first task.
    """

    client_id: str
    client: str
    text: str | None
    deal_id: str | None
    deal: str | None
    manager: str | None
    due_at: str
    late_s: float
    overdue: str
    value: str | None
    amount: str | None
    url: str | None
    phone: str | None = None


def _cells(account: Account, language: Language) -> Cells[OverdueTask]:
    _ = translations_of(language).gettext
    return (
        (_("Client"), lambda row: row.client),
        *phone_cells(account, language),
        (_("Task"), lambda row: row.text),
        (_("Deal"), lambda row: row.deal),
        (_("Deal number"), lambda row: row.deal_id),
        (_("Manager"), lambda row: row.manager),
        (_("Due"), lambda row: minute_cell(row.due_at)),
        (_("Overdue by"), lambda row: row.overdue.replace(NO_BREAK, " ")),
        (_("Hours overdue"), lambda row: Decimal(int(row.late_s // 36)).scaleb(-2)),
        (_("At stake"), lambda row: None if row.amount is None else Decimal(row.amount)),
        (_("Currency"), lambda row: None if row.amount is None else account.currency),
        (_("Link"), lambda row: row.url),
    )


TABLE: Final[Table[OverdueTask]] = Table(
    name="tasks",
    columns=(
        Column("client", "Client", lambda row: row.client),
        Column("delay", "Overdue by", lambda row: Decimal(row.late_s), is_number=True),
        Column("task", "Task", lambda row: row.text),
        Column("deal", "Deal", lambda row: row.deal or row.deal_id),
        Column("amount", "At stake", lambda row: _decimal(row.value or row.amount), is_number=True),
        Column("manager", "Manager", lambda row: row.manager),
        Column("due", "Due", lambda row: row.due_at[:16], is_number=True),
    ),
    order=Order("delay", descending=True),
    arrives=True,
    amount=lambda row: row.amount,
    client=lambda row: row.client_id,
    texts=lambda row: (row.client, row.text, row.deal, row.deal_id, row.manager),
    cells=_cells,
)


def _decimal(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskList(Listing[OverdueTask]):
    """Overdue tasks, longest overdue first. `clients`: the number of clients at risk."""

    clients: int


def task_list(rows: BoardRows, account: Account, query: BoardQuery, view: View = ALL) -> TaskList:
    """The overdue tasks of a board."""
    as_of = calendar.iso(rows.as_of, account.zone)
    shown = [
        client for client in at_risk(rows, account, query).list if view.client in (None, client.client_id)
    ]
    tasks = [row for client in shown for row in _tasks(client, as_of, query.language)]
    tasks.sort(key=lambda row: -row.late_s)
    nothing = Decimal(decimal_string(0, account.currency))
    total = Total(len(tasks), f"{sum((Decimal(client.amount) for client in shown), nothing):f}")
    scope = Scope.of(query, rows.manager_names, rows.pipeline_names)
    day, title = as_of[:10], translations_of(query.language).gettext("Overdue tasks")
    return TaskList(
        table=TABLE,
        seq=rows.seq,
        as_of=as_of,
        rows=Rows(tasks, TABLE, view, query.language, None if view.search else total),
        view=view,
        scope=scope,
        file_name=f"overdue-tasks-{account.id}-{day}",
        named=(title, account.title, scope.manager, scope.pipeline, day),
        clients=len(shown),
    )


def _tasks(client: Client, as_of: str, language: Language) -> Iterator[OverdueTask]:
    """The tasks of a client, which are longest overdue first."""
    deals = {task.deal_id: task.amount for task in client.tasks if task.deal_id is not None}
    rest = Decimal(client.amount) - sum(map(Decimal, deals.values()), Decimal(0))
    parts: dict[str | None, str | None] = {None: f"{rest:f}" if rest else None}
    parts.update(deals)
    for task in client.tasks:
        yield _overdue_task(task, client, parts.pop(task.deal_id, None), as_of, language)


def _overdue_task(
    task: Task, client: Client, amount: str | None, as_of: str, language: Language
) -> OverdueTask:
    late = (datetime.fromisoformat(as_of) - datetime.fromisoformat(task.due_at)).total_seconds()
    return OverdueTask(
        client_id=client.client_id,
        client=client.client,
        text=task.text,
        deal_id=task.deal_id,
        deal=None if task.deal == task.deal_id else task.deal,
        manager=task.manager,
        due_at=task.due_at,
        late_s=late,
        overdue=duration(late, language),
        value=None if task.deal_id is None else task.amount,
        amount=amount,
        url=task.url,
        phone=client.phone or None,
    )
