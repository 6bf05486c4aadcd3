"""What bodies under way may hold: strangers give way to younger ones, and nobody takes another's share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.webhooks.budget import REQUEST_BYTES, Budget, Held, OverBudget

KIB = 1024
UNIT = 100 * KIB


def budget(strangers: int = 10, address: int = 5, proven: int = 10) -> Budget:
    """A budget of so many bodies of one unit each."""
    return Budget(proven * UNIT, strangers * UNIT, address * UNIT)


def body(within: Budget, account: str = "office", source: str | None = "203.0.113.5") -> Held:
    held = within.hold(account, source)
    held.grow(UNIT - REQUEST_BYTES)
    return held


def test_what_is_held_goes_back() -> None:
    within = budget()
    with body(within) as stranger, body(within, source=None):
        assert within.size == 2 * UNIT
        stranger.prove()
        assert within.size == 2 * UNIT
    assert within.size == 0
    assert not within._sources


def test_of_one_address_the_oldest_body_gives_way() -> None:
    within = budget(address=5)
    bodies = [body(within) for _ in range(7)]
    assert [held.is_displaced for held in bodies] == [True] * 2 + [False] * 5
    assert within.size == 5 * UNIT


def test_of_all_addresses_the_oldest_body_gives_way() -> None:
    within = budget(strangers=10)
    bodies = [body(within, source=f"203.0.113.{number}") for number in range(12)]
    assert [held.is_displaced for held in bodies] == [True] * 2 + [False] * 10


@pytest.mark.parametrize("one_address", [True, False])
def test_strangers_of_one_account_use_up_no_other_accounts_share(one_address: bool) -> None:
    within = budget(strangers=10, address=10)
    honest = body(within, "quiet", "198.51.100.1")
    for number in range(50):
        body(within, "attacked", "198.51.100.1" if one_address else f"203.0.113.{number}")
    assert not honest.is_displaced


def test_who_gives_way_is_told_and_holds_nothing() -> None:
    within = budget(address=1)
    told: list[str] = []
    first = body(within)
    first.give_way = lambda: told.append("first")
    second = body(within)
    assert told == ["first"]
    assert first.size == 0
    with pytest.raises(OverBudget):
        first.grow(1)
    with first, second:
        assert within.size == UNIT
    assert within.size == 0


def test_a_growing_body_that_is_the_oldest_gives_way_itself() -> None:
    within = budget(address=2)
    first, second = body(within), body(within)
    with pytest.raises(OverBudget):
        first.grow(1)
    assert not second.is_displaced


def test_a_body_that_is_proven_never_gives_way_and_strangers_take_no_room_from_it() -> None:
    within = budget(strangers=3, address=3, proven=2)
    proven = body(within, source=None)
    for _ in range(10):
        body(within)
    second = body(within)
    second.prove()
    assert (proven.size, second.size) == (UNIT, UNIT)
    with pytest.raises(OverBudget):
        within.hold("office", None)
    with second:
        pass
    assert body(within, source=None).size == UNIT


def test_requests_without_a_body_are_bounded_too() -> None:
    within = budget(strangers=10)
    bodies = [within.hold("office", f"203.0.113.{number % 200}") for number in range(2_000)]
    assert sum(not held.is_displaced for held in bodies) == 10 * UNIT // REQUEST_BYTES


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["hold", "grow", "prove", "end"]), st.integers(0, 3), st.integers(0, 3 * UNIT)
        )
    )
)
def test_whatever_happens_the_books_agree_and_no_limit_is_passed(
    steps: list[tuple[str, int, int]],
) -> None:
    within = budget()
    alive: list[Held] = []
    for step, number, size in steps:
        try:
            if step == "hold":
                alive.append(within.hold(f"account-{number}", None if number == 3 else f"203.0.113.{number}"))
            elif alive and step == "grow":
                alive[number % len(alive)].grow(size)
            elif alive and step == "prove":
                alive[number % len(alive)].prove()
            elif alive:
                alive.pop(number % len(alive)).__exit__(None, None, None)
        except OverBudget:
            continue
        strangers = [held for held in alive if held.source is not None]
        assert within.size == sum(held.size for held in alive)
        assert sum(held.size for held in strangers) <= 10 * UNIT
        for source in {held.source for held in strangers}:
            assert sum(held.size for held in strangers if held.source == source) <= 5 * UNIT
    for held in alive:
        held.__exit__(None, None, None)
    assert within.size == 0
