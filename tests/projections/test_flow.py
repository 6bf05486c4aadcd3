"""The projections by themselves, without a database: what changes amount to, and how batches add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import DAY, Change, Value, earlier
from service.projections import FINGERPRINT, FLOW, REVISION
from service.projections.at_risk import AT_RISK, MANAGER_STAKES, STAKES
from service.projections.batch import Merged, Records, merge_batch
from service.projections.facts import Moment, Rules, deal_facts
from service.projections.flow import About, Cells, Deltas, Key, Measures, Middle, Relation, fingerprint
from service.projections.mergers import LINKS, Redirection, successors
from service.projections.next_step import NO_NEXT_STEP
from service.projections.propagate import Flowed, propagate
from service.projections.saved import SAVED_CLIENTS, SAVED_TODAY
from tests.histories import AUTUMN, HOUR, RATES, SCENES, SPRING, Scene, at, histories, numbered
from tests.oracle import board

NOW = at("2026-09-07T13:00:00Z")


def merged_batch(known: Records, changes: Sequence[tuple[int, Change]], rules: Rules) -> Merged:
    """Changes merged into what is stored, and all links led to what is left."""
    told = [(number, change) for number, change in changes if change.entity == "merger"]
    mergers = {**known.get("merger", {}), **merge_batch(known, told, rules).records.get("merger", {})}
    linked = {entity: known.get(entity, {}) for entity in LINKS}
    return merge_batch(known, changes, rules, Redirection(successors(mergers), linked))


def flowed(
    scene: Scene,
    changes: Sequence[tuple[int, Change]],
    stored: Records | None = None,
    sums: Mapping[Relation, Cells] | None = None,
) -> Deltas:
    """What numbered changes add to the relations, after what is stored."""
    return whole_flow(scene, changes, stored, sums).deltas


def whole_flow(
    scene: Scene,
    changes: Sequence[tuple[int, Change]],
    stored: Records | None = None,
    sums: Mapping[Relation, Cells] | None = None,
) -> Flowed:
    """The same, with what else there is to tell."""
    known, present = stored or {}, sums or {}
    rules = Rules(scene.office.zone, scene.office.currency, RATES)
    moment = Moment(scene.now, rules.day(scene.now))
    merged = merged_batch(known, changes, rules)
    return propagate(
        FLOW,
        merged.tasks,
        merged.deals,
        merged.gone,
        (moment, moment),
        lambda ids: {key: deal_facts(key, known.get("deal", {}).get(key), rules) for key in ids},
        lambda entity, _ids: about(entity, present),
    )


def about(entity: Middle, sums: Mapping[Relation, Cells]) -> Mapping[str, About]:
    """The rows about every deal or client."""
    found: defaultdict[str, dict[Relation, dict[Key, Measures]]] = defaultdict(lambda: defaultdict(dict))
    for relation in FLOW.feeding[entity]:
        for key, measures in sums.get(relation, {}).items():
            found[str(key[0])][relation][key] = measures
    return found


def figures(*changes: Change) -> Deltas:
    return flowed(SPRING, list(enumerate(changes, start=1)))


def deal(deal_id: str, **fields: Value) -> Change:
    return Change("deal", deal_id, earlier(NOW, 2 * HOUR), {"known": True, "amount": 5, **fields})


def task(task_id: str, **fields: Value) -> Change:
    return Change("task", task_id, earlier(NOW, 2 * HOUR), {"due_at": NOW - 2 * HOUR, **fields})


def done(task_id: str, **fields: Value) -> Change:
    return task(task_id, completed=True, completed_at=NOW - HOUR, **fields)


@given(data=st.data())
def test_rows_and_totals_equal_the_oracle(data: st.DataObject) -> None:
    scene = data.draw(st.sampled_from(SCENES))
    changes = numbered(data.draw(histories(scene)))
    deltas = flowed(scene, changes)
    expected = board(changes, scene.now, scene.office, ())
    stakes = {
        (client_id,): (len(row.tasks), row.amount, row.open_amount)
        for client_id, row in expected.clients.items()
    }
    assert deltas.get(STAKES, {}) == stakes
    assert deltas.get(SAVED_CLIENTS, {}) == {
        (client_id,): (1, amount) for client_id, amount in expected.saved.items()
    }
    for relation in FLOW.totals:
        total = tuple(expected.totals[relation.name][name] for name in relation.measures)
        assert deltas.get(relation, {}).get((), relation.zero) == total


@given(data=st.data())
def test_two_batches_add_up_to_one(data: st.DataObject) -> None:
    """Retracting what the first batch contributed leaves what both amount to together."""
    scene = data.draw(st.sampled_from([SPRING, AUTUMN]))
    changes = numbered(data.draw(histories(scene)))
    cut = data.draw(st.integers(0, len(changes)))
    first = flowed(scene, changes[:cut])
    rules = Rules(scene.office.zone, scene.office.currency, RATES)
    stored = merged_batch({}, changes[:cut], rules).records
    second = flowed(scene, changes[cut:], stored, first)
    assert _added(first, second) == flowed(scene, changes)


def _added(first: Deltas, second: Deltas) -> Deltas:
    total = {relation: dict(cells) for relation, cells in first.items()}
    for relation, cells in second.items():
        rows = total.setdefault(relation, {})
        for key, measures in cells.items():
            before = rows.pop(key, relation.zero)
            after = tuple(old + new for old, new in zip(before, measures, strict=True))
            if any(after):
                rows[key] = after
    return {relation: rows for relation, rows in total.items() if rows}


def test_a_merge_leaves_the_stored_records_as_they_were() -> None:
    rules = Rules(SPRING.office.zone, "RUB", {})
    stored = merge_batch({}, [(1, deal("1", status="lost"))], rules).records
    again = merge_batch({}, [(1, deal("1", status="lost"))], rules).records
    newer = Change("deal", "1", NOW, {"status": "open", "amount": 7})
    merged = merge_batch(stored, [(2, newer), (3, Change("deal", "2", NOW, deleted=True))], rules)
    assert stored == again
    assert merged.changed == {2: {"deal 1": {"status": ("lost", "open"), "amount": (5, 7)}}}
    assert merged.changed_ids == {"deal": {"1"}}
    assert [facts.phase for facts in merged.deals["1"] if facts] == ["lost", "open"]


@pytest.mark.parametrize("left", [{"client_id": "7"}, {"deal_id": "1"}])
def test_a_client_with_an_overdue_task_left_is_not_saved(left: Mapping[str, Value]) -> None:
    saving = deal("1", client_id="7"), done("t1", deal_id="1"), done("t2", client_id="7")
    assert figures(*saving)[SAVED_CLIENTS] == {("7",): (1, 5)}
    deltas = figures(*saving, task("t3", **left))
    assert (deltas.get(SAVED_CLIENTS), deltas.get(SAVED_TODAY)) == (None, None)
    assert deltas[AT_RISK] == {(): (1, 5, 1)}


def test_nobody_is_to_be_called_where_the_client_was_deleted() -> None:
    gone = Change("client", "7", earlier(NOW, HOUR), deleted=True)
    for order in permutations((task("t1", client_id="7", manager_id="m"), deal("1", client_id="7"), gone)):
        deltas = figures(*order)
        assert {AT_RISK, STAKES, MANAGER_STAKES} & deltas.keys() == set()
    late = task("t1", client_id="7"), task("t2", deal_id="1"), deal("1", client_id="7")
    assert figures(*late)[AT_RISK] == {(): (1, 5, 2)}
    assert figures(*late, gone)[AT_RISK] == {(): (1, 5, 1)}  # the promise on the deal stays
    restored = Change("client", "7", NOW, {"name": "Anna"})
    assert figures(*late, gone, restored)[AT_RISK] == {(): (1, 5, 2)}


def test_nobody_is_saved_where_the_client_was_deleted() -> None:
    saving = done("t2", client_id="7"), deal("1", client_id="7")
    assert figures(*saving)[SAVED_TODAY] == {(): (1, 5)}
    assert SAVED_TODAY not in figures(*saving, Change("client", "7", NOW, deleted=True))


def test_a_deal_is_at_stake_once_however_many_tasks_it_has() -> None:
    promised = task("t1", deal_id="1"), task("t2", deal_id="1"), task("t3", client_id="7")
    assert figures(deal("1", client_id="7"), *promised[:2])[AT_RISK] == {(): (1, 5, 2)}
    assert figures(deal("1", client_id="7"), *promised)[AT_RISK] == {(): (1, 5, 3)}


@pytest.mark.parametrize(("past_due", "at_risk"), [(-1, None), (0, {(): (1, 5, 1)})])
def test_a_task_is_overdue_from_the_very_microsecond_of_its_due_time(past_due: int, at_risk: object) -> None:
    late = task("t1", deal_id="1", due_at=SPRING.now - past_due)
    assert figures(deal("1"), late).get(AT_RISK) == at_risk


@pytest.mark.parametrize("due_at", [None, NOW + HOUR])
def test_an_open_task_is_a_next_step_dated_or_not(due_at: int | None) -> None:
    assert figures(deal("1"))[NO_NEXT_STEP] == {(): (1, 5)}
    assert NO_NEXT_STEP not in figures(deal("1"), task("t1", deal_id="1", due_at=due_at))


def test_a_change_that_cancels_out_is_not_written() -> None:
    rules = Rules(SPRING.office.zone, "RUB", RATES)
    changes = [(1, deal("1", client_id="7")), (2, task("t1", deal_id="1"))]
    stored, sums = merge_batch({}, changes, rules).records, flowed(SPRING, changes)
    named = Change("deal", "1", NOW, {"name": "Абонемент"})
    assert flowed(SPRING, [(3, named)], stored, sums) == {}


@pytest.mark.parametrize(("due_at", "shown"), [(NOW - HOUR, {"7"}), (NOW + DAY, set())])
def test_a_client_at_risk_is_shown_again_when_its_deal_is_renamed(due_at: int, shown: set[str]) -> None:
    rules = Rules(SPRING.office.zone, "RUB", RATES)
    changes = [(1, deal("1", client_id="7")), (2, task("t1", deal_id="1", due_at=due_at))]
    stored, sums = merge_batch({}, changes, rules).records, flowed(SPRING, changes)
    named = Change("deal", "1", NOW, {"name": "Абонемент"})
    assert whole_flow(SPRING, [(3, named)], stored, sums).clients == shown


@pytest.mark.parametrize("width", range(1, 9))
def test_measures_are_added_and_subtracted_one_by_one(width: int) -> None:
    relation = Relation("wide", (), tuple(f"count{index}" for index in range(width)))
    row, deltas = tuple(range(width)), tuple(range(7, 7 + width))
    assert relation.plus(row, deltas) == tuple(one + other for one, other in zip(row, deltas, strict=True))
    assert relation.minus(row, deltas) == (-7,) * width


def test_every_relation_counts_something() -> None:
    """A row is looked at for deletion only when a count goes down."""
    assert [relation.name for relation in FLOW.relations if not relation.counts] == []


def test_the_fingerprint_follows_every_part_of_a_relation_and_the_revision() -> None:
    first, *rest = FLOW.relations
    others = [
        replace(first, name="other"),
        replace(first, key=("day",)),
        replace(first, measures=("count",)),
        replace(first, feeds="deal"),
    ]
    prints = {fingerprint([other, *rest], REVISION) for other in others}
    prints |= {fingerprint(FLOW.relations, REVISION + 1), fingerprint(rest, REVISION), FINGERPRINT}
    assert len(prints) == 7
    assert fingerprint([*rest, first], REVISION) == FINGERPRINT
