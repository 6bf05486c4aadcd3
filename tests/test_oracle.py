"""The rules of the board as examples, one sentence of the spec each, with figures worked out by hand.

They pin the oracle to SPEC sections 2, 3 and 4, and read as an introduction to the rules. The office is in
Moscow (+03:00, no daylight saving); now is Monday, 23 November 2026, 10:00.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import permutations
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.ledger.read.board import BoardRows, ClientRow, Late, LossRow, ManagerRow, Selection, TaskRow
from service.model import SECOND, Change, Day, Entity, Instant, Value, earlier, later
from tests.histories import (
    AUTUMN,
    SCENES,
    SPRING,
    Deliver,
    Office,
    Scene,
    Tick,
    at,
    batches,
    histories,
    numbered,
    steps,
    tied_histories,
)
from tests.oracle import board, comparable, local_day

OFFICE: Final = Office(rates={"USD": Decimal("92.50"), "JPY": Decimal("0.615"), "KWD": Decimal("301.25")})


def clock(text: str) -> Instant:
    """A moment of the office's clock: `23 10:00` is 10:00 on 23 November 2026."""
    day, time = text.split()
    return at(f"2026-11-{day}T{time}+03:00")


def day(number: int, month: int = 11) -> Day:
    return Day(date(2026, month, number).toordinal())


NOW: Final = clock("23 10:00")
TODAY: Final = Selection(day(23), day(23))
NOVEMBER: Final = Selection(day(1), day(30))


def deal(deal_id: str, version: str = "02 09:00", **fields: Value) -> Change:
    """What the CRM says of a deal; it is an open one unless it says otherwise."""
    return Change("deal", deal_id, clock(version), {"known": True, **fields})


def link(deal_id: str, client_id: str, version: str = "02 09:00") -> Change:
    """A contact's webhook: it names a deal and says nothing about it."""
    return Change("deal", deal_id, clock(version), {"client_id": client_id})


def task(task_id: str, version: str = "02 09:00", due: str | None = None, **fields: Value) -> Change:
    """What the CRM says of a task; `due` and a text in `completed_at` are read by the office's clock."""
    given = {
        name: clock(v) if name == "completed_at" and isinstance(v, str) else v for name, v in fields.items()
    }
    return Change("task", task_id, clock(version), given if due is None else {"due_at": clock(due), **given})


def name(entity: Entity, key: str, text: str, version: str = "02 09:00") -> Change:
    return Change(entity, key, clock(version), {"name": text})


def deleted(entity: Entity, key: str, version: str) -> Change:
    return Change(entity, key, clock(version), deleted=True)


def read(
    *changes: Change,
    now: Instant = NOW,
    office: Office = OFFICE,
    selections: Sequence[Selection] = (NOVEMBER,),
) -> BoardRows:
    """The board after these changes, each in a delivery of its own, in this order."""
    return board(list(enumerate(changes, start=1)), now, office, selections)


def total(reading: BoardRows, name: str) -> tuple[int, ...]:
    """The measures of a relation that has one row for an account."""
    return tuple(reading.totals[name].values())


def lost(*changes: Change, days: Selection = NOVEMBER) -> dict[str | None, tuple[int, int]]:
    """Losses of the given days by reason."""
    rows = read(*changes, selections=(days,)).losses[days]
    return {row.reason_id: (row.count, row.amount) for row in rows}


def clients(*changes: Change, now: Instant = NOW) -> dict[str, int]:
    """The stake of each client at risk."""
    return {key: row.amount for key, row in read(*changes, now=now).clients.items()}


def manager(reading: BoardRows, manager_id: str | None) -> ManagerRow:
    (row,) = [row for row in reading.managers if row.manager_id == manager_id]
    return row


# --- Section 2: losses ---


def test_losses_of_the_worked_example() -> None:
    def refusals(reason: str, amounts: Sequence[int]) -> list[Change]:
        return [
            deal(f"{reason}{n}", "20 12:00", status="lost", reason_id=reason, amount=amount)
            for n, amount in enumerate(amounts)
        ]

    reading = read(
        name("reason", "silent", "Не отвечает более 3-х раз"),
        name("reason", "others", "Выбрал других"),
        name("reason", "later", "Хочет, но не сейчас"),
        *refusals("silent", [185_000] * 59 + [204_700]),
        *refusals("others", [1_641_600]),
        *refusals("later", [261_000] * 108 + [306_700]),
    )

    rows = {row.reason_id: row for row in reading.losses[NOVEMBER]}
    assert rows["silent"] == LossRow("silent", "Не отвечает более 3-х раз", 60, 11_119_700)
    assert rows["others"] == LossRow("others", "Выбрал других", 1, 1_641_600)
    assert rows["later"] == LossRow("later", "Хочет, но не сейчас", 109, 28_494_700)
    assert rows["silent"].amount + rows["others"].amount == 12_761_300
    assert (sum(row.count for row in rows.values()), sum(row.amount for row in rows.values())) == (
        170,
        41_256_000,
    )


def test_only_lost_deals_are_losses() -> None:
    assert (
        lost(deal("1", status="open", amount=1), deal("2", status="won", amount=2), deal("3", amount=4)) == {}
    )


def test_excluded_reasons_are_read_too_because_kinds_are_a_matter_of_showing() -> None:
    rows = read(name("reason", "spam", "Спам"), deal("1", status="lost", reason_id="spam", amount=700))
    assert rows.losses[NOVEMBER] == (LossRow("spam", "Спам", 1, 700),)


def test_a_loss_without_a_reason_is_counted() -> None:
    assert read(deal("1", status="lost", amount=700)).losses[NOVEMBER] == (LossRow(None, None, 1, 700),)


def test_a_reason_whose_name_is_not_known_yet_is_counted_without_it() -> None:
    rows = read(deal("1", status="lost", reason_id="9", amount=700)).losses[NOVEMBER]
    assert rows == (LossRow("9", None, 1, 700),)


@pytest.mark.parametrize(("closed", "counted"), [("22 23:59", False), ("23 00:00", True), ("23 23:59", True)])
def test_a_loss_is_dated_by_the_local_day_of_its_closing(closed: str, counted: bool) -> None:
    # 00:00 in Moscow is 21:00 of the day before in UTC.
    change = deal("1", "23 23:59", status="lost", amount=5, closed_at=clock(closed))
    assert (lost(change, days=TODAY) == {None: (1, 5)}) is counted


def test_a_closing_day_after_the_day_of_the_change_that_made_the_deal_lost_is_not_believed() -> None:
    planned = deal("1", "02 12:00", status="open", amount=5, closed_at=clock("30 12:00"))
    made_lost = deal("1", "20 12:00", status="lost")
    edited = deal("1", "22 12:00", status="lost", closed_at=clock("30 12:00"))
    for changes in permutations((planned, made_lost, edited)):
        assert lost(*changes, days=Selection(day(20), day(20))) == {None: (1, 5)}
    same_day = deal("1", "20 12:00", status="lost", amount=5, closed_at=clock("20 23:00"))
    assert lost(same_day, days=Selection(day(20), day(20))) == {None: (1, 5)}


def test_an_amount_that_was_never_sent_or_has_no_currency_is_unknown() -> None:
    reading = read(
        deal("1"),
        deal("2", amount=None, status="lost"),
        deal("3", amount=5, currency="XXX"),
        deal("4", amount=0),
        deal("5", status="won"),
    )
    assert total(reading, "amount_unknown") == (3,)
    assert reading.unconverted == {}


def test_a_task_that_is_on_nothing_is_not_on_the_board() -> None:
    reading = read(task("t1", due="22 15:00", manager_id="3"))
    assert (reading.clients, reading.managers) == ({}, ())


def test_a_range_holds_its_first_and_last_day() -> None:
    days = [deal(str(n), f"{n:02} 12:00", status="lost", amount=1) for n in (9, 10, 11, 12, 13)]
    assert lost(*days, days=Selection(day(10), day(12))) == {None: (3, 3)}


def test_without_closed_at_the_day_is_that_of_the_change_that_made_the_deal_lost() -> None:
    changes = deal("1", "10 12:00"), deal("1", "11 12:00", status="lost"), deal("1", "12 12:00", amount=5)
    assert lost(*changes, days=Selection(day(11), day(11))) == {None: (1, 5)}


def test_an_edit_of_a_lost_deal_that_repeats_its_status_does_not_move_its_day() -> None:
    changes = deal("1", "11 12:00", status="lost"), deal("1", "15 12:00", status="lost", amount=5)
    assert lost(*changes, days=Selection(day(11), day(11))) == {None: (1, 5)}


def test_a_deal_lost_again_is_dated_by_the_second_time() -> None:
    changes = [deal("1", f"{n} 12:00", status=s) for n, s in (("11", "lost"), ("13", "open"), ("15", "lost"))]
    assert lost(*changes, days=Selection(day(15), day(15))) == {None: (1, 0)}


def test_the_making_of_a_loss_is_ordered_by_version_and_not_by_arrival() -> None:
    lost_on_15, lost_on_11 = deal("1", "15 12:00", status="lost"), deal("1", "11 12:00", status="lost")
    open_on_13 = deal("1", "13 12:00", status="open")
    assert lost(lost_on_15, lost_on_11, days=Selection(day(11), day(11))) == {None: (1, 0)}
    assert lost(lost_on_15, lost_on_11, open_on_13, days=Selection(day(15), day(15))) == {None: (1, 0)}


def test_a_closed_at_of_null_is_none_given() -> None:
    changes = (
        deal("1", "11 12:00", status="lost", closed_at=clock("05 12:00")),
        deal("1", "12 12:00", closed_at=None),
    )
    assert lost(*changes, days=Selection(day(11), day(11))) == {None: (1, 0)}


def test_reopening_deleting_repricing_and_another_reason_move_the_money() -> None:
    first = deal("1", "10 12:00", status="lost", reason_id="a", amount=5)
    assert lost(first) == {"a": (1, 5)}
    assert lost(first, deal("1", "11 12:00", status="open")) == {}
    assert lost(first, deleted("deal", "1", "11 12:00")) == {}
    assert lost(first, deal("1", "11 12:00", amount=8)) == {"a": (1, 8)}
    assert lost(first, deal("1", "11 12:00", reason_id="b")) == {"b": (1, 5)}


def test_a_deal_that_was_only_linked_to_is_no_loss() -> None:
    assert lost(link("1", "7"), Change("deal", "1", clock("10 12:00"), {"status": "lost"})) == {}


# --- Section 3: at risk ---


def test_the_worked_example_of_one_client_with_three_overdue_tasks_on_one_deal() -> None:
    reading = read(
        name("client", "7", "Иван Петров"),
        name("manager", "3", "Анна"),
        deal("42", name="Абонемент", amount=518_400, client_id="7", url="https://crm.example/deals/42"),
        task("t1", due="22 15:00", deal_id="42", manager_id="3", text="позвонить"),
        task("t2", due="21 15:00", deal_id="42", manager_id="3"),
        task("t3", due="23 09:00", deal_id="42", manager_id="3"),
    )
    assert total(reading, "at_risk") == (1, 518_400, 3)
    row = reading.clients["7"]
    assert (row.client, row.amount) == ("Иван Петров", 518_400)
    assert [shown.task_id for shown in row.tasks] == ["t2", "t1", "t3"]
    due, url = clock("22 15:00"), "https://crm.example/deals/42"
    assert row.tasks[1] == TaskRow("t1", "позвонить", "42", "Абонемент", "3", due, 518_400, url)
    assert (manager(reading, "3").tasks, manager(reading, "3").amount) == (3, 518_400)
    assert reading.manager_names == {"3": "Анна"}


@pytest.mark.parametrize(("now", "overdue"), [(-1, 0), (0, 1), (1, 1)])
def test_a_task_is_overdue_from_the_very_microsecond_of_its_due_time(now: int, overdue: int) -> None:
    changes = deal("1"), task("t1", due="23 12:00", deal_id="1")
    assert total(read(*changes, now=later(clock("23 12:00"), now)), "at_risk")[2] == overdue


def test_a_completed_a_dateless_and_a_deleted_task_put_nobody_at_risk() -> None:
    assert clients(deal("1"), task("t1", due="22 12:00", deal_id="1", completed=True)) == {}
    assert clients(deal("1"), task("t1", deal_id="1")) == {}
    late = task("t1", due="22 12:00", deal_id="1")
    assert clients(deal("1"), late, task("t1", "03 12:00", due_at=None)) == {}
    assert clients(deal("1"), late, deleted("task", "t1", "03 12:00")) == {}


@pytest.mark.parametrize("status", ["won", "lost"])
def test_a_task_on_a_closed_deal_puts_nobody_at_risk(status: str) -> None:
    assert clients(deal("1", status=status, client_id="7"), task("t1", due="22 12:00", deal_id="1")) == {}


def test_a_task_on_a_deleted_deal_puts_nobody_at_risk() -> None:
    changes = (
        deal("1", client_id="7"),
        deleted("deal", "1", "03 12:00"),
        task("t1", due="22 12:00", deal_id="1"),
    )
    assert clients(*changes) == {}
    assert clients(*changes[1:]) == {}


def test_a_task_on_a_deal_that_is_not_known_yet_puts_the_deal_itself_at_risk() -> None:
    late = task("t1", due="22 12:00", deal_id="42", client_id="7", url="https://crm.example/tasks/1")
    row = TaskRow("t1", None, "42", None, None, clock("22 12:00"), 0, "https://crm.example/tasks/1")
    assert read(late).clients == {"deal:42": ClientRow("deal:42", None, 0, (row,))}


def test_a_link_does_not_make_a_deal_known() -> None:
    assert clients(link("42", "7"), task("t1", due="22 12:00", deal_id="42")) == {"deal:42": 0}


def test_a_link_gives_its_client_once_the_deal_is_known() -> None:
    changes = link("42", "7"), task("t1", due="22 12:00", deal_id="42"), deal("42", "01 09:00", amount=5)
    assert clients(*changes) == {"7": 5}


def test_a_deal_that_becomes_known_as_lost_puts_nobody_at_risk_any_more() -> None:
    assert clients(task("t1", due="22 12:00", deal_id="42"), deal("42", status="lost")) == {}


def test_a_deal_with_no_client_is_its_own_client_by_its_name() -> None:
    reading = read(deal("42", name="Абонемент", amount=5), task("t1", due="22 12:00", deal_id="42"))
    row = reading.clients["deal:42"]
    assert (row.client, row.amount, row.tasks[0].deal) == ("Абонемент", 5, "Абонемент")


def test_the_stake_is_the_open_deals_that_have_an_overdue_task_each_once() -> None:
    changes = (
        deal("1", client_id="7", amount=100),
        deal("2", client_id="7", amount=20),
        deal("3", client_id="7", amount=3),
        task("t1", due="22 12:00", deal_id="1"),
        task("t2", due="22 13:00", deal_id="1"),
        task("t3", due="22 14:00", deal_id="2"),
        task("t4", due="24 12:00", deal_id="3"),
    )
    assert clients(*changes) == {"7": 120}
    assert total(read(*changes), "at_risk")[:2] == (1, 120)


def test_a_task_on_the_client_itself_puts_all_open_deals_of_the_client_at_stake_each_once() -> None:
    changes = (
        deal("1", client_id="7", amount=100),
        deal("2", client_id="7", amount=20),
        deal("3", client_id="7", amount=3, status="won"),
        deal("4", client_id="8", amount=4),
        link("5", "7"),
        task("t1", due="22 12:00", client_id="7"),
        task("t2", due="22 12:00", deal_id="1"),
    )
    reading = read(*changes)
    assert {key: row.amount for key, row in reading.clients.items()} == {"7": 120}
    assert {row.task_id: (row.deal_id, row.amount) for row in reading.clients["7"].tasks} == {
        "t1": (None, 0),
        "t2": ("1", 100),
    }


def test_a_client_without_deals_can_be_at_risk_for_nothing() -> None:
    assert clients(task("t1", due="22 12:00", client_id="7")) == {"7": 0}


def test_a_task_with_a_deal_is_on_the_deal_whatever_client_it_names() -> None:
    changes = deal("1", client_id="7", amount=5), deal("2", client_id="8", amount=9)
    assert clients(*changes, task("t1", due="22 12:00", deal_id="1", client_id="8")) == {"7": 5}
    # Even when the deal puts nobody at risk.
    closed = deal("1", "03 09:00", status="lost")
    assert clients(*changes, closed, task("t1", due="22 12:00", deal_id="1", client_id="8")) == {}


def test_completing_postponing_or_closing_takes_the_row_away_and_a_moved_deal_takes_it_along() -> None:
    before = deal("1", client_id="7", amount=5), task("t1", due="22 12:00", deal_id="1")
    assert clients(*before) == {"7": 5}
    assert clients(*before, task("t1", "23 09:00", completed=True)) == {}
    assert clients(*before, task("t1", "23 09:00", due="24 12:00")) == {}
    assert clients(*before, deal("1", "23 09:00", status="won")) == {}
    assert clients(*before, deal("1", "23 09:00", client_id="8")) == {"8": 5}
    assert clients(*before, deal("1", "23 09:00", client_id=None)) == {"deal:1": 5}
    assert clients(*before, task("t1", "23 09:00", deal_id="2")) == {"deal:2": 0}


def test_reopening_a_task_puts_its_client_at_risk_again() -> None:
    changes = (
        task("t1", due="22 12:00", client_id="7", completed=True),
        task("t1", "23 09:00", completed=False),
    )
    assert clients(*changes) == {"7": 0}


# --- 3.8: by manager ---


def test_a_managers_stake_is_that_of_the_managers_own_tasks() -> None:
    reading = read(
        deal("1", client_id="7", amount=100),
        deal("2", client_id="7", amount=20),
        deal("3", client_id="8", amount=3),
        task("t1", due="22 12:00", deal_id="1", manager_id="3"),
        task("t2", due="22 12:00", deal_id="1", manager_id="4"),
        task("t3", due="22 12:00", client_id="7", manager_id="4"),
        task("t4", due="22 12:00", deal_id="3", manager_id="4"),
        task("t5", due="22 12:00", deal_id="9"),
    )
    shown = {row.manager_id: (row.tasks, row.amount) for row in reading.managers}
    assert shown == {"3": (1, 100), "4": (3, 123), None: (1, 0)}


def test_overdue_tasks_of_a_manager_on_closed_deals_are_habit_only() -> None:
    reading = read(deal("1", status="won"), task("t1", due="23 09:00", deal_id="1", manager_id="3"))
    assert manager(reading, "3") == ManagerRow("3", 0, 0, Late(1, 3600), Late(1, 3600))


def test_the_habit_is_the_mean_of_tasks_still_open_past_due_or_completed_after_due() -> None:
    reading = read(
        task("t1", due="23 09:00", client_id="7", manager_id="3"),  # an hour so far
        task(
            "t2", due="22 09:00", client_id="7", manager_id="3", completed=True, completed_at="22 12:00"
        ),  # three hours
        task(
            "t3", due="22 09:00", client_id="7", manager_id="3", completed=True, completed_at="22 09:00"
        ),  # just in time
        task("t4", due="23 10:01", client_id="7", manager_id="3"),  # not yet
        task("t5", due="22 09:00", client_id="7", manager_id="4"),
    )
    assert manager(reading, "3").late_7d == Late(2, 2 * 3600)


def test_the_mean_is_floored_to_whole_seconds_once() -> None:
    def mean(*overdue_ms: int) -> int:
        dues = [NOW - ms * SECOND // 1000 for ms in overdue_ms]
        reading = read(
            *[task(f"t{n}", client_id="7", manager_id="3", due_at=due) for n, due in enumerate(dues)]
        )
        return manager(reading, "3").late_7d.mean_s

    assert mean(1500) == 1
    assert mean(1500, 1500, 3000) == 2  # each floored by itself would be 5 s by 3
    assert mean(1999, 2000) == 1


def test_the_habit_goes_by_the_local_due_day_of_today_and_the_six_or_twenty_nine_before() -> None:
    dues = ("23 00:00", "17 00:00", "16 23:59")
    changes = [task(f"t{n}", due=due, client_id="7", manager_id="3") for n, due in enumerate(dues)]
    old = [
        task(f"u{n}", client_id="7", manager_id="3", due_at=at(f"2026-10-{n}T12:00:00+03:00"))
        for n in (24, 25)
    ]
    row = manager(read(*changes, *old), "3")
    assert (row.late_7d.tasks, row.late_30d.tasks) == (2, 4)


def test_a_manager_with_old_overdue_tasks_alone_is_shown_without_a_habit() -> None:
    reading = read(task("t1", client_id="7", manager_id="3", due_at=at("2026-10-01T12:00:00+03:00")))
    assert reading.managers == (ManagerRow("3", 1, 0, Late(), Late()),)


def test_a_manager_with_a_habit_of_the_month_alone_is_shown() -> None:
    change = task(
        "t1", due="05 09:00", client_id="7", manager_id="3", completed=True, completed_at="05 10:00"
    )
    assert read(change).managers == (ManagerRow("3", 0, 0, Late(), Late(1, 3600)),)


def test_a_manager_with_nothing_late_is_not_shown_but_named() -> None:
    reading = read(name("manager", "3", "Анна"), task("t1", due="24 12:00", client_id="7", manager_id="3"))
    assert (reading.managers, reading.manager_names) == ((), {"3": "Анна"})


def test_without_completed_at_a_task_was_completed_at_the_version_of_the_change_that_did_it() -> None:
    changes = (
        task("t1", "20 08:00", due="20 09:00", client_id="7", manager_id="3"),
        task("t1", "20 10:00", completed=True),
        task("t1", "21 10:00", completed=True, text="позвонить"),
    )
    assert manager(read(*changes), "3").late_7d == Late(1, 3600)
    again = task("t1", "20 11:00", completed=False), task("t1", "20 12:00", completed=True)
    assert manager(read(*changes, *again), "3").late_7d == Late(1, 3 * 3600)


def test_completed_at_goes_before_the_version() -> None:
    change = task(
        "t1",
        "22 10:00",
        due="20 09:00",
        client_id="7",
        manager_id="3",
        completed=True,
        completed_at="20 11:00",
    )
    assert manager(read(change), "3").late_7d == Late(1, 2 * 3600)


def test_a_deleted_task_is_no_habit() -> None:
    assert (
        read(
            task("t1", due="22 09:00", client_id="7", manager_id="3"), deleted("task", "t1", "22 10:00")
        ).managers
        == ()
    )


# --- 3.9: no next step ---


def test_an_open_deal_without_an_open_task_has_no_next_step() -> None:
    reading = read(
        deal("1", amount=1),
        deal("2", amount=20),
        task("t2", deal_id="2", due="22 12:00", completed=True),
        deal("3", amount=300, client_id="7"),
        task("t3", client_id="7", due="25 12:00"),  # on the client, not linked to the deal
        deal("4", amount=4000),
        task("t4", deal_id="4"),  # open, if without a date
        deal("5", amount=50_000),
        task("t5", deal_id="5", due="25 12:00"),
        deal("6", amount=600_000, status="won"),
        link("7", "7"),
    )
    assert total(reading, "no_next_step") == (3, 321)


def test_a_deleted_task_is_no_next_step_and_a_deleted_deal_needs_none() -> None:
    changes = deal("1", amount=5), task("t1", deal_id="1"), deleted("task", "t1", "03 12:00")
    assert total(read(*changes), "no_next_step") == (1, 5)
    assert total(read(*changes, deleted("deal", "1", "03 12:00")), "no_next_step") == (0, 0)


# --- 3.10: saved today ---


def done(task_id: str, due: str = "22 12:00", completed_at: str = "23 09:00", **fields: Value) -> Change:
    return task(task_id, "23 09:00", due=due, completed=True, completed_at=completed_at, **fields)


def test_a_client_is_saved_by_a_task_completed_today_after_its_due_time() -> None:
    known = deal("1", client_id="7", amount=5)
    assert total(read(known, done("t1", deal_id="1")), "saved_today") == (1, 5)
    assert total(read(known, done("t1", deal_id="1", completed_at="23 00:00")), "saved_today") == (1, 5)
    assert total(read(known, done("t1", deal_id="1", completed_at="22 23:59")), "saved_today") == (0, 0)
    assert total(read(known, done("t1", deal_id="1", due="23 09:00")), "saved_today") == (0, 0)
    assert total(
        read(known, task("t1", deal_id="1", completed=True, completed_at="23 09:00")), "saved_today"
    ) == (0, 0)


def test_a_client_is_not_saved_while_an_overdue_task_is_left() -> None:
    changes = deal("1", client_id="7", amount=5), deal("2", client_id="7"), done("t1", deal_id="1")
    left = task("t2", due="23 10:00", deal_id="2")
    assert total(read(*changes, left, now=earlier(NOW, 1)), "saved_today") == (1, 5)
    assert total(read(*changes, left), "saved_today") == (0, 0)
    assert total(read(*changes, task("t3", due="22 12:00", client_id="7")), "saved_today") == (0, 0)
    # A task that puts nobody at risk does not stand in the way.
    assert total(read(*changes, left, deal("2", "03 09:00", status="won")), "saved_today") == (1, 5)


def test_moving_a_due_time_saves_nobody() -> None:
    changes = (
        deal("1", amount=5),
        task("t1", due="22 12:00", deal_id="1"),
        task("t1", "23 09:00", due="24 12:00"),
    )
    assert total(read(*changes), "saved_today") == (0, 0)


def test_what_was_saved_is_the_open_or_won_deals_with_such_a_task_each_once() -> None:
    reading = read(
        deal("1", client_id="7", amount=1),
        done("t1", deal_id="1"),
        done("t2", deal_id="1"),
        deal("2", client_id="7", amount=20, status="won"),
        done("t3", deal_id="2"),
        deal("3", client_id="7", amount=300),
        deal("4", client_id="8", amount=4000),
        done("t4", deal_id="4"),
    )
    assert total(reading, "saved_today") == (2, 4021)


def test_a_task_on_the_client_itself_saves_all_the_clients_open_deals() -> None:
    reading = read(
        deal("1", client_id="7", amount=1),
        deal("2", client_id="7", amount=20),
        deal("3", client_id="7", amount=300, status="won"),
        done("t1", client_id="7"),
        done("t2", deal_id="1"),
    )
    assert total(reading, "saved_today") == (1, 21)


def test_a_task_on_a_lost_or_deleted_deal_saves_nobody_and_one_on_an_unknown_deal_does() -> None:
    late = done("t1", deal_id="1")
    assert total(read(deal("1", status="lost", amount=5), late), "saved_today") == (0, 0)
    assert total(read(deal("1", amount=5), deleted("deal", "1", "03 12:00"), late), "saved_today") == (0, 0)
    assert total(read(late), "saved_today") == (1, 0)


def test_a_task_on_nothing_saves_nobody() -> None:
    assert total(read(done("t1")), "saved_today") == (0, 0)


# --- Section 4: order, deletes, money ---


def test_each_field_has_the_value_of_its_highest_version_whatever_the_order() -> None:
    newer, older = deal("1", "12 12:00", amount=8), deal("1", "11 12:00", amount=5, status="lost")
    assert lost(newer, older) == lost(older, newer) == {None: (1, 8)}


def test_of_equal_versions_the_later_delivery_wins() -> None:
    five, eight = deal("1", status="lost", amount=5), deal("1", status="lost", amount=8)
    assert lost(five, eight) == {None: (1, 8)}
    assert lost(eight, five) == {None: (1, 5)}
    (row,) = board([(2, eight), (1, five)], NOW, OFFICE, (NOVEMBER,)).losses[NOVEMBER]
    assert row.amount == 8


def test_of_equal_versions_in_one_delivery_the_later_in_the_body_wins() -> None:
    five, eight = deal("1", status="lost", amount=5), deal("1", status="lost", amount=8)
    rows = board([(1, five), (1, eight)], NOW, OFFICE, (NOVEMBER,)).losses[NOVEMBER]
    assert [row.amount for row in rows] == [8]


def test_a_delete_wins_over_changes_of_an_earlier_or_equal_version() -> None:
    delete = deleted("deal", "1", "11 12:00")
    for version in ("10 12:00", "11 12:00"):
        change = deal("1", version, status="lost")
        assert lost(change, delete) == lost(delete, change) == {}


def test_a_change_newer_than_the_delete_revives_with_what_is_newer_alone() -> None:
    before = deal("1", "10 12:00", status="lost", reason_id="a", amount=5)
    changes = before, deleted("deal", "1", "11 12:00"), deal("1", "12 12:00", status="lost", amount=8)
    assert lost(*changes) == lost(*reversed(changes)) == {None: (1, 8)}


def test_a_mere_link_does_not_bring_a_deleted_deal_back() -> None:
    changes = deal("1", amount=5), deleted("deal", "1", "11 12:00"), link("1", "7", "12 12:00")
    assert clients(*changes, task("t1", due="22 12:00", deal_id="1")) == {}


def test_a_name_that_was_deleted_is_not_shown() -> None:
    late = deal("1", client_id="7"), task("t1", due="22 12:00", deal_id="1")
    changes = name("client", "7", "Иван"), *late
    assert read(*changes).clients["7"].client == "Иван"
    assert read(*changes, deleted("client", "7", "03 12:00")).clients["7"].client is None


def test_a_client_that_was_deleted_is_nobody_to_call() -> None:
    changes = name("client", "7", "Иван"), task("t1", due="22 12:00", client_id="7")
    assert clients(*changes) == {"7": 0}
    assert clients(*changes, deleted("client", "7", "03 12:00")) == {}
    assert clients(*changes, deleted("client", "7", "03 12:00"), name("client", "7", "Иван", "04 12:00")) == {
        "7": 0
    }


@pytest.mark.parametrize(
    ("amount", "currency", "roubles"),
    [
        (100, None, 100),
        (100, "RUB", 100),
        (100, "USD", 9250),
        (1, "USD", 92),  # 92.5 kopecks
        (3, "USD", 278),  # 277.5
        (-1, "USD", -92),
        (1001, "JPY", 61_562),  # 1001 yen are 615.615 roubles
        (1000, "KWD", 30_125),  # one dinar
        (100, "EUR", 0),
    ],
)
def test_an_amount_in_another_currency_is_converted_and_rounded_half_to_even(
    amount: int, currency: str | None, roubles: int
) -> None:
    assert lost(deal("1", status="lost", amount=amount, currency=currency)) == {None: (1, roubles)}


def test_each_deal_is_converted_by_itself() -> None:
    cents = [deal(str(n), status="lost", amount=1, currency="USD") for n in range(2)]
    assert lost(*cents) == {None: (2, 184)}


def test_open_and_lost_deals_that_cannot_be_converted_are_counted_by_currency() -> None:
    reading = read(
        deal("1", amount=5, currency="EUR"),
        deal("2", amount=5, currency="EUR", status="lost"),
        deal("3", amount=5, currency="CHF"),
        deal("4", amount=5, currency="EUR", status="won"),
        deal("5", amount=0, currency="EUR"),
        deal("6", amount=5, currency="USD"),
        deal("7", amount=5, currency="EUR"),
        deleted("deal", "7", "03 12:00"),
    )
    assert reading.unconverted == {"EUR": 2, "CHF": 1}


def test_null_status_is_open_and_null_amount_is_nothing() -> None:
    changes = deal("1", status="lost", amount=5), deal("1", "03 09:00", status=None, amount=None)
    assert total(read(*changes), "no_next_step") == (1, 0)


@pytest.mark.parametrize(
    ("moment", "ordinal"),
    [
        ("2026-10-24T21:59:59.999999Z", date(2026, 10, 24).toordinal()),
        ("2026-10-24T22:00:00Z", date(2026, 10, 25).toordinal()),  # 00:00 at +02:00
        ("2026-10-25T22:59:59.999999Z", date(2026, 10, 25).toordinal()),  # a day of 25 hours
        ("2026-10-25T23:00:00Z", date(2026, 10, 26).toordinal()),  # 00:00 at +01:00
    ],
)
def test_a_local_day_has_as_many_hours_as_its_zone_gives_it(moment: str, ordinal: int) -> None:
    assert local_day(at(moment), ZoneInfo("Europe/Berlin")) == ordinal


# --- The oracle and the histories themselves ---


@pytest.mark.parametrize("scene", SCENES, ids=["spring", "autumn"])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_order_repetition_and_cut_of_a_history_without_ties_gives_the_same_board(
    scene: Scene, data: st.DataObject
) -> None:
    history = data.draw(histories(scene))
    parts = data.draw(batches(history))
    arrived = [delivery for part in parts for delivery in part]
    expected = board(numbered(history), scene.now, scene.office, scene.selections)
    assert comparable(board(numbered(arrived), scene.now, scene.office, scene.selections)) == comparable(
        expected
    )


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_history_with_ties_keeps_its_numbers_through_its_batches(data: st.DataObject) -> None:
    history = data.draw(tied_histories(AUTUMN))
    parts = data.draw(batches(history, keep_order=True))
    assert numbered(delivery for part in parts for delivery in part) == numbered(history)


@settings(deadline=None, max_examples=60)
@given(walk=steps(SPRING))
def test_a_walk_starts_with_the_clock_never_turns_it_back_and_delivers_something(
    walk: list[Deliver | Tick],
) -> None:
    readings = [step.now for step in walk if isinstance(step, Tick)]
    assert isinstance(walk[0], Tick)
    assert readings == sorted(readings)
    assert any(isinstance(step, Deliver) and step.deliveries for step in walk)


def test_comparable_readings_ignore_the_order_of_rows_and_rows_that_say_nothing() -> None:
    reading = read(
        deal("1", amount=5),
        deal("2", status="lost", reason_id="a", amount=5),
        deal("3", status="lost", amount=5),
        task("t1", due="22 12:00", deal_id="1", manager_id="3"),
        task("t2", due="22 12:00", deal_id="1"),
    )
    row = reading.clients["deal:1"]
    other = replace(
        reading,
        seq=9,
        as_of=later(NOW, 1),
        last_delivery_at=NOW,
        unconverted={"EUR": 0},
        clients={"deal:1": replace(row, tasks=row.tasks[::-1]), "8": ClientRow("8", None, 0, ())},
        managers=(*reading.managers[::-1], ManagerRow("4", 0, 0, Late(), Late())),
        losses={NOVEMBER: (*reading.losses[NOVEMBER][::-1], LossRow("b", None, 0, 0)), TODAY: ()},
    )
    assert comparable(other) == comparable(reading)


def test_comparable_readings_differ_in_figures_and_in_the_order_of_a_clients_tasks() -> None:
    late = task("t1", due="22 12:00", client_id="7"), task("t2", due="22 13:00", client_id="7")
    reading = read(*late)
    row = reading.clients["7"]
    turned = replace(reading, clients={"7": replace(row, tasks=row.tasks[::-1])})
    assert comparable(turned) != comparable(reading)
    assert comparable(replace(reading, totals={})) != comparable(reading)
