"""The lists behind the figures of a board: refusals deal by deal, overdue tasks one by one. Pure.

The rows of a list add up to its figure: a list has every row that the figure counts, and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple, get_args

from service import calendar
from service.config import Account, Language
from service.ledger.read.board import BoardRows, LossRow, Selection
from service.ledger.read.deal_rows import LostDeal, Refusals
from service.live.board.at_risk import at_risk, name_of
from service.live.board.build import is_pending, reasons_of
from service.live.board.links import web_address
from service.live.board.masking import names_for
from service.live.board.query import BoardQuery, QueryError
from service.live.board.snapshot import KINDS, Reason, Task, Total
from service.live.text import formats
from service.live.text.i18n import NO_REASON, PENDING_REASON, translations_of
from service.model import TEXT_LENGTH
from service.money import decimal_string
from service.projections.facts import PENDING
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
    """

    reason: str | None = None
    kind: Kind | None = None
    pending: bool = False

    @property
    def unnamed(self) -> bool:
        """Whether `reason` is a name that the board itself gives, because the CRM gave none."""
        return self.reason is not None and reason_key(self.reason) in _UNNAMED


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
    return ListFilter(reason or None, kind, pending=bool(parameters.get("pending")))


class Refusal(NamedTuple):
    """A lost deal, with names in place of ids.

    Args:
        client: None if the deal has none; likewise `deal` (the deal's name), `manager` and `pipeline`.
        reason: The reason's name; for a deal without one, a text in the language of the page.
        amount: A decimal string in the account's currency.
        unconverted: The currency that has no rate, if `amount` is 0 because of it.
        day: The local day on which the deal was lost, as an ISO date.
    """

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


class RefusalList(NamedTuple):
    """Refusals, newest first.

    Args:
        as_of: The moment of the figures: ISO, local.
        first: The first day of the period as an ISO date; `last` likewise, inclusive.
        manager: The name of the manager that the list is filtered by; `pipeline` and `reason` likewise.
        pending: Whether only those are listed whose reason is still being asked for.
        reasons: Those that it has, as the board shows them.
        total: The same as on the board.
        rows: Made one by one; consume them before the read that they come from ends.
    """

    seq: int
    as_of: str
    first: str
    last: str
    manager: str | None
    pipeline: str | None
    reason: str | None
    kind: Kind | None
    pending: bool
    reasons: tuple[Reason, ...]
    total: Total
    rows: Iterator[Refusal]


class OverdueTask(NamedTuple):
    """An overdue task, with names in place of ids.

    Args:
        deal: The deal's name; None if it has none, or if the task is on the client itself.
        due_at: ISO, local.
        overdue: For how long, as text.
        amount: The deal's amount, a decimal string; None for a task on the client itself.
    """

    client: str
    text: str | None
    deal_id: str | None
    deal: str | None
    manager: str | None
    due_at: str
    overdue: str
    amount: str | None
    url: str | None


class TaskList(NamedTuple):
    """Overdue tasks, longest overdue first.

    Args:
        as_of: The moment of the figures: ISO, local.
        manager: The name of the manager that the list is filtered by; `pipeline` likewise.
        clients: The number of clients at risk.
        amount: The amount at stake. It counts a deal once, so it can be less than the sum of the rows.
    """

    seq: int
    as_of: str
    manager: str | None
    pipeline: str | None
    clients: int
    amount: str
    rows: list[OverdueTask]


def refusal_list(
    refusals: Refusals, criteria: ListFilter, selection: Selection, account: Account, query: BoardQuery
) -> RefusalList:
    """The refusals that pass a filter. As on the board, excluded reasons never do."""
    account = account.with_hand(refusals.by_hand)
    sums = [row for row in refusals.by_reason if _passes(row, criteria, refusals.reasons_wanted, account)]
    amount = decimal_string(sum(row.amount for row in sums), account.currency)
    names = {row.reason_id: row.reason for row in sums if row.reason_id and row.reason}
    deals = refusals.deals({row.reason_id for row in sums})
    return RefusalList(
        seq=refusals.seq,
        as_of=calendar.iso(refusals.as_of, account.zone),
        first=calendar.iso_day(selection.first),
        last=calendar.iso_day(selection.last),
        manager=name_of(query.manager, refusals.manager_names),
        pipeline=name_of(query.pipeline, refusals.pipeline_names),
        reason=_reason(criteria, sums, query.language),
        kind=criteria.kind,
        pending=criteria.pending,
        reasons=reasons_of(sums, account),
        total=Total(sum(row.count for row in sums), amount),
        rows=(_refusal(deal, refusals, names, account, query) for deal in deals),
    )


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
    )


def task_list(rows: BoardRows, account: Account, query: BoardQuery) -> TaskList:
    """The overdue tasks of a board."""
    card = at_risk(rows, account, query)
    as_of = calendar.iso(rows.as_of, account.zone)
    tasks = [(task, client.client) for client in card.list for task in client.tasks]
    tasks.sort(key=lambda row: (datetime.fromisoformat(row[0].due_at), row[0].task_id))
    return TaskList(
        seq=rows.seq,
        as_of=as_of,
        manager=name_of(query.manager, rows.manager_names),
        pipeline=name_of(query.pipeline, rows.pipeline_names),
        clients=card.clients,
        amount=card.amount,
        rows=[_overdue_task(task, client, as_of, query.language) for task, client in tasks],
    )


def _overdue_task(task: Task, client: str, as_of: str, language: Language) -> OverdueTask:
    late = datetime.fromisoformat(as_of) - datetime.fromisoformat(task.due_at)
    return OverdueTask(
        client=client,
        text=task.text,
        deal_id=task.deal_id,
        deal=None if task.deal == task.deal_id else task.deal,
        manager=task.manager,
        due_at=task.due_at,
        overdue=formats.duration(late.total_seconds(), language),
        amount=None if task.deal_id is None else task.amount,
        url=task.url,
    )
