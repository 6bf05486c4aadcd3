"""The office's life stays within bounds, whatever chance does."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from service.demo.life import CROWDED, MOST_DEALS, Life
from service.demo.office import Event, Office, OfficeClock, Task
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
    for step in range(1_500):
        assert 1.0 <= lived.life.pause_seconds() <= 10.0
        assert len(lived.step()) <= 15
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


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 9), min_size=50, max_size=200))
def test_no_record_changes_twice_within_a_second(seed: int, pauses: list[int]) -> None:
    lived = Lived(seed)
    events = [event for pause in pauses for event in lived.step(pause)]
    versions = Counter((event.entity, event.id, event.at) for event in events)
    assert set(versions.values()) <= {1}


def test_every_kind_of_event_happens_and_short_promises_fall_due_within_a_minute() -> None:
    lived = Lived(3)
    steps = [lived.step() for _ in range(1_000)]
    events = [event for step in steps for event in step]
    assert sum(len(step) >= 3 for step in steps) > 10
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
    assert all(20 <= wait <= 60 or wait >= 86_400 for wait in waits)


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
