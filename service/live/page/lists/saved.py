"""The clients that were saved today, each with what was done and by whom. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from service import calendar
from service.config import Account, Language
from service.ledger.read.saved_rows import DoneTask, SavedRow, SavedRows
from service.live.board.at_risk import name_of
from service.live.board.links import web_address
from service.live.board.masking import Names, names_for
from service.live.board.query import BoardQuery
from service.live.page.lists.listing import Listing, Scope
from service.live.page.lists.rows import Rows
from service.live.page.lists.table import ALL, Cells, Column, Order, Table, View, minute_cell
from service.live.text.i18n import translations_of
from service.money import decimal_string
from service.projections.facts import DEAL_CLIENT


class Work(NamedTuple):
    """A task that was completed: its text, who completed it, and where in the CRM it is."""

    text: str | None
    manager: str | None
    url: str | None


class SavedClient(NamedTuple):
    """A client that was saved today.

    Args:
        amount: A decimal string in the account's currency.
        work: First done first.
        managers: Who did it; None if nobody is known.
        done_at: When the last of it was done: ISO, local.
    """

    client_id: str
    client: str
    amount: str
    work: tuple[Work, ...]
    managers: str | None
    done_at: str | None


def _cells(account: Account, language: Language) -> Cells[SavedClient]:
    _ = translations_of(language).gettext
    return (
        (_("Client"), lambda row: row.client),
        (_("Amount"), lambda row: Decimal(row.amount)),
        (_("Currency"), lambda _row: account.currency),
        (_("Tasks"), lambda row: "; ".join(work.text for work in row.work if work.text)),
        (_("Done by"), lambda row: row.managers),
        (_("Done at"), lambda row: minute_cell(row.done_at)),
        (_("Link"), lambda row: next((work.url for work in row.work if work.url), None)),
    )


TABLE: Final[Table[SavedClient]] = Table(
    name="saved",
    columns=(
        Column("client", "Client", lambda row: row.client),
        Column("amount", "Amount", lambda row: Decimal(row.amount), is_number=True),
        Column("task", "Tasks", lambda row: row.work[0].text if row.work else None),
        Column("manager", "Done by", lambda row: row.managers),
        Column("done", "Done at", lambda row: row.done_at, is_number=True),
    ),
    order=Order("amount", descending=True),
    arrives=False,
    amount=lambda row: row.amount,
    client=lambda row: row.client_id,
    texts=lambda row: (row.client, row.managers, *(work.text for work in row.work)),
    cells=_cells,
)


def saved_list(
    read: SavedRows, account: Account, query: BoardQuery, view: View = ALL
) -> Listing[SavedClient]:
    """The clients of a read: all, or those with a task of the query's manager and pipeline."""
    as_of = calendar.iso(read.as_of, account.zone)
    scope = Scope.of(query, read.manager_names, read.pipeline_names)
    day, title = as_of[:10], translations_of(query.language).gettext("Saved today")
    return Listing(
        table=TABLE,
        seq=read.seq,
        as_of=as_of,
        rows=Rows(_rows(read, account, query), TABLE, view, query.language),
        view=view,
        scope=scope,
        file_name=f"saved-{account.id}-{day}",
        named=(title, account.title, scope.manager, scope.pipeline, day),
    )


def _rows(read: SavedRows, account: Account, query: BoardQuery) -> Iterator[SavedClient]:
    names = names_for(query, account)
    for row in read.clients:
        if not query.is_filtered or any(_is_selected(task, query) for task in row.tasks):
            yield _saved_client(row, read, account, names)


def _is_selected(task: DoneTask, query: BoardQuery) -> bool:
    return query.manager in (None, task.manager_id or "") and query.pipeline in (None, task.pipeline_id or "")


def _saved_client(row: SavedRow, read: SavedRows, account: Account, names: Names) -> SavedClient:
    work = tuple(
        Work(task.text, name_of(task.manager_id, read.manager_names), web_address(task.url))
        for task in row.tasks
    )
    managers = ", ".join(dict.fromkeys(done.manager for done in work if done.manager))
    return SavedClient(
        client_id=row.client_id,
        client=_name(row, names),
        amount=decimal_string(row.amount, account.currency),
        work=work,
        managers=managers or None,
        done_at=calendar.iso(row.tasks[-1].done_at, account.zone) if row.tasks else None,
    )


def _name(row: SavedRow, names: Names) -> str:
    """A client's name, or else its id; a deal without a client is called by its own name or number."""
    if row.client_id.startswith(DEAL_CLIENT):
        deal = next((task.deal for task in row.tasks if task.deal), None)
        return names.deal(deal) or row.client_id.removeprefix(DEAL_CLIENT)
    return names.client(row.client) if row.client else row.client_id
