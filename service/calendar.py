"""Local days, and the periods that a board can show. Pure: callers pass the time and the zone.

A day is an ordinal (`date.toordinal()`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from service.model import SECOND, Day, Instant, earlier, later

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_YEARS: Final = range(2000, 2101)
_HOUR: Final = 3600 * SECOND
EARLIEST: Final = Instant((datetime(_YEARS[0], 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND)
LATEST: Final = Instant((datetime(_YEARS[-1] + 1, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND - 1)
"""The first and the last moment that a CRM can tell: the years 2000 to 2100, in UTC."""

PERIODS: Final = ("today", "week", "month", "quarter", "year", "yesterday", "last_week", "last_month")
"""The names of periods."""

_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12, "last_month": 1}
_OVER: Final = {"yesterday": "today", "last_week": "week", "last_month": "month"}
"""The periods that are over, each with the one that follows it."""
_RANGE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})", re.ASCII)


class PeriodError(ValueError):
    """The text is not a valid period; the answer is 400."""


@dataclass(frozen=True, slots=True)
class Period:
    """A range of local days, both inclusive. `key` is its text in an address."""

    key: str
    first: Day
    last: Day


def shifted(day: Day, days: int) -> Day:
    """The day that many days later, or earlier if negative."""
    return Day(day + days)


def days(first: Day, last: Day) -> list[Day]:
    """All days of a range; both inclusive."""
    return [Day(day) for day in range(first, last + 1)]


def _instant(moment: datetime) -> Instant:
    return Instant((moment - _EPOCH) // _MICROSECOND)


def _day(date: date) -> Day:
    return Day(date.toordinal())


def _aware(moment: Instant, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=moment)).astimezone(zone)


def local_day(moment: Instant, zone: ZoneInfo) -> Day:
    """The local day that a moment belongs to."""
    return Day(_aware(moment, zone).toordinal())


def day_start(day: Day, zone: ZoneInfo) -> Instant:
    """The first moment of a local day, or of the next one that exists (a zone can skip a day).

    Midnight may not exist: where clocks go forward at 00:00, the day starts at 01:00. No formula holds for
    every zone, so this guesses midnight, checks the guess, and otherwise searches by bisection.
    """
    noon = _instant(datetime.fromordinal(day).replace(hour=12, tzinfo=UTC))
    low, high = earlier(noon, 30 * _HOUR), later(noon, 30 * _HOUR)
    guess = _instant(datetime.fromordinal(day).replace(tzinfo=zone))
    if local_day(guess, zone) == day and local_day(earlier(guess, 1), zone) < day:
        return guess
    while high - low > 1:
        middle = Instant((low + high) // 2)
        if local_day(middle, zone) < day:
            low = middle
        else:
            high = middle
    return high


def next_midnight(moment: Instant, zone: ZoneInfo) -> Instant:
    """The first moment of the next local day."""
    return day_start(shifted(local_day(moment, zone), 1), zone)


def parse_period(text: str, today: Day) -> Period:
    """The period named `today`, `week`, `month`, `quarter`, `year`, `yesterday`, `last_week` or `last_month`,
    or a range like `2026-11-01..2026-11-30`.

    Raises:
        PeriodError: The text is none of these.
    """
    now = date.fromordinal(today)
    if text in _OVER:
        return Period(text, *previous_whole(parse_period(_OVER[text], today)))
    if text == "today":
        return Period(text, today, today)
    if text == "week":
        monday = shifted(today, -now.weekday())
        return Period(text, monday, shifted(monday, 6))
    months = _MONTHS.get(text)
    if months is not None:
        first = _month(now, -((now.month - 1) % months))
        return Period(text, _day(first), shifted(_day(_month(first, months)), -1))
    return _explicit(text)


def _explicit(text: str) -> Period:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise PeriodError(f"a period is {', '.join(PERIODS)}, or like 2026-11-01..2026-11-30")
    try:
        first, last = (_day(date.fromisoformat(part)) for part in match.groups())
    except ValueError as error:
        raise PeriodError(f"period {text}: {error}") from None
    if last < first:
        raise PeriodError(f"period {text} ends before it begins")
    if any(date.fromordinal(day).year not in _YEARS for day in (first, last)):
        raise PeriodError(f"period {text} is outside the years {_YEARS[0]} to {_YEARS[-1]}")
    return Period(text, first, last)


def _month(day: date, months: int) -> date:
    """The first day of the month that many months later."""
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def previous(period: Period, today: Day) -> tuple[Day, Day]:
    """The days of the previous period that this one so far is compared with; both inclusive.

    A month to date is compared with the same days of the month before, as far as that month has them; an
    explicit range with the same number of days right before it; a named one that is over with the whole one
    before it.
    """
    if period.key in _OVER:
        return previous_whole(period)
    so_far = max(0, min(today, period.last) - period.first)
    months = _MONTHS.get(period.key)
    if months is None:
        first = shifted(period.first, period.first - period.last - 1)
        return first, shifted(first, so_far)
    same_day = _same_day(date.fromordinal(period.first + so_far), months)
    return _day(_month(date.fromordinal(period.first), -months)), min(same_day, shifted(period.first, -1))


def previous_whole(period: Period) -> tuple[Day, Day]:
    """All days of the previous period; both inclusive."""
    months, last = _MONTHS.get(period.key), shifted(period.first, -1)
    if months is None:
        return shifted(last, period.first - period.last), last
    return _day(_month(date.fromordinal(period.first), -months)), last


def buckets(first: Day, last: Day) -> list[tuple[Day, Day]]:
    """A range split into at most about 45 days, weeks, months or years, for a chart; each part inclusive.

    Weeks are counted from the first day, so that two ranges can be compared.
    """
    number = last - first + 1
    if number <= 45 * 7:
        length = 1 if number <= 45 else 7
        return [(start, min(shifted(start, length - 1), last)) for start in days(first, last)[::length]]
    months = 1 if number <= 45 * 30 else 12
    parts = []
    start = first
    while start <= last:
        day = date.fromordinal(start)
        end = min(shifted(_day(_month(day, months - (day.month - 1) % months)), -1), last)
        parts.append((start, end))
        start = shifted(end, 1)
    return parts


def _same_day(day: date, months: int) -> Day:
    """The same day that many months before, or the last day of that month."""
    first = _month(day, -months)
    return min(shifted(_day(first), day.day - 1), shifted(_day(_month(first, 1)), -1))


def parse_instant(text: str) -> Instant:
    """The moment given as ISO 8601 text with an offset or Z; digits below a microsecond are cut.

    Raises:
        ValueError: The text is invalid, or outside the years 2000 to 2100.
    """
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError("a time needs an offset, such as Z or +03:00")
    moment = _instant(parsed)
    if not is_plausible(moment):
        raise ValueError(f"a time must be in the years {_YEARS[0]} to {_YEARS[-1]}")
    return moment


def is_plausible(moment: Instant) -> bool:
    """Whether a moment is within the years 2000 to 2100."""
    return EARLIEST <= moment <= LATEST


@lru_cache(maxsize=4096)  # a board has a hundred days, the same ones in each read
def iso_day(day: Day) -> str:
    """A day as an ISO date: `2026-11-23`."""
    return date.fromordinal(day).isoformat()


def iso(moment: Instant, zone: ZoneInfo) -> str:
    """A moment in local time with its offset, to the millisecond: `2026-11-23T10:00:00.123+03:00`."""
    return _aware(moment, zone).isoformat(timespec="milliseconds")
