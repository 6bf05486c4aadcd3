"""What a commit makes stale on open boards: named while it is little, everything when it is much."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from service.ledger.database.tables import INVALIDATIONS
from service.ledger.write import invalidations
from service.ledger.write.invalidations import MANY, Invalidation, invalidation_of, union
from service.model import Change, Day, Entity, Instant, later
from service.projections.facts import Moment
from service.projections.propagate import Flowed
from tests.histories import at
from tests.ledger.offices import Ledger

NOW = at("2026-11-23T12:00:00+03:00")
NAMED: tuple[Entity, ...] = ("reason", "pipeline", "manager", "client")


def stale(ledger: Ledger, after: int) -> Invalidation:
    with ledger.readers.begin() as connection:
        return union(invalidations.read(connection, "office", after, ledger.head.seq))


def test_names_that_are_known_already_make_nothing_stale(ledger: Ledger) -> None:
    def named(name: str, version: int) -> Invalidation:
        before = ledger.head.seq
        ledger.say(*(Change(entity, "1", Instant(version), {"name": name}) for entity in NAMED))
        return stale(ledger, before)

    everything_named = Invalidation(clients=("1",), managers=True, reasons=True, pipelines=True)
    assert named("new", NOW) == everything_named
    assert named("new", NOW + 1) == Invalidation()
    assert named("renamed", NOW + 2) == everything_named


def test_a_batch_of_many_clients_makes_everything_stale_in_place_of_naming_them(ledger: Ledger) -> None:
    changes = [
        Change("deal", str(number), NOW, {"known": True, "client_id": str(number)})
        for number in range(MANY + 1)
    ]
    ledger.say(*changes)
    assert stale(ledger, 0) == Invalidation(everything=True)
    ledger.say(*(Change("deal", change.id, later(NOW, 1), {"amount": 5}) for change in changes[:MANY]))
    assert stale(ledger, 1) == Invalidation(clients=tuple(sorted(change.id for change in changes[:MANY])))


def test_another_day_makes_everything_stale_and_nothing_is_silent() -> None:
    flowed = Flowed({}, {}, frozenset(), {})
    assert invalidation_of(
        flowed, {}, (Moment(Instant(1), Day(1)), Moment(Instant(2), Day(2))), silent=False
    ).everything
    assert not invalidation_of(
        flowed, {}, (Moment(Instant(1), Day(1)), Moment(Instant(2), Day(1))), silent=True
    ).silent


def test_old_invalidations_are_dropped_and_a_reader_behind_them_reads_everything(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invalidations, "KEPT", 4)
    rows = []
    for version in range(12):
        ledger.say(Change("manager", "1", later(NOW, version), {"name": str(version)}))
        with ledger.readers.begin() as connection:
            rows.append(connection.execute(select(func.count()).select_from(INVALIDATIONS)).scalar_one())
    assert rows == [1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 4]
    assert stale(ledger, 7) == Invalidation(everything=True)
    assert stale(ledger, 8) == Invalidation(managers=True)


def test_commits_are_stale_together() -> None:
    parts = [
        Invalidation(clients=("b", "a"), days=(2,), managers=True),
        Invalidation(clients=("b",), days=(1,), reasons=True, silent=True),
        Invalidation(pipelines=True, everything=True),
    ]
    both = Invalidation(("a", "b"), (1, 2), True, True, True, True, True)  # every field
    assert union(parts) == both
    assert union([]) == Invalidation()
