"""What is behind the figures of a board, row by row: refusals deal by deal, overdue tasks one by one. Pure.

Rows add up to what the board shows: who opens a figure finds all of it and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Final, NamedTuple, get_args

from service import calendar
from service.config import Account, Language
from service.ledger.read.board import BoardRows, LossRow, Selection
from service.ledger.read.deal_rows import LostDeal, Refusals
from service.live.board.at_risk import at_risk
from service.live.board.links import web_address
from service.live.board.masking import names_for
from service.live.board.query import BoardQuery, QueryError
from service.live.board.snapshot import KINDS, Task, Total
from service.live.text import formats
from service.live.text.i18n import NO_REASON, PENDING_REASON, translations_of
from service.model import TEXT_LENGTH
from service.money import decimal_string
from service.projections.facts import PENDING
from service.reasons import Kind, reason_key

_KINDS: Final[Mapping[str, Kind]] = {each: each for each in KINDS}
_GIVEN: Final[Mapping[str, str | None]] = {
    reason_key(translations_of(language).gettext(message)): reason_id
    for message, reason_id in ((NO_REASON, None), (PENDING_REASON, PENDING))
    for language in get_args(Language)
}
"""The id behind each name that the board itself gives, in every language."""


class ListFilter(NamedTuple):
    """Which refusals, besides what a `BoardQuery` says. None: of every reason, of every kind that counts.

    Args:
        reason: As the board shows it, in any spelling that `reason_key` takes for the same.
    """

    reason: str | None = None
    kind: Kind | None = None

    @property
    def unnamed(self) -> bool:
        """Whether it is those that are asked for whose reason has no name but what the board itself gives."""
        return self.reason is not None and reason_key(self.reason) in _GIVEN


def parse_asked(query: Mapping[str, str]) -> ListFilter:
    """What a query asks for; what is left empty, as a form does, is not asked for.

    Raises:
        QueryError: See there.
    """
    reason, kind = query.get("reason", ""), query.get("kind", "")
    if len(reason) > TEXT_LENGTH:
        raise QueryError(f"reason has at most {TEXT_LENGTH} characters")
    if kind and kind not in _KINDS:
        raise QueryError(f"kind is {' or '.join(KINDS)}")
    return ListFilter(reason or None, _KINDS.get(kind))


class Refusal(NamedTuple):
    """A lost deal, with names for its ids.

    Args:
        client: None where the deal has none; likewise `deal` (its name), `manager` and `pipeline`.
        reason: In the language of the page where the deal has none.
        amount: A decimal string in the account's currency.
        unconverted: The currency that there is no rate for, where the amount is 0 for that.
        day: On which it was lost: ISO, local.
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
        as_of: ISO, local: the moment that they are true for.
        first: Of the period, ISO; `last` likewise, inclusive.
        manager: The name of the one that is asked for, if one is; `pipeline` and `reason` likewise.
        total: As the board has it.
        rows: Made as they are asked for, while the read lasts that they come from.
    """

    seq: int
    as_of: str
    first: str
    last: str
    manager: str | None
    pipeline: str | None
    reason: str | None
    kind: Kind | None
    total: Total
    rows: Iterator[Refusal]


class OverdueTask(NamedTuple):
    """An overdue task, with names for its ids.

    Args:
        deal: Its name; None where it has none, or the task is on the client itself.
        due_at: ISO, local.
        overdue: For how long, in words.
        amount: Its deal's, a decimal string; None for a task on the client itself.
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
        as_of: ISO, local: the moment that they are true for.
        manager: The name of the one that is asked for, if one is; `pipeline` likewise.
        clients: How many the tasks put at risk.
        amount: What that puts at stake: less than the sum of the rows, where a deal has several tasks.
    """

    seq: int
    as_of: str
    manager: str | None
    pipeline: str | None
    clients: int
    amount: str
    rows: list[OverdueTask]


def refusal_list(
    found: Refusals, asked: ListFilter, selection: Selection, account: Account, query: BoardQuery
) -> RefusalList:
    """The refusals of a read that are asked for. As on the board, those of excluded reasons never are."""
    chosen = [row for row in found.by_reason if _is_asked_for(row, asked, account)]
    amount = decimal_string(sum(row.amount for row in chosen), account.currency)
    names = {row.reason_id: row.reason for row in chosen if row.reason_id and row.reason}
    deals = found.deals({row.reason_id for row in chosen})
    return RefusalList(
        seq=found.seq,
        as_of=calendar.iso(found.as_of, account.zone),
        first=_day(selection.first),
        last=_day(selection.last),
        manager=_named(query.manager, found.manager_names),
        pipeline=_named(query.pipeline, found.pipeline_names),
        reason=_reason(asked, chosen, query.language),
        kind=asked.kind,
        total=Total(sum(row.count for row in chosen), amount),
        rows=(_refusal(deal, found, names, account, query) for deal in deals),
    )


def _is_asked_for(row: LossRow, asked: ListFilter, account: Account) -> bool:
    kind = account.reasons.kind_of(row.reason_id, row.reason)
    if kind == "excluded" or asked.kind not in (None, kind):
        return False
    if asked.reason is None:
        return True
    wanted = reason_key(asked.reason)
    if row.reason is None and row.reason_id in (None, PENDING):
        return asked.unnamed and _GIVEN[wanted] == row.reason_id
    return reason_key(row.reason or row.reason_id or "") == wanted


def _reason(asked: ListFilter, chosen: Iterable[LossRow], language: Language) -> str | None:
    """The reason that is asked for, as the board spells it; in the language of the page where it is none."""
    if asked.reason is None:
        return None
    if asked.unnamed:
        return translations_of(language).reason(_GIVEN[reason_key(asked.reason)], None)
    first = min(chosen, key=lambda row: (row.reason or "", row.reason_id or ""), default=None)
    return asked.reason if first is None else first.reason or first.reason_id


def _refusal(
    deal: LostDeal, found: Refusals, names: Mapping[str, str], account: Account, query: BoardQuery
) -> Refusal:
    reason = None if deal.reason_id is None else names.get(deal.reason_id)
    client = deal.client or deal.client_id
    written = names_for(query, account)
    return Refusal(
        client=written.client(client) if client else None,
        deal_id=deal.deal_id,
        deal=written.deal(deal.name),
        reason=translations_of(query.language).reason(deal.reason_id, reason),
        kind=account.reasons.kind_of(deal.reason_id, reason),
        manager=_named(deal.manager_id, found.manager_names),
        pipeline=_named(deal.pipeline_id, found.pipeline_names),
        amount=decimal_string(deal.amount, account.currency),
        unconverted=deal.unconverted,
        day=_day(deal.day),
        url=web_address(deal.url),
    )


def task_list(reading: BoardRows, account: Account, query: BoardQuery) -> TaskList:
    """The overdue tasks of a board."""
    card = at_risk(reading, account, query)
    as_of = calendar.iso(reading.as_of, account.zone)
    tasks = [(task, client.client) for client in card.list for task in client.tasks]
    tasks.sort(key=lambda each: (datetime.fromisoformat(each[0].due_at), each[0].task_id))
    return TaskList(
        seq=reading.seq,
        as_of=as_of,
        manager=_named(query.manager, reading.manager_names),
        pipeline=_named(query.pipeline, reading.pipeline_names),
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


def _named(each: str | None, names: Mapping[str, str]) -> str | None:
    """What an id is called; one that has no name is called by itself."""
    return (names.get(each) or each) if each else None


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
