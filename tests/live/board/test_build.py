"""The JSON of SPEC section 5, the order of its lists, and that patches lead from one snapshot to another."""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.config import Language
from service.ledger.read.board import BoardRows, Late, LossRow, ManagerRow
from service.live.board.build import build_snapshot
from service.live.board.patch import Json, json_patch, snapshot_parts
from service.live.board.ranges import ranges
from service.live.board.snapshot import FIGURES, Sort
from service.live.page import render
from service.live.page.environment import template
from service.model import SECOND, Day, Trouble, later
from service.projections import FLOW
from service.projections.facts import PENDING
from service.reasons import ReasonTable
from tests.live.boards import (
    BOARD_ROWS,
    MONTH,
    NOW,
    OFFICE,
    QUERY,
    account,
    board,
    board_rows,
    client,
    losses,
    task,
    worked_example,
)
from tests.live.patches import apply_patch


def json_of(read: BoardRows, sort: Sort = "amount") -> dict[str, Json]:
    decoded: dict[str, Json] = msgspec.json.decode(msgspec.json.encode(board(read, sort=sort)))
    return decoded


def test_the_worked_example_is_encoded_as_the_specification_says() -> None:
    encoded = msgspec.json.decode(msgspec.json.encode(board(worked_example())))
    assert encoded["period"] == {"key": "month", "from": "2026-11-01", "to": "2026-11-30"}
    assert encoded["as_of"] == "2026-11-23T10:00:00.123+03:00"
    assert encoded["last_delivery_at"] == "2026-11-23T09:59:20.123+03:00"
    refusals = encoded["losses"]
    assert refusals["controllable"] == {"count": 61, "amount": "127613.00"}
    assert refusals["objective"] == {"count": 109, "amount": "284947.00"}
    assert refusals["unclassified"] == {"count": 0, "amount": "0.00"}
    assert refusals["total"] == {"count": 170, "amount": "412560.00"}
    assert refusals["previous"]["total"] == {"count": 0, "amount": "0.00"}
    assert refusals["reasons"][0] == {
        "reason": "Не отвечает более 3-х раз",
        "kind": "controllable",
        "count": 60,
        "amount": "111197.00",
    }
    risk = encoded["at_risk"]
    assert (risk["clients"], risk["amount"], risk["tasks"]) == (1, "5184.00", 3)
    assert risk["list"][0]["tasks"][0] == {
        "task_id": "t1",
        "text": "позвонить",
        "deal_id": "42",
        "deal": "Абонемент",
        "manager_id": "3",
        "manager": "Анна",
        "due_at": "2026-11-22T06:00:00.123+03:00",
        "amount": "5184.00",
        "url": None,
    }
    assert risk["managers"] == [
        {
            "manager_id": "3",
            "manager": "Анна",
            "tasks": 3,
            "amount": "5184.00",
            "late_7d": {"tasks": 5, "mean_s": 7200},
            "late_30d": {"tasks": 9, "mean_s": 5400},
        }
    ]
    assert risk["no_next_step"] == {"deals": 14, "amount": "386500.00"}
    assert risk["saved_today"] == {
        "clients": 2,
        "amount": "31400.00",
        "list": [{"client_id": "7", "amount": "20000.00"}, {"client_id": "8", "amount": "11400.00"}],
    }
    assert encoded["warnings"] == []


def test_before_the_first_delivery_there_is_no_last_one() -> None:
    assert board(replace(board_rows(), last_delivery_at=None)).last_delivery_at is None


def test_reasons_are_ordered_by_kind_then_amount_then_count_then_name() -> None:
    refusals = losses(
        ("Дорого", 1, 900), ("Больше не звонить", 1, 100), ("Выбрал других", 1, 5), (None, 1, 901),
        ("Нет у нас услуги", 2, 100), ("Не подходит график", 1, 100),
    )  # fmt: skip
    reasons = board(board_rows(refusals=refusals)).losses.reasons
    assert [row.reason for row in reasons] == [
        "Выбрал других", "Нет у нас услуги", "Больше не звонить", "Не подходит график",
        "Причина не указана", "Дорого",
    ]  # fmt: skip


def test_reasons_written_alike_are_one_and_excluded_ones_are_left_out() -> None:
    refusals = losses(("Дорого", 1, 100), ("дорого ", 2, 50), ("СПАМ", 9, 900))
    shown = board(board_rows(refusals=refusals)).losses
    assert [(row.reason, row.count, row.amount) for row in shown.reasons] == [("Дорого", 3, "1.50")]
    assert shown.total.count == 3


def test_a_reason_without_a_name_is_shown_as_its_id_and_classified_by_it() -> None:
    [row] = losses(("x", 1, 100))
    refusals = (replace(row, reason_id="391", reason=None), replace(row, reason_id="392", reason=None))
    office = replace(OFFICE, reasons=ReasonTable({"391": "controllable"}))
    reasons = board(board_rows(refusals=refusals), office).losses.reasons
    assert [(row.reason, row.kind) for row in reasons] == [("391", "controllable"), ("392", "unclassified")]


@pytest.mark.parametrize(("language", "name"), [("ru", "Причина не указана"), ("en", "No reason given")])
def test_no_reason_is_named_in_the_accounts_language(language: Language, name: str) -> None:
    shown = board(board_rows(refusals=losses((None, 1, 100))), account(language))
    assert [(row.reason, row.kind) for row in shown.losses.reasons] == [(name, "unclassified")]


FIRST = MONTH.previous.first


@pytest.mark.parametrize(
    ("period", "known_from", "complete"),
    [
        ("month", None, False),
        ("month", FIRST, True),
        ("month", Day(FIRST + 1), False),
        ("today", FIRST, False),  # a day so far is not a whole day
        ("2026-11-23..2026-11-23", FIRST, False),
        ("2026-11-22..2026-11-22", FIRST, True),
        ("year", FIRST, False),
        ("yesterday", FIRST, True),
        ("last_week", FIRST, True),
        ("last_month", FIRST, False),
    ],
)
def test_a_comparison_is_made_only_with_days_whose_losses_are_known(
    period: str, known_from: Day | None, complete: bool
) -> None:
    days = ranges(QUERY._replace(period=period), Day(date(2026, 11, 23).toordinal()))
    read = replace(board_rows(), known_from=known_from, losses=dict.fromkeys(days.selections, ()))
    shown = build_snapshot(read, OFFICE, QUERY._replace(period=period), days)
    assert shown.losses.previous.complete is complete
    assert shown.known_from == (known_from and date.fromordinal(known_from).isoformat())
    assert complete or all(point.previous is None for point in shown.losses.series)


def test_the_previous_period_is_classified_too_and_has_its_days() -> None:
    before = losses(("Выбрал других", 2, 200), ("Дорого", 1, 100), ("Спам", 1, 100))
    previous = board(board_rows(before=before)).losses.previous
    assert (previous.total.count, previous.controllable.amount, previous.unclassified.count) == (3, "2.00", 1)
    assert (previous.from_, previous.to) == ("2026-10-01", "2026-10-23")


def test_a_range_without_rows_is_an_error() -> None:
    with pytest.raises(KeyError):
        build_snapshot(board_rows(), OFFICE, QUERY, ranges(QUERY, Day(700_000)))


CLIENTS = (
    client("a", "A", 100, task("1", 1), task("2", 2)),
    client("b", "B", 300, task("3", 1)),
    client("c", "C", 100, task("4", 5)),
    client("d", "D", 100, task("5", 5)),
)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("amount", ["b", "c", "d", "a"]),
        ("count", ["a", "c", "d", "b"]),
        ("delay", ["c", "d", "a", "b"]),
    ],
)
def test_ties_are_broken_by_the_longest_overdue_and_then_by_id(sort: Sort, expected: list[str]) -> None:
    assert [row.client_id for row in board(board_rows(CLIENTS), sort=sort).at_risk.list] == expected


def test_of_two_that_wait_as_long_the_one_with_more_at_stake_comes_first() -> None:
    read = board_rows([client("a", "A", 100, task("1", 5)), client("b", "B", 300, task("2", 5))])
    assert [row.client_id for row in board(read, sort="delay").at_risk.list] == ["b", "a"]


def test_the_tasks_of_a_client_are_longest_overdue_first() -> None:
    row = client("a", "A", 1, task("z", 1), task("b", 2), task("a", 2))
    [shown] = board(board_rows([row])).at_risk.list
    assert [row.task_id for row in shown.tasks] == ["a", "b", "z"]


@pytest.mark.parametrize(
    ("client_id", "name", "deal", "called"),
    [
        ("7", "Иван", "Абонемент", "Иван"),
        ("7", None, "Абонемент", "7"),
        ("deal:42", None, "Абонемент", "Абонемент"),
        ("deal:42", None, None, "42"),
    ],
)
def test_a_client_is_called_by_its_name_or_its_deal_or_its_id(
    client_id: str, name: str | None, deal: str | None, called: str
) -> None:
    [shown] = board(board_rows([client(client_id, name, 1, task("t", deal=deal))])).at_risk.list
    assert shown.client == called
    assert shown.tasks[0].deal == (deal or "42")


def test_an_unknown_manager_is_shown_by_id_and_none_at_all_is_null() -> None:
    habit = Late(1, 60)
    managers = (
        ManagerRow("9", 1, 100, habit, habit),
        ManagerRow(None, 1, 100, Late(2, 60), habit),
        ManagerRow("3", 2, 50, habit, habit),
        ManagerRow("8", 1, 200, habit, habit),
    )
    shown = board(board_rows(managers=managers)).at_risk.managers
    assert [(row.manager_id, row.manager) for row in shown] == [
        ("3", "Анна"), ("8", "8"), (None, None), ("9", "9"),
    ]  # fmt: skip


def test_a_warning_says_what_the_figures_leave_out() -> None:
    read = board_rows(refusals=losses(("Дорого", 3, 100)), unconverted={"USD": 2, "EUR": 0})
    warnings = board(read, account("en")).warnings
    assert [(warning.code, warning.count, warning.currency) for warning in warnings] == [
        ("unconverted", 2, "USD"), ("unclassified", 3, None),
    ]  # fmt: skip
    assert warnings[0].text.startswith("2 deals in USD count as 0")


@pytest.mark.parametrize(
    ("changed", "code", "count", "ru", "en"),
    [
        (
            {"troubles": (Trouble("webhook_off", "", 1, NOW, NOW),)},
            "webhook_off",
            1,
            "CRM отключила вебхук",
            "The CRM has switched off its webhook",
        ),
        (
            {"troubles": (Trouble("api_token", "leads", 1, NOW, NOW),)},
            "api_token",
            1,
            "CRM не принимает токен",
            "The CRM rejects the token",
        ),
        (
            {"repaired": 3},
            "missed",
            3,
            "Найдено и исправлено 3 изменения",
            "3 changes that no webhook reported",
        ),
    ],
)
def test_problems_with_the_crm_are_warned_of_in_both_languages(
    changed: dict[str, Any], code: str, count: int, ru: str, en: str
) -> None:
    read = replace(board_rows(), **changed)
    texts: dict[Language, str] = {"ru": ru, "en": en}
    for language, text in texts.items():
        (warning,) = board(read, account(language)).warnings
        assert (warning.code, warning.count) == (code, count)
        assert warning.text.startswith(text)
        # The page is in the reader's language, whatever the account's.
        page = render.page(board(read), account(), QUERY._replace(form="html", language=language))
        assert text in html.unescape(page)
    assert board(board_rows()).warnings == ()


def test_a_pending_reason_is_named_in_both_languages_and_unclassified() -> None:
    read = board_rows(refusals=(LossRow(PENDING, None, 2, 300), LossRow(None, None, 1, 100)))
    called: dict[Language, tuple[str, str]] = {
        "ru": ("Причина уточняется", "Причина не указана"),
        "en": ("Reason pending", "No reason given"),
    }
    for language, (pending, none) in called.items():
        shown = board(read, account(language)).losses
        assert [(row.reason, row.kind, row.count) for row in shown.reasons] == [
            (pending, "unclassified", 2),
            (none, "unclassified", 1),
        ]
        assert shown.total.count == 3


@given(BOARD_ROWS, BOARD_ROWS, st.sampled_from(["amount", "count"]), st.sampled_from(["amount", "count"]))
def test_a_patch_leads_from_any_snapshot_to_any_other(
    old: BoardRows, new: BoardRows, sort: Sort, then: Sort
) -> None:
    new = replace(new, as_of=later(NOW, SECOND))
    change = msgspec.json.decode(
        msgspec.json.encode(json_patch(board(old, sort=sort), board(new, sort=then)))
    )
    assert apply_patch(json_of(old, sort), change) == json_of(new, then)


@given(BOARD_ROWS)
def test_a_patch_between_equal_boards_changes_nothing(read: BoardRows) -> None:
    change = json_patch(board(read), board(replace(read, seq=read.seq + 1)))
    assert (change["set"], change["remove"], "order" in change) == ({}, [], False)


@given(BOARD_ROWS, BOARD_ROWS)
def test_a_patch_sets_only_what_differs(old: BoardRows, new: BoardRows) -> None:
    before, after = (msgspec.to_builtins(snapshot_parts(board(read))) for read in (old, new))
    change = json_patch(board(old), board(new))
    differing = {name: value for name, value in after.items() if before.get(name, ...) != value}
    differing.pop("order", None)
    assert change["set"] == differing
    assert change["remove"] == [name for name in before if name not in after]


@given(BOARD_ROWS, st.sampled_from(["amount", "count"]))
def test_the_order_is_descending_whatever_the_order_of_the_rows(read: BoardRows, sort: Sort) -> None:
    rows = board(read, sort=sort).at_risk.list
    weights = [float(row.amount) if sort == "amount" else len(row.tasks) for row in rows]
    assert all(first >= second for first, second in pairwise(weights))
    turned = replace(read, clients=dict(reversed(list(read.clients.items()))))
    assert board(turned, sort=sort).at_risk.list == rows


def test_the_spelling_of_a_reason_does_not_depend_on_the_order_of_the_rows() -> None:
    refusals = losses(("Дорого", 1, 100), ("дорого ", 2, 50))
    assert board(board_rows(refusals=refusals)) == board(board_rows(refusals=refusals[::-1]))


def test_a_figure_has_the_name_and_the_measures_of_its_relation_and_a_macro_in_every_language() -> None:
    totals = {relation.name: set(relation.measures) for relation in FLOW.totals}
    for name, figure in FIGURES.items():
        assert {field.name for field in msgspec.structs.fields(figure) if field.required} == totals[name]
        for language in get_args(Language):
            assert hasattr(template(language, "figures.html").module, name)


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://crm.example/1", "https://crm.example/1"),
        ("HTTP://crm.example/1", "HTTP://crm.example/1"),
        ("javascript:alert(1)", None),
        ("//crm.example/1", None),
        (" https://crm.example/1", None),
        (None, None),
    ],
)
def test_only_an_address_of_the_web_is_a_link(url: str | None, link: str | None) -> None:
    [row] = board(board_rows([client("7", "Иван", 1, task("t", url=url))])).at_risk.list
    assert row.tasks[0].url == link


def test_reasons_classified_by_hand_move_their_money_and_excluded_ones_leave_every_sum() -> None:
    read = board_rows(refusals=losses(("Дорого", 2, 300), ("Далеко", 1, 50), ("Бот", 4, 900), ("Спам", 1, 7)))
    by_hand = {"дорого": "controllable", "бот": "excluded", "спам": "objective"}
    sums = board(replace(read, by_hand=by_hand)).losses  # type: ignore[arg-type]  # kinds
    assert [(reason.reason, reason.kind, reason.by_hand) for reason in sums.reasons] == [
        ("Дорого", "controllable", True),
        ("Далеко", "unclassified", False),
    ]
    assert (sums.total.count, sums.total.amount, sums.controllable.amount) == (3, "3.50", "3.00")
    assert (sums.series[-8].amount, sums.series[-8].unclassified) == ("3.50", "0.50")
    assert sums.by_hand == 2
