"""The snapshot of a board, built from the ledger's rows and the account's configuration. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from service.adapters import ADAPTERS
from service.calendar import iso, iso_day, local_day
from service.config import Account
from service.ledger.read.board import BoardRows, LossRow, Selection
from service.live.board.at_risk import at_risk
from service.live.board.loss_sums import LossSums, shown_reasons
from service.live.board.query import BoardQuery
from service.live.board.ranges import Ranges, SeriesRange
from service.live.board.snapshot import (
    BoardWarning,
    Choice,
    Filter,
    Losses,
    PeriodDays,
    Previous,
    SeriesPoint,
    Setup,
    Snapshot,
)
from service.live.text.warnings import Warned, warning_text
from service.model import Trouble
from service.projections.facts import PENDING


def build_snapshot(
    rows: BoardRows, account: Account, query: BoardQuery, ranges: Ranges, *, storing: bool = True
) -> Snapshot:
    """The board of a query; see `built`."""
    return built(LossSums.of(account, rows), query, ranges, storing=storing)


def built(sums: LossSums, query: BoardQuery, ranges: Ranges, *, storing: bool) -> Snapshot:
    """The board of a query.

    Args:
        sums: Of rows with the losses of the ranges; and of the account, which gives the kinds of reasons, the
            zone, the currency and the language, as configured now.
        ranges: `ranges.ranges` of the query.
        storing: Whether the service can store what comes in.

    Raises:
        KeyError: The rows lack the losses of a range.
    """
    rows, account = sums.rows, sums.account.with_hand(sums.rows.by_hand)
    losses = _losses(rows, account, ranges, sums)
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


def _losses(rows: BoardRows, account: Account, ranges: Ranges, sums: LossSums) -> Losses:
    current = sums[ranges.current]
    complete = _is_comparable(rows, account, ranges)
    return Losses(
        **current.totals,
        previous=Previous(
            **sums[ranges.previous].totals,
            from_=iso_day(ranges.previous.first),
            to=iso_day(ranges.previous.last),
            complete=complete,
        ),
        reasons=shown_reasons(current.reasons, account.currency),
        by_hand=sum(key not in account.reasons.kinds for key in rows.by_hand),
        series=tuple(_series_point(sums, point, compared=complete) for point in ranges.series),
    )


def _is_comparable(rows: BoardRows, account: Account, ranges: Ranges) -> bool:
    """Whether the previous period can be compared with this one (SPEC section 2.6): its losses are known from
    its first day on, and this period is not today, for a day so far is not a whole day."""
    period, today = ranges.period, local_day(rows.as_of, account.zone)
    if period.first == period.last == today:
        return False
    return rows.known_from is not None and rows.known_from <= ranges.previous.first


def _series_point(sums: LossSums, point: SeriesRange, *, compared: bool) -> SeriesPoint:
    now = sums[point.current].totals
    before = None
    if compared and point.previous is not None:
        before = sums[point.previous].totals
    return SeriesPoint(
        from_=iso_day(point.current.first),
        to=iso_day(point.current.last),
        count=now["total"].count,
        amount=now["total"].amount,
        controllable=now["controllable"].amount,
        previous=None if before is None else before["total"].amount,
        unclassified=now["unclassified"].amount,
    )


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
