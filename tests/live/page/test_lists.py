"""The lists behind the figures: they add up to the board, and a CRM's texts do no harm in their pages."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.config import Language
from service.ledger.read.board import BoardRows, LossRow
from service.ledger.read.deal_rows import LostDeal
from service.live.board.at_risk import at_risk
from service.live.board.build import build_snapshot
from service.live.board.query import QueryError
from service.live.board.snapshot import Total
from service.live.page.lists import list_page, tasks
from service.live.page.lists.refusals import ListFilter, parse_filter
from service.projections.facts import PENDING
from service.reasons import reason_key
from tests.live.boards import BOARD_ROWS, MONTH, OFFICE, QUERY, board_rows, client, task, worked_example
from tests.live.page.html import HOSTILE, Elements, assert_harmless, links, text
from tests.live.page.listings import (
    NAMES,
    cells,
    deal,
    refusal_list,
    refusal_page,
    refusal_sheet,
    refusals,
    rows_of,
    task_page,
)

DEALS = st.lists(st.tuples(st.integers(0, len(NAMES) - 1), st.integers(-5, 10**9)), max_size=12).map(
    lambda drawn: [
        deal(number, None if NAMES[place] is None else str(place), amount)
        for number, (place, amount) in enumerate(drawn)
    ]
)


@given(DEALS)
def test_a_list_counts_and_sums_what_the_board_shows(deals: list[LostDeal]) -> None:
    read = refusals(*deals)
    losses = dict.fromkeys(MONTH.selections, ())
    shown = build_snapshot(
        replace(board_rows(), losses={**losses, MONTH.current: read.by_reason}), OFFICE, QUERY, MONTH
    ).losses
    whole = refusal_list(read)
    assert whole.total == shown.total
    for kind, total in (("controllable", shown.controllable), ("unclassified", shown.unclassified)):
        assert refusal_list(read, parse_filter({"kind": kind})).total == total
    for bar in shown.reasons:
        if reason_key(bar.reason) != reason_key("No reason given"):  # a name here, and none in English
            total = refusal_list(read, ListFilter(bar.reason, bar.kind)).total
            assert (total.count, total.amount) == (bar.count, bar.amount)
    rows = rows_of(whole)
    assert len(rows) == shown.total.count
    assert sum(Decimal(row.amount) for row in rows) == Decimal(shown.total.amount)


@pytest.mark.parametrize("name", ["Причина не указана", "No reason given", "  no REASON given"])
def test_deals_without_a_reason_are_listed_by_its_name_in_either_language(name: str) -> None:
    shown = refusal_list(refusals(deal(1), deal(2, "3")), ListFilter(name), QUERY._replace(language="en"))
    assert shown.reason == "No reason given"
    assert [(row.deal_id, row.reason) for row in rows_of(shown)] == [("1", "No reason given")]


@pytest.mark.parametrize("name", ["Причина уточняется", "Reason pending", " ПРИЧИНА  уточняется"])
def test_deals_with_a_pending_reason_are_apart_from_those_without_one(name: str) -> None:
    deals = {reason_id: deal(number, reason_id) for number, reason_id in enumerate([None, PENDING, "3"])}
    rows = tuple(LossRow(reason_id, NAMES[3] if reason_id == "3" else None, 1, 100) for reason_id in deals)
    read = replace(
        refusals(), by_reason=rows, deals=lambda ids: iter([deals[reason_id] for reason_id in ids])
    )
    names: dict[Language, str] = {"ru": "Причина уточняется", "en": "Reason pending"}
    for language, translated in names.items():
        shown = refusal_list(read, ListFilter(name), QUERY._replace(language=language))
        assert (shown.reason, shown.total.count) == (translated, 1)
        assert [(row.deal_id, row.reason, row.kind) for row in rows_of(shown)] == [
            ("1", translated, "unclassified")
        ]
    without = refusal_list(read, ListFilter("Причина не указана"))
    assert [row.deal_id for row in rows_of(without)] == ["0"]


def test_a_reason_in_any_spelling_is_one_and_has_its_name_on_the_board() -> None:
    shown = refusal_list(refusals(deal(1, "3"), deal(2, "4"), deal(3, "5")), ListFilter("ВЫБРАЛ  других"))
    assert shown.reason == " выбрал ДРУГИХ "
    assert [row.deal_id for row in rows_of(shown)] == ["1", "2"]


def test_excluded_reasons_never_count_even_by_name() -> None:
    read = refusals(deal(1, "6"))
    assert refusal_list(read).total.count == 0
    assert refusal_list(read, ListFilter("Спам")).total.count == 0
    assert rows_of(refusal_list(read, ListFilter("Спам"))) == []


def test_a_reason_without_a_name_goes_by_its_id() -> None:
    read = replace(
        refusals(), by_reason=(LossRow("r9", None, 1, 100),), deals=lambda _: iter([deal(1, "r9")])
    )
    assert [row.reason for row in rows_of(refusal_list(read, ListFilter("R9")))] == ["r9"]


def test_an_empty_parameter_is_no_filter() -> None:
    assert parse_filter({}) == parse_filter({"reason": "", "kind": ""}) == ListFilter()
    assert parse_filter({"reason": "x" * 500, "kind": "objective"}) == ListFilter("x" * 500, "objective")


@pytest.mark.parametrize("query", [{"kind": "excluded"}, {"kind": "spam"}, {"reason": "x" * 501}])
def test_an_unknown_kind_and_a_reason_too_long_are_refused(query: dict[str, str]) -> None:
    with pytest.raises(QueryError, match=next(iter(query))):
        parse_filter(query)


def test_a_page_says_what_it_shows_and_leads_back_to_the_same_board() -> None:
    query = QUERY._replace(period="2026-11-01..2026-11-30", sort="count", manager="3", pipeline="")
    html = refusal_page(refusals(deal(1, "3", 518400)), ListFilter("Выбрал других", "controllable"), query)
    for words in (
        "Период 1–30 нояб. 2026 г.",
        "Причина Выбрал других",
        "Вид отказа Управляемые",
        "Менеджер Анна",
        "Воронка без воронки",
        "Потеряно 5 184 ₽",
        "Отказы 1",
        "Данные на 23 нояб. 2026 г., 10:00:00",
        "Сделка 1",
        "Иван Петров",
        "23 нояб. 2026 г.",
    ):
        assert words in text(html)
    elements = Elements(html)
    leads = [link["href"] for link in elements.of("a")]
    assert leads[0] == f"../office?{query.urlencoded()}"
    assert f"deals.csv?{query.urlencoded(reason='Выбрал других', kind='controllable')}" in leads
    for kept in (  # each criterion can be taken away
        {"kind": "controllable"},
        {"reason": "Выбрал других"},
        {"reason": "Выбрал других", "kind": "controllable", "manager": None},
    ):
        assert f"?{query.urlencoded(**kept)}" in leads
    [link] = links(html)
    assert (link["rel"], link["target"]) == ("noopener noreferrer", "_blank")
    assert [element["lang"] for element in elements.of("html")] == ["ru"]


def test_a_page_in_english_has_no_russian_words() -> None:
    query = QUERY._replace(language="en")
    nameless = deal(1, None, 0, name=None, client=None, client_id=None, manager_id=None, unconverted="USD")
    deals_page = text(refusal_page(refusals(nameless), query=query))
    assert "no exchange rate for USD" in deals_page
    tasks_page = text(task_page(board_rows(), query))
    for shown in (deals_page, tasks_page):
        assert re.findall("[А-Яа-яё]+", re.sub("Отдел продаж|Анна|Продажи", "", shown)) == []


def test_a_page_shows_a_limited_number_of_rows_and_the_file_has_all() -> None:
    read = refusals(*(deal(number) for number in range(list_page.ROWS_SHOWN + 21)))
    shown = refusal_page(read)
    assert shown.count('<th scope="row">') == list_page.ROWS_SHOWN
    assert "Ещё 21 строка есть в файле CSV" in text(shown)
    assert "Отказы 521" in text(shown)
    assert len(cells(refusal_sheet(read).content)) == 1 + list_page.ROWS_SHOWN + 21
    late = board_rows([client("7", "Иван", 1, *(task(str(n)) for n in range(list_page.ROWS_SHOWN + 2)))])
    tasks_page = task_page(late)
    assert tasks_page.count('<th scope="row">') == list_page.ROWS_SHOWN
    assert "Ещё 2 строки" in text(tasks_page)


def test_an_empty_list_says_so_and_offers_no_file() -> None:
    assert "Таких отказов нет" in refusal_page(refusals())
    nothing = task_page(board_rows())
    assert "Просроченных задач нет" in nothing
    for shown in (refusal_page(refusals()), nothing):
        assert "<table" not in shown
        assert ".csv" not in shown


def test_a_crms_texts_are_never_markup() -> None:
    bad = deal(1, "0", name=HOSTILE, client=HOSTILE, manager_id=HOSTILE, url="javascript:alert(1)")
    row = task(HOSTILE, text=HOSTILE, deal=HOSTILE, manager_id=HOSTILE, url="javascript:alert(1)")
    risky = board_rows([client(HOSTILE, HOSTILE, 100, row)])
    query = QUERY._replace(manager=HOSTILE)
    for shown in (
        refusal_page(refusals(bad, names=[HOSTILE]), ListFilter(HOSTILE), query),
        task_page(risky, query),
    ):
        assert_harmless(shown)
        assert Elements(shown).of("script") == []
        assert "alert(1)" in shown


@given(BOARD_ROWS, st.sampled_from([None, "", "a", "b"]), st.sampled_from([None, ""]))
def test_a_list_has_the_tasks_of_the_board(
    read: BoardRows, manager: str | None, pipeline: str | None
) -> None:
    query = QUERY._replace(manager=manager, pipeline=pipeline)
    shown, card = tasks.task_list(read, OFFICE, query), at_risk(read, OFFICE, query)
    assert (shown.clients, shown.total) == (card.clients, Total(card.tasks, card.amount))
    rows = rows_of(shown)
    assert sorted(row.due_at for row in rows) == [row.due_at for row in rows]
    board = [(late.text, row.client, late.url) for row in card.list for late in row.tasks]
    assert sorted(((row.text, row.client, row.url) for row in rows), key=str) == sorted(board, key=str)


def test_a_task_says_how_long_it_is_overdue_and_what_it_is_about() -> None:
    rows = board_rows(
        [
            client("7", "Иван", 518400, task("t1", 28, url="https://crm.example/42")),
            client("8", None, 0, task("t2", 0.4, deal_id=None, deal=None, text=None, manager_id=None)),
        ]
    )
    page = text(task_page(rows))
    about = "позвонить , Иван, открыть в CRM &nbsp;↗ Абонемент 5 184 ₽ Анна"
    assert f"Иван 1 день 4 ч {about} 22 нояб., 06:00" in page
    assert "8 24 мин Задача без описания без сделки – без менеджера 23 нояб., 09:36" in page


def test_a_wall_masks_clients_in_lists_too() -> None:
    office = replace(OFFICE, mask_clients=True)
    wall = QUERY._replace(mode="wall")
    (row,) = rows_of(refusal_list(refusals(deal(1)), query=wall, office=office))
    assert (row.client, row.deal) == ("Иван П.", None)
    (row,) = rows_of(refusal_list(refusals(deal(1)), office=office))
    assert (row.client, row.deal) == ("Иван Петров", "Сделка 1")
    assert {row.client for row in rows_of(tasks.task_list(worked_example(), office, wall))} == {"Иван П."}
