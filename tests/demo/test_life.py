"""The office's life stays within bounds, and its own truth is what its webhooks say."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from service.demo.life import CROWDED, MOST_LEADS, Life
from service.demo.story import opening
from service.model import SECOND, Instant
from tests.demo.replay import MOSCOW, Replay

START = int(datetime(2026, 11, 23, 10, tzinfo=MOSCOW).timestamp()) * SECOND
WARM_UP = 100


def opened(seed: int) -> tuple[Life, Replay]:
    rng = random.Random(seed)
    story = opening(Instant(START), rng)
    replay = Replay()
    replay.take(story.webhooks)
    return Life(story.books, rng), replay


def assert_replay_agrees(office: Life, replay: Replay, now: Instant) -> None:
    second = now // SECOND
    truth = office.books.truth(second)
    leads, overdue, forgotten = replay.open_leads(), replay.overdue(second), replay.without_next_step()
    at_risk = {task["[element_id]"] for task in overdue}
    assert truth.clients == len(at_risk)
    assert truth.amount == sum(leads[lead_id] for lead_id in at_risk)
    assert truth.overdue_tasks == len(overdue)
    assert truth.without_next_step == len(forgotten)
    assert truth.without_next_step_amount == sum(forgotten.values())


@settings(max_examples=2, deadline=None)
@given(st.integers(0, 10_000))
def test_five_thousand_steps_stay_within_bounds(seed: int) -> None:
    office, replay = opened(seed)
    now, seen = START, Counter[int]()
    for step in range(5_000):
        pause = office.pause()
        assert 1.0 <= pause <= 10.0
        now += int(pause * SECOND)
        webhooks = office.next_events(Instant(now))
        replay.take(webhooks)
        truth = office.books.truth(now // SECOND)
        assert len(webhooks) <= 15
        assert truth.clients <= CROWDED + 3
        assert 5 <= len(office.books.leads) <= MOST_LEADS + 2
        assert len(office.books.tasks) <= 3 * len(office.books.leads)
        if step >= WARM_UP:
            seen[truth.clients] += 1
        if step % 250 == 0:
            assert_replay_agrees(office, replay, Instant(now))
    lively = sum(times for clients, times in seen.items() if 2 <= clients <= 7)
    assert lively >= 0.9 * seen.total()
    assert len(seen) >= 4


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 9_000_000), min_size=50, max_size=300))
def test_no_entity_changes_twice_within_a_second(seed: int, pauses: list[int]) -> None:
    office, replay = opened(seed)
    now = START
    for pause in pauses:
        now += pause
        replay.take(office.next_events(Instant(now)))
    assert set(replay.versions.values()) == {1}
    assert all(int(version) <= now // SECOND for _, _, version in replay.versions)
    assert_replay_agrees(office, replay, Instant(now))


def test_every_kind_of_event_happens() -> None:
    office, replay = opened(3)
    now, bursts = START, 0
    before = set(replay.leads)
    for _ in range(1_000):
        now += int(office.pause() * SECOND)
        webhooks = office.next_events(Instant(now))
        bursts += len(webhooks) >= 3
        replay.take(webhooks)
    stages = Counter(replay.leads[id]["[status_id]"] for id in replay.leads.keys() - before)
    assert stages["142"] > 0
    assert stages["143"] > 0
    assert bursts > 10
    tasks = replay.tasks.values()
    assert any(task["[status]"] == "1" and task["[complete_before]"] < task["[updated_at]"] for task in tasks)
    assert any(task["[status]"] == "0" and "[old_text]" in task for task in tasks)


def test_short_promises_fall_due_within_a_minute() -> None:
    office, _ = opened(4)
    now = START
    for _ in range(200):
        now += int(office.pause() * SECOND)
        known = set(office.books.tasks)
        office.next_events(Instant(now))
        for id in office.books.tasks.keys() - known:
            wait = office.books.tasks[id].due_at - now // SECOND
            assert 20 <= wait <= 60 or wait >= 86_400


def test_the_office_recovers_when_the_machine_slept_for_ten_days() -> None:
    office, _ = opened(5)
    now = START + 10 * 86_400 * SECOND
    assert office.books.truth(now // SECOND).clients > CROWDED
    for _ in range(200):
        now += int(office.pause() * SECOND)
        office.next_events(Instant(now))
    assert office.books.truth(now // SECOND).clients <= CROWDED + 1


def test_the_same_seed_gives_the_same_life() -> None:
    def life() -> list[bytes]:
        office, _ = opened(6)
        moments = range(START, START + 1_200 * SECOND, 4 * SECOND)
        return [webhook.body for now in moments for webhook in office.next_events(Instant(now))]

    assert life() == life()
