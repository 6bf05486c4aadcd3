"""The worked examples hold to the rouble at any moment."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.demo.life import Life
from service.demo.office import Event, Office, OfficeClock, Second, Task
from service.demo.story import AT_RISK, LAST_MONTH, THIS_MONTH, shares, tell_story
from service.model import SECOND, Instant, later
from tests.demo.stepping_clock import SteppingClock

MOSCOW = ZoneInfo("Europe/Moscow")
EXCLUDED = {"Спам", "Дубль"}
CONTROLLABLE = ("Не отвечает более 3-х раз", "Выбрал других")

MOMENTS = [
    "2026-11-01T00:00:00",
    "2026-11-01T00:05:00",
    "2026-11-01T23:59:59",
    "2026-11-23T10:00:00",
    "2026-01-01T00:00:01",
    "2026-02-28T12:00:00",
    "2028-02-29T00:00:00",
    "2026-03-31T18:45:10",
    "2026-12-31T23:59:59",
    "2027-03-01T09:59:59",
]


@dataclass
class Told:
    """An office after the story, and the events that its CRM posts about it."""

    office: Office
    events: list[Event]
    life: Life
    now: Second

    def refusals(self, first: date, last: date) -> Mapping[str | None, tuple[int, int]]:
        """Count and roubles by reason of the deals that were lost on these days in Moscow."""
        counts: Counter[str | None] = Counter()
        amounts: Counter[str | None] = Counter()
        for deal in self.office.deals.values():
            if deal.status == "lost" and first <= day_of(deal.closed_at) <= last:
                counts[deal.reason] += 1
                amounts[deal.reason] += deal.amount
        return {reason: (counts[reason], amounts[reason] // 100) for reason in counts}

    def falling_due(self, ahead: Second) -> list[Task]:
        return self.life.overdue(ahead)


def day_of(moment: Second | None) -> date:
    assert moment is not None
    return datetime.fromtimestamp(moment, MOSCOW).date()


def told(at: datetime, seed: int = 1) -> Told:
    clock, rng = (
        OfficeClock(SteppingClock(later(Instant(int(at.timestamp()) * SECOND), 123_456))),
        random.Random(seed),
    )
    office = Office(clock)
    events = list(tell_story(office, clock, rng))
    return Told(office, events, Life(office, rng), int(at.timestamp()))


def total(refusals: Mapping[str | None, tuple[int, int]], *reasons: str) -> tuple[int, int]:
    chosen = [refusals[reason] for reason in reasons or refusals.keys() - EXCLUDED]
    return sum(count for count, _ in chosen), sum(roubles for _, roubles in chosen)


@pytest.fixture(params=MOMENTS)
def story(request: pytest.FixtureRequest) -> Told:
    return told(datetime.fromisoformat(request.param).replace(tzinfo=MOSCOW))


def test_this_month_shows_the_worked_example_to_the_rouble(story: Told) -> None:
    today = day_of(story.now)
    refusals = story.refusals(today.replace(day=1), today)
    assert refusals == THIS_MONTH
    assert total(refusals) == (170, 412_560)
    assert total(refusals, *CONTROLLABLE) == (61, 127_613)
    assert refusals["Не отвечает более 3-х раз"] == (60, 111_197)


def test_the_month_before_is_lost_within_the_days_that_are_compared(story: Told) -> None:
    today = day_of(story.now)
    last_of_month_before = today.replace(day=1) - timedelta(days=1)
    first, same_day = last_of_month_before.replace(day=1), min(today.day, last_of_month_before.day)
    assert story.refusals(first, first.replace(day=same_day)) == LAST_MONTH
    assert story.refusals(date.min, first - timedelta(days=1)) == {}


@settings(max_examples=25, deadline=None)
@given(st.datetimes(datetime(2025, 1, 1), datetime(2031, 1, 1), timezones=st.just(MOSCOW)), st.integers(0, 9))  # noqa: DTZ001  # the strategy adds the zone
def test_the_month_is_exact_at_any_moment_and_with_any_seed(at: datetime, seed: int) -> None:
    story = told(at, seed)
    assert story.refusals(at.date().replace(day=1), date.max) == THIS_MONTH
    assert all(event.at <= story.now for event in story.events)


def test_one_client_is_at_risk_with_three_overdue_tasks_on_one_deal(story: Told) -> None:
    (deal_id,) = {task.deal_id for task in story.falling_due(0)}
    deal = story.office.deals[deal_id or 0]
    assert (deal.name, deal.amount // 100, story.office.clients[deal.client_id or 0].name) == AT_RISK
    assert len(story.falling_due(2 * 86_400 - 1)) == 3
    assert len(story.falling_due(10 * 86_400)) > 3


def test_three_open_deals_have_no_next_step(story: Told) -> None:
    assert len([deal for deal in story.life.open_deals() if not story.life.open_tasks(deal)]) == 3


def test_tasks_completed_too_late_were_completed_on_earlier_days_of_four_weeks(story: Told) -> None:
    done = [task for task in story.office.tasks.values() if task.completed]
    assert len(done) == 18
    today = day_of(story.now)
    for task in done:
        assert (task.due_at or 0) < (task.completed_at or 0)
        assert day_of(task.due_at) == day_of(task.completed_at)
        assert today - timedelta(days=28) < day_of(task.due_at) < today


def test_every_record_is_posted_and_none_changes_twice_within_a_second(story: Told) -> None:
    versions = Counter((event.entity, event.id, event.at) for event in story.events)
    assert set(versions.values()) == {1}
    for entity, records in (("deal", story.office.deals), ("task", story.office.tasks)):
        assert {event.id for event in story.events if event.entity == entity} == records.keys()


@settings(deadline=None)
@given(st.integers(1, 120), st.integers(0, 100_000), st.integers(0, 1000))
def test_shares_are_positive_and_add_up(parts: int, extra: int, seed: int) -> None:
    amounts = shares(40 * parts + extra, parts, random.Random(seed))
    assert len(amounts) == parts
    assert sum(amounts) == 40 * parts + extra
    assert min(amounts) > 0


def test_too_little_to_share_is_an_error() -> None:
    with pytest.raises(ValueError, match="too little"):
        shares(399, 10, random.Random(1))
