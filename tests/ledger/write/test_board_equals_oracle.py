"""The ledger on both databases against the oracle, the tests' own statement of the spec (SPEC section 4).

Random histories are permuted, repeated and cut into random batches between readings of the clock. After every
step the board read whole, the board read incrementally and the oracle's board are the same, and a
recomputation finds no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.ledger.read.board import BoardRows
from service.ledger.read.decoding import one_by_one
from service.ledger.upkeep import recompute, replay
from service.model import SECOND, Change, Delivery, Instant, later
from service.projections.at_risk import CLIENT_DEALS
from tests.histories import RATES, SCENES, Scene, Tick, batches, histories, numbered, steps
from tests.ledger.offices import OFFICE, Ledger
from tests.oracle import board, comparable


def _ledger(url: str) -> Ledger:
    return Ledger(url, now=Instant(0))


@pytest.fixture(scope="module")
def sqlite(sqlite_ledgers: Callable[[], str]) -> Iterator[Ledger]:
    ledger = _ledger(sqlite_ledgers())
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def postgresql(postgres_ledgers: Callable[[], str]) -> Iterator[Ledger]:
    ledger = _ledger(postgres_ledgers())
    yield ledger
    ledger.close()


def _begin(ledger: Ledger, scene: Scene, now: int) -> None:
    office = scene.office
    ledger.configure(replace(OFFICE, zone=office.zone, rates=RATES))
    ledger.restart(Instant(now))


def _plays_like_the_oracle(ledger: Ledger, data: st.DataObject) -> None:
    scene = data.draw(st.sampled_from(SCENES))
    story = data.draw(steps(scene, ties=data.draw(st.booleans())))
    assert isinstance(story[0], Tick)
    _begin(ledger, scene, story[0].now)
    applied: list[Delivery] = []
    since: BoardRows | None = None
    for step in story:
        if isinstance(step, Tick):
            ledger.tick(step.now)
        else:
            ledger.deliver(*step.deliveries)
            applied.extend(step.deliveries)
        expected = comparable(board(numbered(applied), ledger.clock.moment, ledger.account, scene.selections))
        assert comparable(ledger.read(scene.selections)) == expected
        since = ledger.read(scene.selections, since)
        assert comparable(since) == expected
        assert ledger.differences() == []


@settings(max_examples=80)
@given(data=st.data())
def test_every_step_on_sqlite_equals_the_oracle(sqlite: Ledger, data: st.DataObject) -> None:
    _plays_like_the_oracle(sqlite, data)


@settings(max_examples=30)
@given(data=st.data())
def test_every_step_on_postgresql_equals_the_oracle(postgresql: Ledger, data: st.DataObject) -> None:
    _plays_like_the_oracle(postgresql, data)


@settings(max_examples=30)
@given(data=st.data())
def test_any_order_repeats_and_batches_give_identical_tables_on_both_databases(
    sqlite: Ledger, postgresql: Ledger, data: st.DataObject
) -> None:
    scene = data.draw(st.sampled_from(SCENES))
    history = data.draw(histories(scene))
    for ledger in (sqlite, postgresql):
        _begin(ledger, scene, scene.now)
        for batch in data.draw(batches(history)):
            ledger.deliver(*batch)
            assert ledger.differences() == []
    assert sqlite.tables() == postgresql.tables() == _rebuilt(sqlite, history)


def _rebuilt(ledger: Ledger, history: Sequence[Delivery]) -> Mapping[str, list[tuple[Any, ...]]]:
    """The tables that a rebuild from the log in small portions gives; nothing of it stays."""
    said = {delivery.decoded.key: delivery.decoded for delivery in history}
    decoded = one_by_one(lambda stored: said[stored.key.partition("\n")[0]])

    with pytest.MonkeyPatch.context() as small, ledger.engine.connect() as connection:
        small.setattr(replay, "AT_ONCE", 1)
        small.setattr(replay, "MANY", 2)
        small.setattr(recompute, "PORTION", 2)
        replay.rebuild_state(connection, ledger.account, decoded, lambda _: None)
        recompute.rebuild(connection, ledger.account, ledger.clock.moment, lambda _: None)
        differences = recompute.differences_from_log(connection, ledger.account, decoded, lambda _: None)
        assert list(differences) == []
        tables = ledger.tables(connection)
        connection.rollback()
    return tables


@settings(max_examples=40)
@given(data=st.data())
def test_deleting_everything_leaves_no_row_behind(sqlite: Ledger, data: st.DataObject) -> None:
    scene = data.draw(st.sampled_from(SCENES))
    history = data.draw(histories(scene))
    _begin(sqlite, scene, scene.now)
    for batch in data.draw(batches(history)):
        sqlite.deliver(*batch)
    everything = {
        (change.entity, change.id): max(
            other.version
            for delivery in history
            for other in delivery.decoded.changes
            if (other.entity, other.id) == (change.entity, change.id)
        )
        for delivery in history
        for change in delivery.decoded.changes
    }
    sqlite.say(
        *(
            Change(entity, entity_id, later(version, SECOND), deleted=True)
            for (entity, entity_id), version in everything.items()
        )
    )
    marks = sorted(("office", key, 0, 0, 0, 0, 0, 1) for entity, key in everything if entity == "client")
    left = {name: rows for name, rows in sqlite.tables().items() if rows}
    assert left == ({CLIENT_DEALS.name: marks} if marks else {})
