"""The loop over the parts of a body, and the ids that an answer leaves out."""

from __future__ import annotations

import pytest

from service.adapters.api import ASKED, absent_ids
from service.adapters.parsed import MAX_CHANGES, Parsed, parse_body, rejected
from service.model import Change, Decoded, Need, Rejection
from tests.adapters.posts import NOW, post

NEED = Need("deal", "1")


def parse(part: str) -> Parsed:
    """A part that is a number deletes that task; of any other part a property is bad."""
    if part == "deep":
        raise RecursionError
    if part == "far":
        raise OverflowError("a date beyond\nthe year 9999")
    if not part.isdigit():
        return rejected(ValueError(f"{part} is no number"))
    return Parsed((Change("task", part, NOW, deleted=True),), (NEED,), is_dated=part != "0")


def test_a_bad_part_costs_the_others_nothing_and_is_rejected_by_its_number() -> None:
    parsed = parse_body(lambda: ["7", "deep", "x", "8", "far"], parse)
    assert [change.id for change in parsed.changes] == ["7", "8"]
    assert parsed.rejections == (
        Rejection(1, "RecursionError"),
        Rejection(2, "x is no number"),
        Rejection(4, "a date beyond the year 9999"),
    )


def test_a_part_that_says_too_much_costs_the_others_nothing() -> None:
    """A merge names as many records as a MiB has room for."""
    told = parse("7").changes
    parsed = parse_body(lambda: [1, MAX_CHANGES, MAX_CHANGES - 2, 2, 1], lambda count: Parsed(told * count))
    assert len(parsed.changes) == MAX_CHANGES
    assert [rejection.part for rejection in parsed.rejections] == [1, 3]


def test_a_body_that_cannot_be_read_is_one_rejection() -> None:
    assert parse_body(lambda: [str(1 // int(part)) for part in "x"], parse).rejections[0].part == 0
    assert parse_body(list, parse) == Parsed()


def test_a_body_is_dated_if_all_its_parts_are() -> None:
    assert parse_body(lambda: ["1", "2"], parse).is_dated
    assert not parse_body(lambda: ["1", "0", "2"], parse).is_dated
    assert not (parse("0") + parse("1")).is_dated


def test_a_need_of_several_parts_is_one_need() -> None:
    decoded = parse_body(lambda: ["1", "2"], parse).decoded("key")
    assert decoded == Decoded("key", parse("1").changes + parse("2").changes, (), (NEED,))


@pytest.mark.parametrize(
    ("asked", "present", "absent"),
    [("1 2 3", {"2"}, ["1", "3"]), ("1", {"1", "9"}, []), ("", set(), []), ("1 2", {"2", None}, [])],
)
def test_an_id_is_absent_if_it_was_asked_for_and_no_entry_can_be_it(
    asked: str, present: set[str | None], absent: list[str]
) -> None:
    assert absent_ids(post(b"", {ASKED: asked}), present) == absent
