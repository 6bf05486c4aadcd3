"""What the clock alone changes: due times, midnight, and a clock that was set (SPEC sections 2.6, 3.1,
3.10)."""

from __future__ import annotations

from service.ledger.write import heads
from service.model import DAY, SECOND, Change, Micros, earlier, later
from tests.histories import HOUR, MINUTE, at
from tests.ledger.offices import Ledger

NOW = at("2026-11-23T12:00:00+03:00")


def task(due_at: int, **fields: str | int | bool) -> Change:
    return Change("task", "t1", NOW, {"deal_id": "42", "due_at": due_at, **fields})


def deal(amount: int = 500) -> Change:
    return Change("deal", "42", NOW, {"known": True, "amount": amount, "client_id": "7"})


def test_a_task_is_overdue_from_its_due_time_on(ledger: Ledger) -> None:
    ledger.say(deal(), task(NOW + MINUTE))
    ledger.tick(later(NOW, MINUTE - 1))
    assert ledger.read().totals["at_risk"]["tasks"] == 0
    ledger.tick(later(NOW, MINUTE))
    reading = ledger.read()
    assert (
        reading.totals["at_risk"]["tasks"],
        reading.totals["at_risk"]["clients"],
        reading.totals["at_risk"]["amount"],
    ) == (1, 1, 500)
    assert ledger.differences() == []


def test_the_next_tick_is_the_earliest_due_time_or_midnight(ledger: Ledger) -> None:
    midnight = at("2026-11-24T00:00:00+03:00")
    assert ledger.head.next_tick_at == midnight
    ledger.say(deal(), task(NOW + HOUR))
    assert ledger.head.next_tick_at == NOW + HOUR
    ledger.tick(later(NOW, HOUR))
    assert ledger.head.next_tick_at == midnight
    ledger.tick(midnight)
    assert ledger.head.next_tick_at == midnight + DAY


def test_a_tick_that_changes_nothing_is_no_commit_of_the_board(ledger: Ledger) -> None:
    ledger.say(deal(), task(NOW + HOUR))
    ledger.say(Change("task", "t1", later(NOW, 1), {"due_at": None}))
    before = ledger.head.seq
    ledger.tick(later(NOW, HOUR))
    assert ledger.head.seq == before


def test_saved_today_ends_at_local_midnight(ledger: Ledger) -> None:
    ledger.say(deal(), task(NOW - HOUR))
    ledger.say(Change("task", "t1", later(NOW, 1), {"completed": True}), now=later(NOW, MINUTE))
    assert (
        ledger.read().totals["saved_today"]["clients"],
        ledger.read().totals["saved_today"]["amount"],
    ) == (1, 500)
    ledger.tick(at("2026-11-24T00:00:00+03:00"))
    assert ledger.read().totals["saved_today"]["clients"] == 0
    assert ledger.differences() == []


def test_a_clock_that_is_set_back_takes_the_board_with_it(ledger: Ledger) -> None:
    ledger.say(deal(), task(NOW + HOUR))
    ledger.tick(later(NOW, 2 * DAY))
    assert ledger.read().totals["at_risk"]["tasks"] == 1
    ledger.tick(later(NOW, MINUTE))
    assert ledger.read().totals["at_risk"]["tasks"] == 0
    assert ledger.head.as_of == NOW + MINUTE
    assert ledger.differences() == []


def test_a_clock_a_little_behind_does_not(ledger: Ledger) -> None:
    ledger.say(deal(), task(NOW + MINUTE))
    ledger.tick(later(NOW, MINUTE))
    ledger.say(Change("client", "7", NOW, {"name": "Иван"}), now=later(NOW, MINUTE - 30 * SECOND))
    assert ledger.read().totals["at_risk"]["tasks"] == 1
    assert ledger.head.as_of == NOW + MINUTE


def test_boards_that_are_due_are_found(ledger: Ledger) -> None:
    ledger.say(deal(), task(NOW + MINUTE))
    with ledger.readers.begin() as connection:
        assert heads.bounds(connection, ["office"]) == (NOW + MINUTE, NOW)
        assert heads.due_accounts(connection, ["office"], later(NOW, MINUTE - 1)) == []
        assert heads.due_accounts(connection, ["office"], later(NOW, MINUTE)) == ["office"]
        assert heads.bounds(connection, ["nobody"]) is None


def test_boards_that_are_ahead_because_the_clock_was_set_back_are_found(ledger: Ledger) -> None:
    with ledger.readers.begin() as connection:
        for behind, skew, found in (
            (heads.CLOCK_SKEW, heads.CLOCK_SKEW, []),
            (heads.CLOCK_SKEW + 1, heads.CLOCK_SKEW, ["office"]),
            (1, Micros(0), ["office"]),
            (0, Micros(0), []),
        ):
            assert heads.due_accounts(connection, ["office"], earlier(NOW, behind), skew=skew) == found
