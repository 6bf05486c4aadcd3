"""Local days and periods, in the zones that break formulas (SPEC sections 2.1 and 2.6)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.calendar import (
    Period,
    PeriodError,
    buckets,
    day_start,
    iso,
    local_day,
    next_midnight,
    parse_instant,
    parse_period,
    previous,
    previous_whole,
    shifted,
)
from service.config import zone
from service.model import SECOND, Day, Instant, earlier

ZONES = (
    "UTC",
    "Europe/Moscow",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # clocks went forward at midnight
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kathmandu",  # +05:45
    "Australia/Lord_Howe",  # half an hour of summer
    "Pacific/Apia",  # skipped 2011-12-30
    "Pacific/Kiritimati",  # +14
)
MONTHS_DIFFER = 3  # days by which months and quarters do
FIRST, LAST = date(2000, 1, 3).toordinal(), date(2040, 1, 1).toordinal()


def day(text: str) -> Day:
    return Day(date.fromisoformat(text).toordinal())


def shown(days: tuple[int, int]) -> tuple[str, str]:
    return date.fromordinal(days[0]).isoformat(), date.fromordinal(days[1]).isoformat()


def moment(text: str) -> int:
    return parse_instant(text)


@given(st.sampled_from(ZONES), st.integers(FIRST, LAST))
def test_a_day_starts_at_its_first_moment(name: str, number: int) -> None:
    start = day_start(Day(number), zone(name))
    assert local_day(start, zone(name)) >= number
    assert local_day(earlier(start, 1), zone(name)) < number


@given(st.sampled_from(ZONES), st.integers(FIRST, LAST), st.integers(0, 86_399_999_999))
def test_every_moment_is_between_its_day_and_the_next(name: str, number: int, offset: int) -> None:
    rules = zone(name)
    at = Instant(day_start(Day(number), rules) + offset)
    assert day_start(local_day(at, rules), rules) <= at < next_midnight(at, rules)


@pytest.mark.parametrize(
    ("name", "on", "starts"),
    [
        ("Europe/Moscow", "2026-11-23", "2026-11-23T00:00:00.000+03:00"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00.000-02:00"),
        ("Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00.000+03:00"),
        ("Asia/Beirut", "2026-03-29", "2026-03-29T01:00:00.000+03:00"),
        ("America/Havana", "2026-03-08", "2026-03-08T01:00:00.000-04:00"),
        ("America/Havana", "2026-11-01", "2026-11-01T00:00:00.000-04:00"),  # midnight comes twice: the first
        ("Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00.000+14:00"),  # there was no such day
    ],
)
def test_days_that_do_not_start_at_an_ordinary_midnight(name: str, on: str, starts: str) -> None:
    assert iso(day_start(day(on), zone(name)), zone(name)) == starts


@pytest.mark.parametrize(("on", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-23", 24)])
def test_a_day_is_as_long_as_it_is(on: str, hours: int) -> None:
    start = day_start(day(on), zone("Europe/Berlin"))
    assert next_midnight(start, zone("Europe/Berlin")) - start == hours * 3600 * SECOND


def test_a_moment_belongs_to_different_days_in_different_places() -> None:
    at = Instant(moment("2026-11-22T21:30:00Z"))
    assert local_day(at, zone("UTC")) == day("2026-11-22")
    assert local_day(at, zone("Europe/Moscow")) == day("2026-11-23")


@pytest.mark.parametrize(
    ("key", "today", "first", "last"),
    [
        ("today", "2026-11-23", "2026-11-23", "2026-11-23"),
        ("week", "2026-11-23", "2026-11-23", "2026-11-29"),
        ("week", "2026-11-22", "2026-11-16", "2026-11-22"),
        ("week", "2027-01-01", "2026-12-28", "2027-01-03"),
        ("month", "2026-11-23", "2026-11-01", "2026-11-30"),
        ("month", "2028-02-29", "2028-02-01", "2028-02-29"),
        ("month", "2026-12-31", "2026-12-01", "2026-12-31"),
        ("quarter", "2026-11-23", "2026-10-01", "2026-12-31"),
        ("quarter", "2026-03-31", "2026-01-01", "2026-03-31"),
        ("year", "2026-11-23", "2026-01-01", "2026-12-31"),
        ("yesterday", "2027-01-01", "2026-12-31", "2026-12-31"),
        ("last_week", "2026-11-23", "2026-11-16", "2026-11-22"),
        ("last_week", "2027-01-03", "2026-12-21", "2026-12-27"),
        ("last_month", "2026-03-31", "2026-02-01", "2026-02-28"),
        ("last_month", "2027-01-01", "2026-12-01", "2026-12-31"),
        ("2026-11-05..2026-11-09", "2026-11-23", "2026-11-05", "2026-11-09"),
    ],
)
def test_periods(key: str, today: str, first: str, last: str) -> None:
    period = parse_period(key, day(today))
    assert (period.key, shown((period.first, period.last))) == (key, (first, last))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "decade",
        "MONTH",
        "last_year",
        "2026-11-05",
        "2026-11-05..",
        "2026-02-30..2026-03-01",
        "2026-11-09..2026-11-05",
        "1999-12-31..2026-01-01",
        "2026-01-01..2101-01-01",
        "2026-W47..2026-W48",
        "２０２６-11-05..2026-11-09",
        " 2026-11-05..2026-11-09",
    ],
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(PeriodError, match="period"):
        parse_period(text, day("2026-11-23"))


@pytest.mark.parametrize(
    ("key", "today", "before"),
    [
        ("today", "2026-11-23", ("2026-11-22", "2026-11-22")),
        ("week", "2026-11-25", ("2026-11-16", "2026-11-18")),
        ("week", "2026-11-29", ("2026-11-16", "2026-11-22")),
        ("month", "2026-11-23", ("2026-10-01", "2026-10-23")),
        ("month", "2026-11-01", ("2026-10-01", "2026-10-01")),
        ("month", "2026-03-31", ("2026-02-01", "2026-02-28")),
        ("month", "2028-03-30", ("2028-02-01", "2028-02-29")),
        ("month", "2026-01-15", ("2025-12-01", "2025-12-15")),
        ("quarter", "2026-11-23", ("2026-07-01", "2026-08-23")),
        ("quarter", "2026-12-31", ("2026-07-01", "2026-09-30")),
        ("quarter", "2026-05-31", ("2026-01-01", "2026-02-28")),
        ("year", "2028-02-29", ("2027-01-01", "2027-02-28")),
        ("year", "2026-11-23", ("2025-01-01", "2025-11-23")),
        ("yesterday", "2026-11-23", ("2026-11-21", "2026-11-21")),
        ("last_week", "2026-11-25", ("2026-11-09", "2026-11-15")),
        ("last_month", "2026-03-10", ("2026-01-01", "2026-01-31")),
        ("2026-11-05..2026-11-09", "2026-11-23", ("2026-10-31", "2026-11-04")),
        ("2026-11-20..2026-11-30", "2026-11-23", ("2026-11-09", "2026-11-12")),
        ("2026-12-05..2026-12-09", "2026-11-23", ("2026-11-30", "2026-11-30")),
    ],
)
def test_the_period_before_so_far(key: str, today: str, before: tuple[str, str]) -> None:
    assert shown(previous(parse_period(key, day(today)), day(today))) == before


@given(
    st.sampled_from(["today", "week", "month", "quarter", "year"]),
    st.integers(FIRST, LAST),
)
def test_the_period_before_is_before_and_about_as_long(key: str, today: int) -> None:
    period = parse_period(key, Day(today))
    first, last = previous(period, Day(today))
    assert period.first <= today <= period.last
    assert first <= last < period.first
    assert abs((last - first) - (today - period.first)) <= MONTHS_DIFFER


@pytest.mark.parametrize(
    ("key", "today", "whole"),
    [
        ("today", "2026-11-23", ("2026-11-22", "2026-11-22")),
        ("week", "2026-11-23", ("2026-11-16", "2026-11-22")),
        ("month", "2026-03-31", ("2026-02-01", "2026-02-28")),
        ("quarter", "2026-11-23", ("2026-07-01", "2026-09-30")),
        ("year", "2026-11-23", ("2025-01-01", "2025-12-31")),
        ("last_month", "2026-11-23", ("2026-09-01", "2026-09-30")),
        ("2026-11-05..2026-11-09", "2026-11-23", ("2026-10-31", "2026-11-04")),
    ],
)
def test_the_whole_period_before(key: str, today: str, whole: tuple[str, str]) -> None:
    assert shown(previous_whole(parse_period(key, day(today)))) == whole


@pytest.mark.parametrize(
    ("first", "last", "number", "second"),
    [
        ("2026-11-23", "2026-11-23", 1, None),
        ("2026-11-01", "2026-11-30", 30, ("2026-11-02", "2026-11-02")),
        ("2026-10-01", "2026-12-31", 14, ("2026-10-08", "2026-10-14")),
        ("2026-01-01", "2026-12-31", 12, ("2026-02-01", "2026-02-28")),
        ("2025-11-15", "2026-11-14", 13, ("2025-12-01", "2025-12-31")),
        ("2000-01-01", "2100-12-31", 101, ("2001-01-01", "2001-12-31")),
    ],
)
def test_a_chart_has_parts_that_it_can_show(
    first: str, last: str, number: int, second: tuple[str, str] | None
) -> None:
    parts = buckets(day(first), day(last))
    assert len(parts) == number
    assert second is None or shown(parts[1]) == second


@given(st.integers(FIRST, LAST), st.integers(0, 4_000))
def test_parts_are_the_whole_range_each_day_once(first: int, days: int) -> None:
    parts = buckets(Day(first), shifted(Day(first), days))
    assert [day for part in parts for day in range(part[0], part[1] + 1)] == list(
        range(first, first + days + 1)
    )
    assert len(parts) <= 46


def test_a_period_is_what_it_says() -> None:
    assert parse_period("today", Day(740_000)) == Period("today", Day(740_000), Day(740_000))


@given(st.integers(1, 36_000), st.integers(0, 86_399_999_999), st.integers(-14, 14))
def test_times_are_read_with_their_offset(days: int, offset: int, hours: int) -> None:
    there = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=days, microseconds=offset)
    moment = parse_instant(f"{there.replace(tzinfo=None).isoformat()}{hours:+03d}:00")
    expected = there - timedelta(hours=hours)
    assert moment == (expected - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-23T10:00:00",
        "2026-11-23",
        "2026-13-01T00:00:00Z",
        "1999-12-31T23:59:59Z",
        "2101-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|isoformat|month"):
        parse_instant(text)
