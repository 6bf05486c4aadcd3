"""Clients at risk, each with what is at stake and its longest delay. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from service import calendar
from service.config import Account, Language
from service.ledger.read.board import BoardRows
from service.live.board.at_risk import at_risk
from service.live.board.query import BoardQuery
from service.live.board.snapshot import Client
from service.live.page.lists.listing import Listing, Scope
from service.live.page.lists.rows import Rows
from service.live.page.lists.table import ALL, Cells, Column, Order, Table, View, phone_cells
from service.live.text.formats import NO_BREAK, duration
from service.live.text.i18n import translations_of


class LateClient(NamedTuple):
    """A client at risk.

    Args:
        amount: At stake, a decimal string.
        tasks: The number of its overdue tasks.
        late_s: For how many seconds the longest overdue one is that; `overdue`: the same as text.
        text: That task's.
        managers: Those who have its tasks.
        url: Of that task, or else of another.
    """

    client_id: str
    client: str
    amount: str
    tasks: int
    late_s: float
    overdue: str
    text: str | None
    managers: str | None
    url: str | None
    phone: str | None = None


def _cells(account: Account, language: Language) -> Cells[LateClient]:
    _ = translations_of(language).gettext
    return (
        (_("Client"), lambda row: row.client),
        *phone_cells(account, language),
        (_("At stake"), lambda row: Decimal(row.amount)),
        (_("Currency"), lambda _row: account.currency),
        (_("Tasks overdue"), lambda row: Decimal(row.tasks)),
        (_("Longest delay"), lambda row: row.overdue.replace(NO_BREAK, " ")),
        (_("Hours overdue"), lambda row: Decimal(int(row.late_s // 36)).scaleb(-2)),
        (_("Oldest task"), lambda row: row.text),
        (_("Manager"), lambda row: row.managers),
        (_("Link"), lambda row: row.url),
    )


TABLE: Final[Table[LateClient]] = Table(
    name="clients",
    columns=(
        Column("client", "Client", lambda row: row.client),
        Column("amount", "At stake", lambda row: Decimal(row.amount), is_number=True),
        Column("delay", "Longest delay", lambda row: Decimal(row.late_s), is_number=True),
        Column("count", "Tasks", lambda row: row.tasks, is_number=True),
        Column("task", "Oldest task", lambda row: row.text),
        Column("manager", "Manager", lambda row: row.managers),
    ),
    order=Order("amount", descending=True),
    arrives=True,
    amount=lambda row: row.amount,
    client=lambda row: row.client_id,
    texts=lambda row: (row.client, row.text, row.managers),
    cells=_cells,
)


def client_list(
    rows: BoardRows, account: Account, query: BoardQuery, view: View = ALL
) -> Listing[LateClient]:
    """The clients of a board's call list, in its order."""
    as_of = calendar.iso(rows.as_of, account.zone)
    table = replace(TABLE, order=Order(query.sort, descending=True))
    clients = [_late_client(client, as_of, query.language) for client in at_risk(rows, account, query).list]
    scope = Scope.of(query, rows.manager_names, rows.pipeline_names)
    day, title = as_of[:10], translations_of(query.language).gettext("At-risk clients")
    return Listing(
        table=table,
        seq=rows.seq,
        as_of=as_of,
        rows=Rows(clients, table, view, query.language),
        view=view,
        scope=scope,
        file_name=f"clients-at-risk-{account.id}-{day}",
        named=(title, account.title, scope.manager, scope.pipeline, day),
    )


def _late_client(client: Client, as_of: str, language: Language) -> LateClient:
    oldest = client.tasks[0]
    late = (datetime.fromisoformat(as_of) - datetime.fromisoformat(oldest.due_at)).total_seconds()
    managers = dict.fromkeys(task.manager for task in client.tasks if task.manager)
    return LateClient(
        client_id=client.client_id,
        client=client.client,
        amount=client.amount,
        tasks=len(client.tasks),
        late_s=late,
        overdue=duration(late, language),
        text=oldest.text,
        managers=", ".join(managers) or None,
        url=next((task.url for task in client.tasks if task.url), None),
        phone=client.phone or None,
    )
