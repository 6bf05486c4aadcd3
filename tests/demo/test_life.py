"""The office's life stays within bounds, whatever chance does."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.demo import names
from service.demo.life import CROWDED, MOST_DEALS, Life
from service.demo.office import Deal, Event, Office, OfficeClock, Task
from service.demo.story import tell_story
from service.model import SECOND, later
from tests.demo.stepping_clock import SteppingClock

WARM_UP = 50


@dataclass
class Lived:
    """An office that lives by a clock of its own."""

    seed: int
    clock: SteppingClock = field(default_factory=SteppingClock)

    def __post_init__(self) -> None:
        office_clock, rng = OfficeClock(self.clock), random.Random(self.seed)
        self.office = Office(office_clock)
        tell_story(self.office, office_clock, rng)
        self.life = Life(self.office, rng)

    def step(self, pause: float | None = None) -> list[Event]:
        """What happens after a pause; without one, after the office's own."""
        self.clock.moment = later(
            self.clock.moment, int((self.life.pause_seconds() if pause is None else pause) * SECOND)
        )
        return list(self.life.next_events())


@settings(max_examples=2, deadline=None)
@given(st.integers(0, 10_000))
def test_many_steps_stay_within_bounds(seed: int) -> None:
    lived, seen = Lived(seed), Counter[int]()
    for step in range(600):
        assert 6.0 <= lived.life.pause_seconds() <= 15.0
        assert len(lived.step()) <= 5
        clients = len(lived.life.at_risk())
        assert clients <= CROWDED + 3
        deals = lived.life.open_deals()
        assert 5 <= len(deals) <= MOST_DEALS + 2
        open_tasks = [task for task in lived.office.tasks.values() if not task.completed]
        assert len(open_tasks) <= 3 * len(deals)
        assert {task.deal_id for task in open_tasks} <= {deal.id for deal in deals}
        if step >= WARM_UP:
            seen[clients] += 1
    assert sum(times for clients, times in seen.items() if 2 <= clients <= 7) >= 0.9 * seen.total()
    assert len(seen) >= 4
    named = Counter(client.name for client in lived.office.clients.values())
    assert set(named.values()) == {1}


def counted(events: list[Event]) -> tuple[int, int]:
    """How many deals were lost so that the board counts them, and how many overdue tasks were done."""
    lost = [deal for event in events if event.kind == "lost" and isinstance(deal := event.after, Deal)]
    done = [task for event in events if event.kind == "completed" and isinstance(task := event.after, Task)]
    late = [task for task in done if (task.completed_at or 0) > (task.due_at or 0)]
    return len([deal for deal in lost if deal.reason not in ("Спам", "Дубль")]), len(late)


@pytest.mark.parametrize("seed", [1, 2, 20])
def test_every_ten_minutes_have_losses_and_saves_among_old_delays_and_fresh_ones(seed: int) -> None:
    lived = Lived(seed)
    ages: list[int] = []
    for _ in range(5):
        began, events = lived.office.now(), list[Event]()
        while lived.office.now() < began + 600:
            events += lived.step()
            ages += [int(lived.office.now()) - (task.due_at or 0) for task in lived.life.overdue()]
        assert min(counted(events)) >= 2, "losses, and overdue tasks that were done"
    shares = [sum(map(of, ages)) / len(ages) for of in (is_fresh, is_of_hours, is_of_days)]
    assert min(shares) > 0.02, shares


def is_fresh(seconds: int) -> bool:
    return seconds < 1_800


def is_of_hours(seconds: int) -> bool:
    return 3_600 < seconds < 86_400


def is_of_days(seconds: int) -> bool:
    return seconds >= 86_400


def test_once_every_name_is_taken_earlier_clients_come_again() -> None:
    lived = Lived(8)
    for name in names._CLIENTS:
        lived.office.add_client(name)
    clients, deals = len(lived.office.clients), len(lived.office.deals)
    for _ in range(60):
        lived.step()
    assert (len(lived.office.clients), len(lived.office.deals) > deals) == (clients, True)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 9), min_size=50, max_size=200))
def test_no_record_changes_twice_within_a_second(seed: int, pauses: list[int]) -> None:
    lived = Lived(seed)
    events = [event for pause in pauses for event in lived.step(pause)]
    versions = Counter((event.entity, event.id, event.at) for event in events)
    assert set(versions.values()) <= {1}


def test_every_kind_of_event_happens_and_short_promises_fall_due_within_a_minute() -> None:
    lived = Lived(3)
    steps = [lived.step() for _ in range(600)]
    events = [event for step in steps for event in step]
    assert sum(not step for step in steps) < 10
    kinds = {(event.entity, event.kind) for event in events}
    assert kinds >= {
        ("client", "added"),
        ("deal", "added"),
        ("deal", "edited"),
        ("deal", "lost"),
        ("deal", "won"),
        ("task", "added"),
        ("task", "rescheduled"),
        ("task", "completed"),
    }
    added = [task for event in events if event.kind == "added" and isinstance(task := event.after, Task)]
    waits = [(task.due_at or 0) - task.created_at for task in added]
    assert all(20 <= wait <= 60 or wait >= 86_400 or wait <= -7_200 for wait in waits)


def test_the_office_recovers_when_the_machine_slept_for_ten_days() -> None:
    lived = Lived(5)
    lived.clock.moment = later(lived.clock.moment, 10 * 86_400 * SECOND)
    assert len(lived.life.at_risk()) > CROWDED
    for _ in range(200):
        lived.step()
    assert len(lived.life.at_risk()) <= CROWDED + 1


def test_the_same_seed_gives_the_same_life() -> None:
    first, second = Lived(6), Lived(6)
    assert [first.step(4) for _ in range(300)] == [second.step(4) for _ in range(300)]
