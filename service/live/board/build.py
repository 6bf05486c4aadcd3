"""One board as the outside sees it: the JSON of SPEC section 5, and the difference between two of them.

Pure: a `BoardRows` and the account's rules in, plain structures out. Amounts leave as decimal strings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TypeAlias

from service import calendar
from service.config import Account
from service.ledger.read.board import BoardRows, LossRow, Sum
from service.live.board.at_risk import at_risk
from service.live.board.query import BoardQuery
from service.live.board.ranges import Part as SpanPart
from service.live.board.ranges import Ranges
from service.live.board.snapshot import (
    KINDS,
    Caveat,
    Losses,
    Named,
    Part,
    Previous,
    Range,
    Reason,
    Shown,
    Snapshot,
    Total,
)
from service.live.text.i18n import Translations, translations_of
from service.money import decimal_string
from service.reasons import Kind, reason_key


def build_snapshot(reading: BoardRows, account: Account, query: BoardQuery, ranges: Ranges) -> Snapshot:
    """The board that a reading makes.

    Args:
        reading: Must hold the losses of the ranges.
        account: Gives kinds of reasons, zone, currency and language, as they are configured now.
        query: Says whose figures are shown, in what order, and whether for a wall.
        ranges: `ranges.ranges` of the query.

    Raises:
        KeyError: The reading lacks the losses of a span.
    """
    translations = translations_of(account.language)
    losses = _losses(reading, account, ranges, translations)
    heard = reading.last_delivery_at
    return Snapshot(
        account=reading.account,
        seq=reading.seq,
        as_of=calendar.iso(reading.as_of, account.zone),
        last_delivery_at=None if heard is None else calendar.iso(heard, account.zone),
        currency=account.currency,
        period=Range(ranges.period.key, _day(ranges.period.first), _day(ranges.period.last)),
        sort=query.sort,
        losses=losses,
        at_risk=at_risk(reading, account, query),
        warnings=_warnings(reading, losses.unclassified.count, translations),
        shown=Shown(query.manager, query.pipeline),
        managers=_named(reading.manager_names),
        pipelines=_named(reading.pipeline_names),
    )


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def _named(names: Mapping[str, str]) -> tuple[Named, ...]:
    return tuple(Named(each, name) for name, each in sorted((name, each) for each, name in names.items()))


def _losses(reading: BoardRows, account: Account, ranges: Ranges, translations: Translations) -> Losses:
    now = _by_reason(reading.losses[ranges.now], account, translations)
    before = _by_reason(reading.losses[ranges.before], account, translations)
    total, by_kind = _totals(now, account.currency)
    total_before, by_kind_before = _totals(before, account.currency)
    return Losses(
        **by_kind,
        total=total,
        previous=Previous(
            **by_kind_before,
            total=total_before,
            from_=_day(ranges.before.first),
            to=_day(ranges.before.last),
        ),
        reasons=tuple(
            Reason(name, kind, row.count, decimal_string(row.amount, account.currency))
            for kind, name, row in sorted(now, key=_reason_order)
        ),
        series=tuple(_part(reading, account, each, translations) for each in ranges.parts),
    )


def _part(reading: BoardRows, account: Account, part: SpanPart, translations: Translations) -> Part:
    total, by_kind = _totals(_by_reason(reading.losses[part.now], account, translations), account.currency)
    before = None
    if part.before is not None:
        before, _ = _totals(_by_reason(reading.losses[part.before], account, translations), account.currency)
    return Part(
        from_=_day(part.now.first),
        to=_day(part.now.last),
        count=total.count,
        amount=total.amount,
        controllable=by_kind["controllable"].amount,
        previous=None if before is None else before.amount,
    )


_Grouped: TypeAlias = tuple[Kind, str, Sum]


def _by_reason(rows: Iterable[LossRow], account: Account, translations: Translations) -> list[_Grouped]:
    """Refusals that count, by kind and reason; reasons that are written alike are one."""
    grouped: dict[tuple[Kind, str], _Grouped] = {}
    # In a fixed order, so that of several spellings the same one is shown every time.
    for row in sorted(rows, key=lambda row: (row.reason or "", row.reason_id or "")):
        kind = account.reasons.kind_of(row.reason_id, row.reason)
        if kind == "excluded":
            continue
        name = translations.reason(row.reason_id, row.reason)
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


def _warnings(reading: BoardRows, unclassified: int, translations: Translations) -> tuple[Caveat, ...]:
    found = [
        Caveat("unconverted", translations.unconverted(count, currency), count, currency)
        for currency, count in sorted(reading.unconverted.items())
        if count
    ]
    if reading.problem:
        found.append(Caveat(reading.problem, translations.trouble(reading.problem), 1))
    if reading.repaired:
        found.append(Caveat("missed", translations.missed(reading.repaired), reading.repaired))
    if unclassified:
        found.append(Caveat("unclassified", translations.unclassified(unclassified), unclassified))
    return tuple(found)
