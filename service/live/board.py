"""One board as the outside sees it: the JSON of SPEC section 5, and the difference between two of them.

Pure: a `Reading` and the account's rules in, plain structures out. Amounts leave as decimal strings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, TypeAlias

from service import calendar
from service.calendar import Period
from service.config import Account
from service.ledger.reading import ClientRow, DayRange, Late, LossRow, ManagerRow, Reading, Sum, TaskRow
from service.live.difference import apply_patch, parts, patch
from service.live.figures import (
    AtRisk,
    Caveat,
    Client,
    LateTasks,
    Losses,
    Manager,
    Previous,
    Range,
    Reason,
    Saved,
    Snapshot,
    Sort,
    Stake,
    Task,
    Total,
)
from service.live.wording import NO_REASON, Wording, wording
from service.money import decimal_string
from service.reasons import Kind, reason_key

__all__ = ["KINDS", "Snapshot", "Sort", "apply_patch", "parts", "patch", "snapshot"]

KINDS: Final[tuple[Kind, ...]] = ("controllable", "objective", "unclassified")
"""The kinds of refusals that count, in the order in which they are shown."""

DEAL_CLIENT: Final = "deal:"
"""Begins the client id of a deal that has no client (SPEC section 5)."""


def snapshot(
    reading: Reading, account: Account, period: Period, previous: tuple[int, int], sort: Sort
) -> Snapshot:
    """The board that a reading makes.

    Args:
        reading: Must hold the losses of the period's days and of `previous`.
        account: Gives kinds of reasons, zone, currency and language, as they are configured now.
        period: What the losses are shown for.
        previous: First and last day of the range that they are compared with.
        sort: What the clients at risk are ordered by.

    Raises:
        KeyError: The reading has no losses for one of the two ranges.
    """
    words = wording(account.language)
    losses = _losses(reading, account, (period.first, period.last), previous, words)
    heard = reading.last_delivery_at
    return Snapshot(
        account=reading.account,
        seq=reading.seq,
        as_of=calendar.iso(reading.as_of, account.zone),
        last_delivery_at=None if heard is None else calendar.iso(heard, account.zone),
        currency=account.currency,
        period=Range(period.key, _day(period.first), _day(period.last)),
        sort=sort,
        losses=losses,
        at_risk=_at_risk(reading, account, sort),
        warnings=_warnings(reading.unconverted, losses.unclassified.count, words),
    )


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def _losses(reading: Reading, account: Account, days: DayRange, previous: DayRange, words: Wording) -> Losses:
    now = _by_reason(reading.losses[days], account, words)
    before = _by_reason(reading.losses[previous], account, words)
    total, by_kind = _totals(now, account.currency)
    total_before, by_kind_before = _totals(before, account.currency)
    return Losses(
        **by_kind,
        total=total,
        previous=Previous(
            **by_kind_before, total=total_before, from_=_day(previous[0]), to=_day(previous[1])
        ),
        reasons=tuple(
            Reason(name, kind, row.count, decimal_string(row.amount, account.currency))
            for kind, name, row in sorted(now, key=_reason_order)
        ),
    )


_Grouped: TypeAlias = tuple[Kind, str, Sum]


def _by_reason(rows: Iterable[LossRow], account: Account, words: Wording) -> list[_Grouped]:
    """Refusals that count, by kind and reason; reasons that are written alike are one."""
    grouped: dict[tuple[Kind, str], _Grouped] = {}
    # In a fixed order, so that of several spellings the same one is shown every time.
    for row in sorted(rows, key=lambda row: (row.reason or "", row.reason_id or "")):
        kind = account.reasons.kind_of(row.reason_id, row.reason)
        if kind == "excluded":
            continue
        name = row.reason or row.reason_id or words.text(NO_REASON)
        key = (kind, reason_key(name))
        _, shown, known = grouped.get(key, (kind, name, Sum()))
        grouped[key] = (kind, shown, Sum(known.count + row.count, known.amount + row.amount))
    return list(grouped.values())


def _reason_order(grouped: _Grouped) -> tuple[int, int, int, str]:
    kind, name, row = grouped
    return KINDS.index(kind), -row.amount, -row.count, name


def _totals(grouped: Iterable[_Grouped], currency: str) -> tuple[Total, dict[str, Total]]:
    counts = dict.fromkeys(KINDS, 0)
    amounts = dict.fromkeys(KINDS, 0)
    for kind, _, row in grouped:
        counts[kind] += row.count
        amounts[kind] += row.amount
    by_kind = {str(kind): Total(counts[kind], decimal_string(amounts[kind], currency)) for kind in KINDS}
    return Total(sum(counts.values()), decimal_string(sum(amounts.values()), currency)), by_kind


def _at_risk(reading: Reading, account: Account, sort: Sort) -> AtRisk:
    currency = account.currency
    names = reading.manager_names
    return AtRisk(
        clients=reading.at_risk.count,
        amount=decimal_string(reading.at_risk.amount, currency),
        tasks=reading.overdue_tasks,
        list=tuple(_client(row, account, names) for row in _ordered(reading.clients.values(), sort)),
        managers=tuple(
            _manager(row, currency, names) for row in sorted(reading.managers, key=_manager_order)
        ),
        no_next_step=Stake(reading.no_next_step.count, decimal_string(reading.no_next_step.amount, currency)),
        saved_today=Saved(reading.saved_today.count, decimal_string(reading.saved_today.amount, currency)),
    )


def _ordered(clients: Iterable[ClientRow], sort: Sort) -> list[ClientRow]:
    """By amount or count, descending; ties: longest overdue first, then by id (SPEC section 3.5)."""

    def order(row: ClientRow) -> tuple[int, int, str]:
        weight = row.amount if sort == "amount" else len(row.tasks)
        return -weight, min((task.due_at for task in row.tasks), default=0), row.client_id

    return sorted(clients, key=order)


def _client(row: ClientRow, account: Account, names: Mapping[str, str]) -> Client:
    tasks = sorted(row.tasks, key=lambda task: (task.due_at, task.task_id))
    return Client(
        client_id=row.client_id,
        client=row.client or _nameless(row),
        amount=decimal_string(row.amount, account.currency),
        tasks=tuple(_task(task, account, names) for task in tasks),
    )


def _nameless(row: ClientRow) -> str:
    """What a client without a name is called: by its deal if it is one, else by its id."""
    if not row.client_id.startswith(DEAL_CLIENT):
        return row.client_id
    deals = (task.deal for task in row.tasks if task.deal)
    return next(deals, row.client_id.removeprefix(DEAL_CLIENT))


def _task(row: TaskRow, account: Account, names: Mapping[str, str]) -> Task:
    return Task(
        task_id=row.task_id,
        text=row.text,
        deal_id=row.deal_id,
        deal=row.deal or row.deal_id,
        manager_id=row.manager_id,
        manager=_manager_name(row.manager_id, names),
        due_at=calendar.iso(row.due_at, account.zone),
        amount=decimal_string(row.amount, account.currency),
        url=row.url,
    )


def _manager_name(manager_id: str | None, names: Mapping[str, str]) -> str | None:
    return None if manager_id is None else names.get(manager_id) or manager_id


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


def _warnings(unconverted: Mapping[str, int], unclassified: int, words: Wording) -> tuple[Caveat, ...]:
    found = [
        Caveat("unconverted", words.unconverted(count, currency), count, currency)
        for currency, count in sorted(unconverted.items())
        if count
    ]
    if unclassified:
        found.append(Caveat("unclassified", words.unclassified(unclassified), unclassified))
    return tuple(found)
