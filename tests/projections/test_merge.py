"""Last writer wins, field by field, with deletes: any order and any repeats give the same record (SPEC
section 4)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import Change, Instant, Value
from service.projections.merge import Record, merge

DEAL = "deal"


def deal(version: int, **fields: Value) -> Change:
    return Change("deal", "1", Instant(version), fields)


def deleted(version: int) -> Change:
    return Change("deal", "1", Instant(version), deleted=True)


def merged(*changes: Change) -> Record:
    return merged_numbered([(number, change) for number, change in enumerate(changes, start=1)])


def merged_numbered(numbered: Sequence[tuple[int, Change]]) -> Record:
    record = Record()
    for number, change in numbered:
        merge(record, change, number)
    return record


def test_each_field_keeps_its_own_newest_value() -> None:
    record = merged(deal(5, name="new"), deal(3, name="old", amount=7))
    assert record.values == {"name": "new", "amount": 7}


def test_a_field_that_was_not_sent_stays_as_it_was() -> None:
    assert merged(deal(1, amount=7), deal(2, name="x")).values == {"amount": 7, "name": "x"}


def test_null_is_a_value() -> None:
    assert merged(deal(1, manager_id="3"), deal(2, manager_id=None)).values == {"manager_id": None}


def test_of_equal_versions_the_later_received_wins() -> None:
    assert merged(deal(1, amount=7), deal(1, amount=8)).values == {"amount": 8}
    assert merged_numbered([(2, deal(1, amount=8)), (1, deal(1, amount=7))]).values == {"amount": 8}


def test_a_delete_wins_over_an_earlier_or_equal_version() -> None:
    for changes in ([deal(1, amount=7), deleted(1)], [deleted(1), deal(1, amount=7)]):
        assert merged(*changes).values == {}


def test_a_change_newer_than_the_delete_brings_only_its_own_fields() -> None:
    for changes in (
        [deal(1, amount=7), deleted(2), deal(3, name="x")],
        [deal(3, name="x"), deleted(2), deal(1, amount=7)],
    ):
        assert merged(*changes).values == {"name": "x"}


def test_merge_says_what_changed() -> None:
    record = Record()
    assert merge(record, deal(1, amount=7, name="x"), 1) == {"amount": (None, 7), "name": (None, "x")}
    assert merge(record, deal(2, amount=7, name="y"), 2) == {"name": ("x", "y")}
    assert merge(record, deal(1, amount=9), 3) == {}
    assert merge(record, deleted(3), 4) == {"amount": (7, None), "name": ("y", None)}


def test_a_later_edit_of_a_lost_deal_does_not_make_it_lost_again() -> None:
    assert merged(deal(10, status="lost"), deal(20, status="lost")).since == 10


def test_a_late_reopening_cuts_the_run_in_two() -> None:
    lost, again, reopened = deal(10, status="lost"), deal(20, status="lost"), deal(15, status="open")
    for order in ((lost, again, reopened), (again, reopened, lost), (reopened, again, lost)):
        assert merged(*order).since == 20


changes = st.builds(
    lambda version, status, gone: deleted(version) if gone else deal(version, status=status),
    st.integers(1, 12),
    st.sampled_from(["open", "won", "lost"]),
    st.sampled_from([False, False, False, True]),
)


def _since(numbered: Sequence[tuple[int, Change]]) -> int | None:
    """By the definition: the first change to the present value after the last one to another."""
    last_delete = max((c.version for _, c in numbered if c.deleted), default=0)
    valid = sorted(
        (c.version, n, c.fields["status"]) for n, c in numbered if not c.deleted and c.version > last_delete
    )
    since: int | None = None
    value: Value = None
    for version, _, status in valid:
        if status != value or since is None:
            since = version
        value = status
    return since


@given(st.lists(changes, max_size=10), st.randoms(use_true_random=False))
def test_since_when_a_deal_is_lost_depends_on_no_order(history: list[Change], random: object) -> None:
    numbered = list(enumerate(history, start=1))
    shuffled = [*numbered, *numbered[:2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # the strategy gives a `random.Random`
    record, straight = merged_numbered(shuffled), merged_numbered(numbered)
    assert (record.values, record.deleted) == (straight.values, straight.deleted)
    if record.values.get("status") == "lost":
        assert record.since == straight.since == _since(numbered)


def lost(version: int, pipeline: str, stage: str) -> Change:
    return deal(version, status="lost", pipeline_id=pipeline, stage_id=stage)


def reopened(version: int, pipeline: str = "0") -> Change:
    return deal(version, status="open", pipeline_id=pipeline, stage_id="NEW")


ARCHIVED = (lost(10, "0", "LOSE"), lost(20, "0", "UC_1"), lost(30, "2", "C2:LOSE"), lost(40, "2", "C2:UC_2"))


@pytest.mark.parametrize("order", list(permutations(ARCHIVED)))
def test_the_reason_is_the_newest_stage_of_the_pipeline_in_which_a_deal_was_lost(
    order: tuple[Change, ...],
) -> None:
    record = merged(*order)
    assert (record.since, record.values["reason_id"]) == (10, "UC_1")
    assert (record.values["stage_id"], record.values["pipeline_id"]) == ("C2:UC_2", "2")


@pytest.mark.parametrize("order", list(permutations((*ARCHIVED[:3], reopened(25)))))
def test_a_deal_that_was_reopened_in_between_is_lost_for_the_later_reason(order: tuple[Change, ...]) -> None:
    record = merged(*order)
    assert (record.since, record.values["reason_id"]) == (30, "C2:LOSE")
    assert merged(*order, reopened(50)).values["reason_id"] is None


@pytest.mark.parametrize("at", [5, 90])
@pytest.mark.parametrize(
    ("moves", "since"), [("PF", "at"), ("FP", "90"), ("PFP", "90"), ("FPF", "at"), ("PFPF", "at")]
)
def test_of_the_stages_of_one_second_the_last_in_the_delivery_counts(moves: str, since: str, at: int) -> None:
    known, history = (
        lost(90, "0", "LOSE"),
        [lost(at, "0", "UC_1") if m == "F" else reopened(at) for m in moves],
    )
    numbered = [(2, change) for change in history]
    for order in ([(1, known), *numbered], [*numbered, (1, known)], [*numbered, (1, known), *numbered]):
        record = merged_numbered(order)
        if at < 90:
            assert record.since == (at if since == "at" else 90)
        else:
            assert record.values["status"] == ("lost" if moves.endswith("F") else "open")


def test_a_reason_that_is_no_stage_is_a_field_like_any_other() -> None:
    by_field = deal(50, status="lost", stage_id=None, reason_id="7")
    assert merged(lost(10, "0", "LOSE"), by_field).values["reason_id"] == "7"
    assert merged(lost(10, "0", "LOSE"), by_field).places == {}


def test_merge_says_that_the_reason_changed() -> None:
    record = merged(lost(10, "0", "LOSE"))
    assert "reason_id" not in merge(record, lost(20, "2", "C2:LOSE"), 2)
    assert merge(record, lost(15, "0", "UC_1"), 3)["reason_id"] == ("LOSE", "UC_1")
    assert merge(record, deleted(40), 4)["reason_id"] == ("UC_1", None)
    assert (record.values, record.places) == ({}, {})


moves = st.one_of(
    st.builds(
        lost, st.integers(1, 9), st.sampled_from(["0", "2"]), st.sampled_from(["LOSE", "UC_1", "UC_2"])
    ),
    st.builds(reopened, st.integers(1, 9), st.sampled_from(["0", "2"])),
    st.builds(deleted, st.integers(1, 9)),
)


@given(st.lists(moves, max_size=8), st.randoms(use_true_random=False))
def test_the_reason_depends_on_no_order(history: list[Change], random: object) -> None:
    numbered = list(enumerate(history, start=1))
    shuffled = [*numbered, *numbered[:2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # the strategy gives a `random.Random`
    record, straight = merged_numbered(shuffled), merged_numbered(numbered)
    assert (record.values, record.stamps, record.places) == (
        straight.values,
        straight.stamps,
        straight.places,
    )


def test_a_value_that_is_repeated_often_is_merged_in_time() -> None:
    """A body of a MiB can say so 10 000 times of one deal; the writer's thread merges it while all wait."""

    def seconds(records: Sequence[Record]) -> float:
        began = time.thread_time()
        for number in range(5_000):
            change = Change("deal", "1", Instant(number), {"known": True, "status": "lost"})
            merge(records[number % len(records)], change, 1)
        return time.thread_time() - began

    apart = min(seconds([Record() for _ in range(5_000)]) for _ in range(3))
    assert min(seconds([Record()]) for _ in range(3)) < 30 * apart
