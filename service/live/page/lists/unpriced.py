"""The list of the deals that count with amount 0, unknown or without a rate. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from service import calendar
from service.config import Account, Language
from service.ledger.read.unpriced_rows import Unpriced, UnpricedDeal
from service.live.board.at_risk import name_of
from service.live.board.links import web_address
from service.live.board.masking import names_for
from service.live.board.query import NONE, BoardQuery, QueryError
from service.live.board.snapshot import Total
from service.live.page.lists.listing import Listing
from service.live.page.lists.rows import Rows
from service.live.page.lists.table import ALL, Cells, Column, Table, View
from service.live.text.i18n import translations_of
from service.money import currency_code, decimal_string
from service.projections.unconverted import UNKNOWN


class UnpricedRow(NamedTuple):
    """A deal that counts with amount 0, with names in place of ids.

    Args:
        client: None if the deal has none; likewise `deal` (the deal's name) and `manager`.
        lost: Whether it is lost; else it is open.
        amount: A decimal string in `currency`; None, as `currency` is, if it is not known.
    """

    client_id: str
    client: str | None
    deal_id: str
    deal: str | None
    manager: str | None
    lost: bool
    amount: str | None
    currency: str | None
    url: str | None


def _cells(_account: Account, language: Language) -> Cells[UnpricedRow]:
    _ = translations_of(language).gettext
    return (
        (_("Client"), lambda row: row.client),
        (_("Deal"), lambda row: row.deal),
        (_("Deal number"), lambda row: row.deal_id),
        (_("Status"), lambda row: _("lost") if row.lost else _("open")),
        (_("Manager"), lambda row: row.manager),
        (_("Amount"), lambda row: None if row.amount is None else Decimal(row.amount)),
        (_("Currency"), lambda row: row.currency),
        (_("Link"), lambda row: row.url),
    )


TABLE: Final[Table[UnpricedRow]] = Table(
    name="unpriced",
    columns=(
        Column("deal", "Deal", lambda row: row.deal or row.deal_id),
        Column("amount", "Amount", lambda row: _decimal(row.amount), is_number=True),
        Column("client", "Client", lambda row: row.client),
        Column("status", "Status", lambda row: int(row.lost)),
        Column("manager", "Manager", lambda row: row.manager),
    ),
    order=None,
    arrives=True,
    amount=lambda _row: None,  # it counts as 0
    client=lambda row: row.client_id,
    texts=lambda row: (row.client, row.deal, row.deal_id, row.manager),
    cells=_cells,
)


def _decimal(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def parse_currency(parameters: Mapping[str, str]) -> str | None:
    """The currency that an address asks for: a code, `UNKNOWN` for `-`, None for all.

    Raises:
        QueryError: It is none of these.
    """
    given = parameters.get("currency", "")
    if given == NONE:
        return UNKNOWN
    if given and currency_code(given) is None:
        raise QueryError("currency is a code such as USD, or - for amounts that are not known")
    return given or None


def unpriced_list(
    read: Unpriced, currency: str | None, account: Account, query: BoardQuery, view: View = ALL
) -> Listing[UnpricedRow]:
    """The deals of a read."""
    as_of = calendar.iso(read.as_of, account.zone)
    rows = (_row(deal, read, account, query) for deal in read.deals)
    known = None if view.narrows else Total(read.count, decimal_string(0, account.currency))
    day, title = as_of[:10], translations_of(query.language).gettext("Deals that count as 0")
    return Listing(
        table=TABLE,
        seq=read.seq,
        as_of=as_of,
        rows=Rows(rows, TABLE, view, query.language, known),
        view=view,
        parameters={"currency": currency},
        file_name=f"unpriced-{account.id}-{day}",
        named=(title, account.title, currency, day),
    )


def _row(deal: UnpricedDeal, read: Unpriced, account: Account, query: BoardQuery) -> UnpricedRow:
    names = names_for(query, account)
    amount = None
    if deal.amount is not None and deal.currency is not None:
        amount = decimal_string(deal.amount, deal.currency)
    return UnpricedRow(
        client_id=deal.client_id,
        client=names.client(deal.client) if deal.client else None,
        deal_id=deal.deal_id,
        deal=names.deal(deal.name),
        manager=name_of(deal.manager_id, read.manager_names),
        lost=deal.lost,
        amount=amount,
        currency=deal.currency,
        url=web_address(deal.url),
    )
