"""The simulated office: its deeds, its chance, and its truth as changes."""

from __future__ import annotations

from collections import Counter
from random import Random

from service.demo.office import Event, Office
from service.model import FIELDS, SECOND, Change, Instant, Value
from tests.demo.clock import START, StillClock
from tests.demo.random_history import random_history
from tests.demo.truth import changes_of

NOW = int(START)


def test_a_deed_says_what_it_changed_and_tells_the_listeners() -> None:
    clock = StillClock()
    office = Office(clock)
    told: list[Event] = []
    office.listeners.append(told.append)
    client = office.add_client("Иван").id
    deal = office.add_deal("Абонемент", 518_400, client, 31, 11).id
    clock.advance(60.7)
    lost = office.lose(deal, "Дорого")
    assert (lost.entity, lost.kind, lost.id, lost.at) == ("deal", "lost", deal, NOW + 60)
    assert lost.changed == {"status", "reason", "closed_at", "updated_at"}
    assert office.deals[deal].closed_at == NOW + 60
    office.reopen(deal)
    assert (office.deals[deal].reason, office.deals[deal].closed_at) == (None, None)
    assert [event.kind for event in told] == ["added", "added", "lost", "reopened"]


def test_the_truth_as_changes() -> None:
    clock = StillClock()
    office = Office(clock, managers={31: "Анна"}, pipelines={11: "Продажи"}, reasons={206: "Дорого  "})
    client = office.add_client("Иван").id
    deal = office.add_deal("Абонемент", 518_400, client, 31, 11).id
    task = office.add_task("позвонить", 31, NOW + 600, deal_id=deal).id
    gone = office.add_task("x", 31, None, client_id=client).id
    clock.advance(60)
    office.lose(deal, "Дорого  ")
    office.complete(task)
    office.delete_task(gone)
    then, now = NOW * SECOND, (NOW + 60) * SECOND
    of_deal: dict[str, Value] = {
        "known": True,
        "name": "Абонемент",
        "status": "lost",
        "reason_id": "дорого",
        "amount": 518_400,
        "closed_at": now,
        "client_id": str(client),
        "manager_id": "31",
        "pipeline_id": "11",
    }
    of_task: dict[str, Value] = {
        "text": "позвонить",
        "deal_id": str(deal),
        "client_id": None,
        "manager_id": "31",
        "due_at": (NOW + 600) * SECOND,
        "completed": True,
        "completed_at": now,
    }
    assert changes_of(office) == [
        Change("deal", str(deal), Instant(now), of_deal),
        Change("task", str(task), Instant(now), of_task),
        Change("task", str(gone), Instant(now), deleted=True),
        Change("client", str(client), Instant(then), {"name": "Иван", "phone": f"+74950{client:06}"}),
        Change("manager", "31", Instant(now), {"name": "Анна"}),
        Change("pipeline", "11", Instant(now), {"name": "Продажи"}),
        Change("reason", "дорого", Instant(now), {"name": "Дорого  "}),
    ]


def _history(seed: int, steps: int) -> tuple[Office, list[Event]]:
    clock = StillClock()
    office = Office(clock)
    events = []
    for event in random_history(office, Random(seed), steps):
        events.append(event)
        clock.advance(90)
    return office, events


def test_a_random_history_does_every_deed_and_is_the_same_for_the_same_seed() -> None:
    office, events = _history(1, 2_000)
    assert {(event.entity, event.kind) for event in events} >= {
        *(("deal", kind) for kind in ("added", "edited", "lost", "won", "reopened", "deleted", "restored")),
        *(("task", kind) for kind in ("added", "edited", "rescheduled", "reassigned", "completed")),
        *(("task", kind) for kind in ("deleted", "reopened")),
        *(("client", kind) for kind in ("added", "edited")),
    }
    statuses = Counter(deal.status for deal in office.deals.values() if not deal.deleted)
    assert min(statuses["open"], statuses["lost"], statuses["won"]) > 0
    assert len([task for task in office.tasks.values() if task.due_at and not task.completed]) > 10
    assert any(deal.status == "lost" and deal.reason is None for deal in office.deals.values())
    assert any(task.client_id for task in office.tasks.values())
    assert _history(1, 2_000)[1] == events


def test_the_changes_speak_the_words_of_the_model() -> None:
    office, _ = _history(5, 1000)
    for change in changes_of(office):
        assert set(change.fields) <= set(FIELDS[change.entity])
        for name, value in change.fields.items():
            assert value is None or type(value) is FIELDS[change.entity][name]
