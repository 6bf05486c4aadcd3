"""Open deals without a next step, one by one. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from service import calendar
from service.config import Account, Language
from service.ledger.read.stepless_rows import OpenDeal, Stepless
from service.live.board.at_risk import name_of
from service.live.board.links import web_address
from service.live.board.masking import names_for
from service.live.board.query import BoardQuery
from service.live.board.snapshot import Total
from service.live.page.lists.listing import Listing, Scope
from service.live.page.lists.rows import Rows
from service.live.page.lists.table import ALL, Cells, Column, Order, Table, View, phone_cells
from service.live.text.i18n import translations_of
from service.money import decimal_string


class SteplessDeal(NamedTuple):
    """An open deal without a task, with names in place of ids.

    Args:
        client: None if the deal has none; likewise `deal` (the deal's name), `manager` and `pipeline`.
        amount: A decimal string in the account's currency; `0.00` if it is not known (`unknown`), or if its
            currency has no rate (`unconverted`).
    """

    client_id: str
    client: str | None
    deal_id: str
    deal: str | None
    manager: str | None
    pipeline: str | None
    amount: str
    unknown: bool
    unconverted: str | None
    url: str | None
    phone: str | None = None


def _cells(account: Account, language: Language) -> Cells[SteplessDeal]:
    _ = translations_of(language).gettext
    return (
        (_("Client"), lambda row: row.client),
        *phone_cells(account, language),
        (_("Deal"), lambda row: row.deal),
        (_("Deal number"), lambda row: row.deal_id),
        (_("Manager"), lambda row: row.manager),
        (_("Pipeline"), lambda row: row.pipeline),
        (_("Amount"), lambda row: None if row.unknown else Decimal(row.amount)),
        (_("Currency"), lambda row: None if row.unknown else account.currency),
        (_("Link"), lambda row: row.url),
    )


TABLE: Final[Table[SteplessDeal]] = Table(
    name="no-next-step",
    columns=(
        Column("deal", "Deal", lambda row: row.deal or row.deal_id),
        Column("amount", "Amount", lambda row: None if row.unknown else Decimal(row.amount), is_number=True),
        Column("client", "Client", lambda row: row.client),
        Column("manager", "Manager", lambda row: row.manager),
        Column("pipeline", "Pipeline", lambda row: row.pipeline),
    ),
    order=Order("amount", descending=True),
    arrives=False,
    amount=lambda row: row.amount,
    client=lambda row: row.client_id,
    texts=lambda row: (row.client, row.deal, row.deal_id, row.manager, row.pipeline),
    cells=_cells,
)


def stepless_list(
    read: Stepless, account: Account, query: BoardQuery, view: View = ALL
) -> Listing[SteplessDeal]:
    """The deals of a read."""
    as_of = calendar.iso(read.as_of, account.zone)
    whole = not (query.is_filtered or view.narrows)
    known = Total(read.count, decimal_string(read.amount, account.currency)) if whole else None
    rows = (_row(deal, read, account, query) for deal in read.deals)
    scope = Scope.of(query, read.manager_names, read.pipeline_names)
    day, title = as_of[:10], translations_of(query.language).gettext("No next step")
    return Listing(
        table=TABLE,
        seq=read.seq,
        as_of=as_of,
        rows=Rows(rows, TABLE, view, query.language, known),
        view=view,
        scope=scope,
        file_name=f"no-next-step-{account.id}-{day}",
        named=(title, account.title, scope.manager, scope.pipeline, day),
    )


def _row(deal: OpenDeal, read: Stepless, account: Account, query: BoardQuery) -> SteplessDeal:
    names = names_for(query, account)
    return SteplessDeal(
        client_id=deal.client_id,
        client=names.client(deal.client) if deal.client else None,
        deal_id=deal.deal_id,
        deal=names.deal(deal.name),
        manager=name_of(deal.manager_id, read.manager_names),
        pipeline=name_of(deal.pipeline_id, read.pipeline_names),
        amount=decimal_string(deal.amount, account.currency),
        unknown=deal.unknown,
        unconverted=deal.unconverted,
        url=web_address(deal.url),
        phone=names.phone(deal.phone) or None,
    )
