"""The worked examples hold to the rouble at any moment, as told by the posted bodies alone."""

from __future__ import annotations

import random
from calendar import monthrange
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.demo.story import AT_RISK, LAST_MONTH, THIS_MONTH, opening, shares
from service.model import SECOND, Instant, later
from tests.demo.replay import EXCLUDED, MOSCOW, Replay

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


def told(at: datetime, seed: int = 1) -> tuple[Replay, int]:
    second = int(at.timestamp())
    replay = Replay()
    replay.take(opening(later(Instant(second * SECOND), 123_456), random.Random(seed)).webhooks)
    return replay, second


def totals(refusals: dict[str, tuple[int, int]], *reasons: str) -> tuple[int, int]:
    chosen = [refusals[reason] for reason in reasons or refusals.keys() - EXCLUDED]
    return sum(count for count, _ in chosen), sum(amount for _, amount in chosen)


def moscow(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MOSCOW)


@pytest.mark.parametrize("moment", MOMENTS)
def test_this_month_shows_the_worked_example_to_the_rouble(moment: str) -> None:
    replay, _ = told(moscow(moment))
    today = moscow(moment).date()
    refusals = replay.refusals(today.replace(day=1), today)
    assert totals(refusals) == (170, 412_560)
    assert totals(refusals, "Не отвечает более 3-х раз", "Выбрал других") == (61, 127_613)
    assert refusals["Не отвечает более 3-х раз"] == (60, 111_197)
    assert refusals["Выбрал других"] == (1, 16_416)
    objective = refusals.keys() - EXCLUDED - {"Не отвечает более 3-х раз", "Выбрал других"}
    assert len(objective) == 5
    assert totals(refusals, *objective) == (109, 284_947)
    assert refusals.keys() >= EXCLUDED


@settings(max_examples=25, deadline=None)
@given(st.datetimes(datetime(2025, 1, 1), datetime(2031, 1, 1), timezones=st.just(MOSCOW)), st.integers(0, 9))  # noqa: DTZ001  # the strategy adds the zone
def test_the_month_is_exact_at_any_moment_and_with_any_seed(at: datetime, seed: int) -> None:
    replay, _ = told(at, seed)
    today = at.date()
    month_end = today.replace(day=monthrange(today.year, today.month)[1])
    assert replay.refusals(today.replace(day=1), month_end) == THIS_MONTH
    assert replay.refusals(date.min, date.max).keys() == THIS_MONTH.keys()


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_month_before_is_lost_within_the_days_that_are_compared(moment: str) -> None:
    replay, _ = told(moscow(moment))
    today = moscow(moment).date()
    last_of_month_before = today.replace(day=1) - timedelta(days=1)
    same_day = min(today.day, last_of_month_before.day)
    first = last_of_month_before.replace(day=1)
    assert replay.refusals(first, first.replace(day=same_day)) == LAST_MONTH
    assert replay.refusals(date.min, first - timedelta(days=1)) == {}


@pytest.mark.parametrize("moment", MOMENTS)
def test_one_client_is_at_risk_with_three_overdue_tasks_on_one_deal(moment: str) -> None:
    replay, now = told(moscow(moment))
    overdue = replay.overdue(now)
    assert len(overdue) == 3
    (lead_id,) = {task["[element_id]"] for task in overdue}
    goods, price, client = AT_RISK
    assert (replay.leads[lead_id]["[name]"], replay.leads[lead_id]["[price]"]) == (goods, "5184")
    assert (price, replay.clients[lead_id]) == (5_184, client)


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_else_falls_due_for_two_days(moment: str) -> None:
    replay, now = told(moscow(moment))
    assert len(replay.overdue(now + 2 * 86_400 - 1)) == 3
    assert len(replay.overdue(now + 10 * 86_400)) > 3


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_few_open_deals_have_no_next_step_and_every_client_has_a_name(moment: str) -> None:
    replay, _ = told(moscow(moment))
    assert len(replay.without_next_step()) == 3
    assert replay.clients.keys() == replay.open_leads().keys()
    assert all(replay.clients.values())


@pytest.mark.parametrize("moment", MOMENTS)
def test_tasks_done_too_late_were_done_on_earlier_days_of_four_weeks(moment: str) -> None:
    replay, _ = told(moscow(moment))
    today = moscow(moment).date()
    done = [task for task in replay.tasks.values() if task["[status]"] == "1"]
    assert len(done) == 18
    for task in done:
        due, completed = int(task["[complete_before]"]), int(task["[updated_at]"])
        assert due < completed
        days = {datetime.fromtimestamp(second, MOSCOW).date() for second in (due, completed)}
        assert len(days) == 1
        assert today - timedelta(days=28) < days.pop() < today


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_is_told_from_the_future_and_nothing_twice_in_a_second(moment: str) -> None:
    replay, now = told(moscow(moment))
    assert all(int(version) <= now for _, _, version in replay.versions)
    assert set(replay.versions.values()) == {1}


def test_the_books_agree_with_what_was_posted() -> None:
    now = int(moscow("2026-11-23T10:00:00").timestamp())
    story = opening(Instant(now * SECOND), random.Random(1))
    replay = Replay()
    replay.take(story.webhooks)
    truth = story.books.truth(now)
    assert (truth.clients, truth.amount, truth.overdue_tasks) == (1, 5_184, 3)
    assert truth.without_next_step_amount == sum(replay.without_next_step().values())


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
