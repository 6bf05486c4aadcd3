"""Refusals, deal by deal. Pure.

The rows of a list add up to its figure: a list has every row that the figure counts, and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple, get_args

from service import calendar
from service.calendar import parse_period
from service.config import Account, Language
from service.ledger.read.board import LossRow, Selection
from service.ledger.read.deal_rows import LostDeal, Refusals
from service.live.board.at_risk import name_of
from service.live.board.build import is_pending
from service.live.board.links import web_address
from service.live.board.loss_sums import reasons_of
from service.live.board.masking import names_for
from service.live.board.query import BoardQuery, QueryError, parse_flag
from service.live.board.snapshot import KINDS, Reason, Total
from service.live.page.lists.listing import Listing, Scope
from service.live.page.lists.rows import Rows
from service.live.page.lists.table import ALL, Cells, Column, Order, Table, View, phone_cells
from service.live.text.alphabet import collated
from service.live.text.i18n import NO_REASON, PENDING_REASON, same_reason, translations_of
from service.model import TEXT_LENGTH, Day
from service.money import decimal_string
from service.projections.facts import DEAL_CLIENT, PENDING
from service.reasons import Kind, reason_key

_UNNAMED: Final[Mapping[str, str | None]] = {
    reason_key(translations_of(language).gettext(message)): reason_id
    for message, reason_id in ((NO_REASON, None), (PENDING_REASON, PENDING))
    for language in get_args(Language)
}
"""The reason id behind each name that the board itself gives, in every language."""


class ListFilter(NamedTuple):
    """Which refusals to list, in addition to a `BoardQuery`.

    Args:
        reason: A reason's name on the board, in any spelling with the same `reason_key`; None for every
            reason.
        kind: None for every kind that counts.
        pending: Only those whose reason, or its name, is still being asked for.
        days: Only those of some days, as in the address, in place of the query's period.
    """

    reason: str | None = None
    kind: Kind | None = None
    pending: bool = False
    days: str | None = None

    @property
    def unnamed(self) -> bool:
        """Whether `reason` is a name that the board itself gives, because the CRM gave none."""
        return self.reason is not None and reason_key(self.reason) in _UNNAMED

    def parameters(self, reason: str | None) -> dict[str, str | None]:
        """The parameters of the address that ask for this; `reason` as the board spells it."""
        pending = "1" if self.pending else None
        return {"reason": reason, "kind": self.kind, "pending": pending, "days": self.days}


def parse_filter(parameters: Mapping[str, str]) -> ListFilter:
    """The filter that the parameters of an address ask for. An empty value, as a form sends it, means none.

    Raises:
        QueryError: A parameter is too long or has an unknown value.
    """
    reason, name = parameters.get("reason", ""), parameters.get("kind", "")
    if len(reason) > TEXT_LENGTH:
        raise QueryError(f"reason has at most {TEXT_LENGTH} characters")
    kind = next((kind for kind in KINDS if kind == name), None)
    if name and kind is None:
        raise QueryError(f"kind is {' or '.join(KINDS)}")
    days = parameters.get("days") or None
    return ListFilter(reason or None, kind, pending=parse_flag(parameters, "pending"), days=days)


def selection_of(criteria: ListFilter, query: BoardQuery, today: Day) -> Selection:
    """The refusals that a list reads.

    Raises:
        PeriodError: The days cannot be read.
    """
    period = parse_period(criteria.days or query.period, today)
    return Selection(period.first, period.last, query.manager, query.pipeline)


class Refusal(NamedTuple):
    """A lost deal, with names in place of ids.

    Args:
        client_id: `deal:<deal id>` if the deal has no client.
        client: None if the deal has none; likewise `deal` (the deal's name), `manager` and `pipeline`.
        reason: The reason's name; for a deal without one, a text in the language of the page.
        amount: A decimal string in the account's currency.
        unconverted: The currency that has no rate, if `amount` is 0 because of it.
        day: The local day on which the deal was lost, as an ISO date.
    """

    client_id: str
    client: str | None
    deal_id: str
    deal: str | None
    reason: str
    kind: Kind
    manager: str | None
    pipeline: str | None
    amount: str
    unconverted: str | None
    day: str
    url: str | None
    phone: str | None = None


def _cells(account: Account, language: Language) -> Cells[Refusal]:
    translations = translations_of(language)
    _ = translations.gettext
    return (
        (_("Lost on"), lambda row: row.day),
        (_("Client"), lambda row: row.client),
        *phone_cells(account, language),
        (_("Deal"), lambda row: row.deal),
        (_("Deal number"), lambda row: row.deal_id),
        (_("Reason"), lambda row: row.reason),
        (_("Kind"), lambda row: translations.kind(row.kind)),
        (_("Manager"), lambda row: row.manager),
        (_("Pipeline"), lambda row: row.pipeline),
        (_("Amount"), lambda row: Decimal(row.amount)),
        (_("Currency"), lambda _row: account.currency),
        (_("Link"), lambda row: row.url),
    )


TABLE: Final[Table[Refusal]] = Table(
    name="deals",
    columns=(
        Column("deal", "Deal", lambda row: row.deal or row.deal_id),
        Column("amount", "Amount", lambda row: Decimal(row.amount), is_number=True),
        Column("client", "Client", lambda row: row.client),
        Column("reason", "Reason", lambda row: row.reason),
        Column("kind", "Kind", lambda row: KINDS.index(row.kind)),
        Column("manager", "Manager", lambda row: row.manager),
        Column("day", "Lost on", lambda row: row.day, is_number=True),
    ),
    order=Order("day", descending=True),
    arrives=True,
    amount=lambda row: row.amount,
    client=lambda row: row.client_id,
    texts=lambda row: (row.client, row.deal, row.deal_id, row.reason, row.manager),
    cells=_cells,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalList(Listing[Refusal]):
    """Refusals, newest first.

    Args:
        first: The first day of the list as an ISO date; `last` likewise, inclusive.
        reason: The name of the reason that the list is filtered by.
        reasons: Those that it has, as the board shows them; `reason_names`: those to choose from.
        criteria: Its kind, and whether only those are listed whose reason is still being asked for.
    """

    first: str
    last: str
    reason: str | None
    reasons: tuple[Reason, ...]
    reason_names: tuple[str, ...]
    criteria: ListFilter


def refusal_list(
    refusals: Refusals,
    criteria: ListFilter,
    selection: Selection,
    account: Account,
    query: BoardQuery,
    view: View = ALL,
) -> RefusalList:
    """The refusals that pass a filter. As on the board, excluded reasons never do."""
    account = account.with_hand(refusals.by_hand)
    sums = [row for row in refusals.by_reason if _passes(row, criteria, refusals.reasons_wanted, account)]
    names = {row.reason_id: row.reason for row in sums if row.reason_id and row.reason}
    deals = refusals.deals({row.reason_id for row in sums})
    rows = (_refusal(deal, refusals, names, account, query) for deal in deals)
    amount = decimal_string(sum(row.amount for row in sums), account.currency)
    known = None if view.narrows else Total(sum(row.count for row in sums), amount)
    scope = Scope.of(query, refusals.manager_names, refusals.pipeline_names)
    first, last = calendar.iso_day(selection.first), calendar.iso_day(selection.last)
    translations, reason = translations_of(query.language), _reason(criteria, sums, query.language)
    kind = translations.kind(criteria.kind) if criteria.kind else None
    chosen = (kind, reason, scope.manager, scope.pipeline)
    return RefusalList(
        table=TABLE,
        seq=refusals.seq,
        as_of=calendar.iso(refusals.as_of, account.zone),
        rows=Rows(rows, TABLE, view, query.language, known),
        view=view,
        scope=scope,
        parameters=criteria.parameters(reason),
        file_name=f"refusals-{account.id}-{first}-{last}",
        named=(translations.gettext("Lost deals"), account.title, *chosen, first, last),
        first=first,
        last=last,
        reason=reason,
        reasons=reasons_of(sums, account),
        reason_names=_names(reasons_of(refusals.by_reason, account), criteria, query.language),
        criteria=criteria,
    )


def _names(reasons: Iterable[Reason], criteria: ListFilter, language: Language) -> tuple[str, ...]:
    """The names of the reasons of the list's kind, by the alphabet."""
    names = {
        same_reason(reason.reason, language) for reason in reasons if criteria.kind in (None, reason.kind)
    }
    return tuple(sorted(names, key=lambda name: collated(name, language)))


def _passes(row: LossRow, criteria: ListFilter, wanted: int, account: Account) -> bool:
    kind = account.reasons.kind_of(row.reason_id, row.reason)
    if kind == "excluded" or criteria.kind not in (None, kind):
        return False
    if criteria.pending and not is_pending(row, wanted):
        return False
    if criteria.reason is None:
        return True
    key = reason_key(criteria.reason)
    if row.reason is None and row.reason_id in (None, PENDING):
        return criteria.unnamed and _UNNAMED[key] == row.reason_id
    return reason_key(row.reason or row.reason_id or "") == key


def _reason(criteria: ListFilter, sums: Iterable[LossRow], language: Language) -> str | None:
    """The filter's reason as the board spells it; for a name that the board gives, in the page's language."""
    if criteria.reason is None:
        return None
    if criteria.unnamed:
        return translations_of(language).reason(_UNNAMED[reason_key(criteria.reason)], None)
    first = min(sums, key=lambda row: (row.reason or "", row.reason_id or ""), default=None)
    return criteria.reason if first is None else first.reason or first.reason_id


def _refusal(
    deal: LostDeal, refusals: Refusals, reasons: Mapping[str, str], account: Account, query: BoardQuery
) -> Refusal:
    reason = None if deal.reason_id is None else reasons.get(deal.reason_id)
    client = deal.client or deal.client_id
    names = names_for(query, account)
    return Refusal(
        client_id=deal.client_id or f"{DEAL_CLIENT}{deal.deal_id}",
        client=names.client(client) if client else None,
        deal_id=deal.deal_id,
        deal=names.deal(deal.name),
        reason=translations_of(query.language).reason(deal.reason_id, reason),
        kind=account.reasons.kind_of(deal.reason_id, reason),
        manager=name_of(deal.manager_id, refusals.manager_names),
        pipeline=name_of(deal.pipeline_id, refusals.pipeline_names),
        amount=decimal_string(deal.amount, account.currency),
        unconverted=deal.unconverted,
        day=calendar.iso_day(deal.day),
        url=web_address(deal.url),
        phone=names.phone(deal.phone) or None,
    )
