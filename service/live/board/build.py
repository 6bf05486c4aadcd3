"""The snapshot of a board, built from the ledger's rows and the account's configuration. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from service.adapters import ADAPTERS
from service.calendar import iso, iso_day, local_day
from service.config import Account
from service.ledger.read.board import BoardRows, LossRow, Selection
from service.live.board.at_risk import at_risk
from service.live.board.query import BoardQuery
from service.live.board.ranges import Ranges, SeriesRange
from service.live.board.snapshot import (
    KINDS,
    BoardWarning,
    Choice,
    Filter,
    Losses,
    PeriodDays,
    Previous,
    Reason,
    SeriesPoint,
    Setup,
    Snapshot,
    Total,
)
from service.live.text.i18n import translations_of
from service.live.text.warnings import Warned, warning_text
from service.model import Trouble
from service.money import decimal_string
from service.projections.facts import PENDING
from service.reasons import Kind, reason_key


def build_snapshot(
    rows: BoardRows, account: Account, query: BoardQuery, ranges: Ranges, *, storing: bool = True
) -> Snapshot:
    """The board of a query.

    Args:
        rows: With the losses of the ranges.
        account: Gives the kinds of reasons, the zone, the currency and the language, as configured now.
        ranges: `ranges.ranges` of the query.
        storing: Whether the service can store what comes in.

    Raises:
        KeyError: The rows lack the losses of a range.
    """
    account = account.with_hand(rows.by_hand)
    losses = _losses(rows, account, ranges)
    heard_at = rows.last_delivery_at
    return Snapshot(
        account=rows.account,
        seq=rows.seq,
        as_of=iso(rows.as_of, account.zone),
        last_delivery_at=None if heard_at is None else iso(heard_at, account.zone),
        currency=account.currency,
        period=PeriodDays(ranges.period.key, iso_day(ranges.period.first), iso_day(ranges.period.last)),
        sort=query.sort,
        losses=losses,
        at_risk=at_risk(rows, account, query),
        warnings=_warnings(rows, losses.unclassified.count, ranges.current, account),
        storing=storing,
        known_from=None if rows.known_from is None else iso_day(rows.known_from),
        shown=Filter(query.manager, query.pipeline),
        managers=choices(rows.manager_names),
        pipelines=choices(rows.pipeline_names),
        title=account.title,
        setup=None if rows.heard else _setup(account, query),
    )


def _setup(account: Account, query: BoardQuery) -> Setup:
    adapter = ADAPTERS[account.crm]
    steps = tuple(adapter.steps(account, query.language))
    return Setup(account.crm, adapter.posting_address(account.webhook_address), steps)


def choices(names: Mapping[str, str]) -> tuple[Choice, ...]:
    """The managers or pipelines to choose from: by name, then by id."""
    return tuple(Choice(choice_id, name) for name, choice_id in sorted((n, i) for i, n in names.items()))


def _losses(rows: BoardRows, account: Account, ranges: Ranges) -> Losses:
    by_reason = _by_reason(rows.losses[ranges.current], account)
    previous = _totals(_by_reason(rows.losses[ranges.previous], account), account.currency)
    complete = _is_comparable(rows, account, ranges)
    return Losses(
        **_totals(by_reason, account.currency),
        previous=Previous(
            **previous,
            from_=iso_day(ranges.previous.first),
            to=iso_day(ranges.previous.last),
            complete=complete,
        ),
        reasons=_reasons(by_reason, account.currency),
        by_hand=sum(key not in account.reasons.kinds for key in rows.by_hand),
        series=tuple(_series_point(rows, account, point, compared=complete) for point in ranges.series),
    )


def _reasons(losses: Iterable[_Loss], currency: str) -> tuple[Reason, ...]:
    return tuple(
        Reason(
            loss.reason, loss.kind, loss.deals, decimal_string(loss.amount, currency), by_hand=loss.by_hand
        )
        for loss in sorted(losses, key=_reason_order)
    )


def reasons_of(rows: Iterable[LossRow], account: Account) -> tuple[Reason, ...]:
    """The reasons of some refusals that count, as a board shows them."""
    return _reasons(_by_reason(rows, account), account.currency)


def _is_comparable(rows: BoardRows, account: Account, ranges: Ranges) -> bool:
    """Whether the previous period can be compared with this one (SPEC section 2.6): its losses are known from
    its first day on, and this period is not today, for a day so far is not a whole day."""
    period, today = ranges.period, local_day(rows.as_of, account.zone)
    if period.first == period.last == today:
        return False
    return rows.known_from is not None and rows.known_from <= ranges.previous.first


def _series_point(rows: BoardRows, account: Account, point: SeriesRange, *, compared: bool) -> SeriesPoint:
    now = _totals(_by_reason(rows.losses[point.current], account), account.currency)
    before = None
    if compared and point.previous is not None:
        before = _totals(_by_reason(rows.losses[point.previous], account), account.currency)
    return SeriesPoint(
        from_=iso_day(point.current.first),
        to=iso_day(point.current.last),
        count=now["total"].count,
        amount=now["total"].amount,
        controllable=now["controllable"].amount,
        previous=None if before is None else before["total"].amount,
        unclassified=now["unclassified"].amount,
    )


class _Loss(NamedTuple):
    """The refusals of one kind and reason; `amount` in minor units."""

    kind: Kind
    reason: str
    deals: int
    amount: int
    by_hand: bool = False


def _by_reason(rows: Iterable[LossRow], account: Account) -> list[_Loss]:
    """The refusals that count, by kind and reason. Spellings of the same `reason_key` are one reason."""
    translations = translations_of(account.language)
    losses: dict[tuple[Kind, str], _Loss] = {}
    # In a fixed order, so that of several spellings the board always shows the same one.
    for row in sorted(rows, key=_spelling):
        kind = account.reasons.kind_of(row.reason_id, row.reason)
        if kind == "excluded":
            continue
        reason = translations.reason(row.reason_id, row.reason)
        key = (kind, reason_key(reason))
        loss = losses.get(key, _Loss(kind, reason, 0, 0))
        by_hand = loss.by_hand or account.reasons.is_by_hand(row.reason_id, row.reason)
        losses[key] = _Loss(kind, loss.reason, loss.deals + row.count, loss.amount + row.amount, by_hand)
    return list(losses.values())


def _spelling(row: LossRow) -> tuple[str, str]:
    return row.reason or "", row.reason_id or ""


def _reason_order(loss: _Loss) -> tuple[int, int, int, str]:
    return KINDS.index(loss.kind), -loss.amount, -loss.deals, loss.reason


def _totals(losses: Sequence[_Loss], currency: str) -> dict[str, Total]:
    """The totals of some refusals: by kind, and of all as `total`."""

    def total(*kinds: Kind) -> Total:
        counted = [loss for loss in losses if loss.kind in kinds]
        amount = decimal_string(sum(loss.amount for loss in counted), currency)
        return Total(sum(loss.deals for loss in counted), amount)

    return {**{kind: total(kind) for kind in KINDS}, "total": total(*KINDS)}


def _warnings(
    rows: BoardRows, unclassified: int, current: Selection, account: Account
) -> tuple[BoardWarning, ...]:
    """The warnings, first those that somebody must act upon at once."""
    warned = [
        Warned("never_heard", int(not rows.heard), subject=account.webhook_address),
        *(_trouble(trouble, account) for trouble in rows.troubles),
        Warned("quarantine", rows.quarantined),
        Warned("amount_unknown", rows.totals["amount_unknown"]["deals"]),
        *(Warned("unconverted", n, currency=code) for code, n in sorted(rows.unconverted.items())),
        Warned("unclassified", unclassified),
        Warned("reasons_pending", _reasons_pending(rows, current, account)),
        Warned("missed", rows.repaired),
    ]
    day = iso(rows.as_of, account.zone)[:10]
    return tuple(
        BoardWarning(text=warning_text(one, day, account.language), **msgspec.structs.asdict(one))
        for one in warned
        if one.count
    )


def _trouble(trouble: Trouble, account: Account) -> Warned:
    return Warned(
        trouble.code,
        trouble.count,
        iso(trouble.since, account.zone),
        iso(trouble.last_at, account.zone),
        trouble.subject or None,
    )


def _reasons_pending(rows: BoardRows, current: Selection, account: Account) -> int:
    """The refusals of the period whose reason, or its name, the CRM's API is still asked for."""
    return sum(
        row.count
        for row in rows.losses[current]
        if is_pending(row, rows.reasons_wanted)
        and account.reasons.kind_of(row.reason_id, row.reason) != "excluded"
    )


def is_pending(row: LossRow, reasons_wanted: int) -> bool:
    """Whether the CRM's API is still asked for a reason or its name."""
    unnamed = row.reason_id is not None and row.reason is None
    return row.reason_id == PENDING or (reasons_wanted > 0 and unnamed)
