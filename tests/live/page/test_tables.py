"""Lists as tables: their order, what narrows them, and that their rows add up to the figures of the board."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import get_args
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.calendar import shifted
from service.ledger.read.board import Known, Selection
from service.ledger.read.deal_rows import LostDeal
from service.ledger.read.saved_rows import DoneTask, SavedRow, SavedRows
from service.ledger.read.stepless_rows import OpenDeal, Stepless
from service.live.board.at_risk import at_risk
from service.live.board.query import QueryError
from service.live.board.snapshot import Sort, Total
from service.live.page import render
from service.live.page.lists import clients, list_page, refusals, saved, stepless, tasks
from service.live.page.lists.table import Column, Order, View, parse_view
from service.live.text.alphabet import collated
from service.model import SECOND, earlier
from tests import histories, oracle
from tests.live.boards import NOW, OFFICE, QUERY, board, board_rows, client, task, worked_example
from tests.live.page.html import HOSTILE, Elements, assert_harmless, links, links_of, text
from tests.live.page.listings import (
    TODAY,
    cells,
    deal,
    refusal_list,
    refusal_page,
    refusal_sheet,
    rows_of,
    task_page,
    task_sheet,
)
from tests.live.page.listings import refusals as read_of

NAMES = st.sampled_from(["Ёлкин", "Ежов", "Яков", "fox", None])
DEALS = st.lists(
    st.builds(
        lambda number, reason, amount, name, client: deal(
            number, reason, amount, name=name, client=client, manager_id=name
        ),
        st.integers(0, 99),
        st.sampled_from([None, "3", "5"]),
        st.integers(-5, 5),
        NAMES,
        NAMES,
    ),
    max_size=9,
)


@given(DEALS, st.sampled_from(refusals.TABLE.columns), st.booleans())
def test_a_list_is_ordered_by_any_column_and_what_is_missing_goes_last(
    deals: list[LostDeal], column: Column[refusals.Refusal], descending: bool
) -> None:
    usual, view = rows_of(refusal_list(read_of(*deals))), View(Order(column.name, descending))
    shown = rows_of(refusal_list(read_of(*deals), view=view))
    values = [column.value(row) for row in shown]
    known = [value for value in values if value is not None]
    keys = [collated(value, "ru") if isinstance(value, str) else value for value in known]
    assert keys == sorted(keys, reverse=descending)
    assert values == known + [None] * (len(values) - len(known))
    for value in values:  # rows with the same value keep the usual order
        same = [row for row in usual if column.value(row) == value]
        assert [row for row in shown if column.value(row) == value] == same
    assert refusal_list(read_of(*deals), view=view).rows.first(4) == shown[:4]


def test_a_page_has_the_first_rows_of_all_and_its_file_has_them_in_the_same_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(list_page, "ROWS_SHOWN", 3)
    read = read_of(*(deal(number, "3", amount) for number, amount in enumerate([100, 90000, 700, 800, 5000])))
    view = View(Order("amount", descending=True))
    page = refusal_page(read, view=view)
    assert [cell["data-value"] for cell in Elements(page).of("td") if "data-value" in cell] == [
        *("900.00", "50.00", "8.00"),
    ]
    assert "Ещё 2 строки" in text(page)
    _, *file = cells(refusal_sheet(read, view=view).content)
    assert [row[8] for row in file] == ["900,00", "50,00", "8,00", "7,00", "1,00"]


def test_delays_are_ordered_as_numbers() -> None:
    rows = [client(str(hours), f"{hours} ч", 1, task(f"t{hours}", hours)) for hours in (9, 100, 26, 0.5)]
    late = tasks.task_list(board_rows(rows), OFFICE, QUERY, View(Order("delay")))
    assert [row.client for row in rows_of(late)] == ["0.5 ч", "9 ч", "26 ч", "100 ч"]
    _, *file = cells(task_sheet(board_rows(rows)).content)
    assert [row[7] for row in file] == ["100,00", "26,00", "9,00", "0,50"]


def test_a_head_leads_to_the_order_of_its_column_and_back() -> None:
    query = QUERY._replace(sort="delay", theme="light", manager="3")

    def heads(view: View) -> dict[str, tuple[str | None, dict[str, str]]]:
        page = refusal_page(read_of(deal(1, "3")), query=query, view=view)
        cut = page.partition("<thead>")[2].partition("</thead>")[0]
        sorts = [head.get("aria-sort") for head in Elements(cut).of("th")]
        asked = [dict(parse_qsl(urlsplit(link).query)) for link in links_of(cut)]
        names = [column.name for column in refusals.TABLE.columns]
        return dict(zip(names, zip(sorts, asked, strict=True), strict=True))

    kept = dict(parse_qsl(query.urlencoded()))
    assert kept.keys() == {"period", "sort", "lang", "theme", "manager"}
    usual = heads(View())
    assert usual["day"] == ("descending", {**kept, "order": "day"})
    assert usual["amount"] == (None, {**kept, "order": "amount", "desc": "1"})
    assert usual["client"] == (None, {**kept, "order": "client"})
    turned = heads(View(Order("day"), "иван"))
    assert turned["day"] == ("ascending", {**kept, "q": "иван"})  # the usual order needs no parameter
    assert heads(View(Order("client")))["client"][1] == {**kept, "order": "client", "desc": "1"}


def test_a_list_is_narrowed_to_a_text_or_a_client_and_counts_what_is_left() -> None:
    read = read_of(
        deal(1, "3", 500, client="Семён"),
        deal(2, "3", 70, client="Мария", client_id="8", name="Для СЕМЕНА"),
        deal(3, "5", 9, client=None, client_id=None, name="Курс"),
    )
    for view, ids, amount in (
        (View(search="семен"), ["1", "2"], "5.70"),
        (View(search="ДОРОГО"), ["3"], "0.09"),
        (View(client="8"), ["2"], "0.70"),
        (View(client="deal:3"), ["3"], "0.09"),
        (View(client="7", search="для"), [], "0"),
    ):
        shown = refusal_list(read, view=view)
        assert [row.deal_id for row in shown.rows.first(9)] == ids
        assert shown.total == Total(len(ids), amount)
        assert [row[3] for row in cells(refusal_sheet(read, view=view).content)[1:]] == ids
    page = refusal_page(read, view=View(search="семен"))
    assert "Поиск семен" in text(page)
    kept = {field["name"] for field in Elements(page).of("input") if field["type"] == "hidden"}
    assert kept == {"period", "sort", "lang"}
    assert "deals.csv?period=month&amp;sort=amount&amp;lang=ru&amp;q=" in page


def test_the_days_of_a_column_leave_the_boards_period_as_it_is() -> None:
    page = refusal_page(read_of(deal(1, "3")), refusals.parse_filter({"days": "2026-11-03..2026-11-03"}))
    back, without, *_ = links_of(page)
    assert "period=month" in back
    assert "days=" not in back
    assert without == f"?{QUERY.urlencoded()}"
    days = refusals.ListFilter(days="2026-11-03..2026-11-04")
    assert refusals.selection_of(days, QUERY, TODAY) == Selection(shifted(TODAY, -20), shifted(TODAY, -19))


@pytest.mark.parametrize("given", [{"order": "colour"}, {"client": "x" * 201}])
def test_an_order_or_a_client_that_there_cannot_be_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(QueryError, match=next(iter(given))):
        parse_view(given, ["amount"])


@settings(max_examples=12)
@given(st.data())
def test_the_rows_of_tasks_and_clients_add_up_to_what_is_at_stake(data: st.DataObject) -> None:
    scene = data.draw(st.sampled_from(histories.SCENES))
    history = histories.numbered(data.draw(histories.histories(scene)))
    read = oracle.board(history, scene.now, scene.office, ())
    office = replace(OFFICE, currency=scene.office.currency)
    people = st.sampled_from([None, "", *(row.manager_id for row in read.managers)])
    query = QUERY._replace(manager=data.draw(people), sort=data.draw(st.sampled_from(get_args(Sort))))
    card = at_risk(read, office, query)
    listed = tasks.task_list(read, office, query)
    assert sum(Decimal(row.amount or 0) for row in rows_of(listed)) == Decimal(card.amount)
    shown = clients.client_list(read, office, query)
    rows = rows_of(shown)
    assert [row.client_id for row in rows] == [row.client_id for row in card.list]
    assert (len(rows), sum(Decimal(row.amount) for row in rows)) == (card.clients, Decimal(card.amount))
    for row in card.list:
        own = tasks.task_list(read, office, query, View(client=row.client_id))
        assert own.total == Total(len(row.tasks), row.amount)


def test_of_several_tasks_of_a_deal_one_carries_its_amount() -> None:
    own = task("t4", 9, deal_id=None, deal=None, amount=0)
    rows = [task("t1", 3), task("t2", 2, deal_id="43", amount=100), task("t3", 1), own]
    late = replace(client("7", "Иван", 600000, *rows), open_amount=600000)
    page = task_page(board_rows([late]))
    shown = [row.amount for row in rows_of(tasks.task_list(board_rows([late]), OFFICE, QUERY))]
    assert shown == ["815.00", "5184.00", "1.00", None]
    assert "та же сделка" in text(page)
    assert "815 ₽ открытые сделки клиента" in text(page)


@pytest.mark.parametrize(
    ("sort", "column"), [("amount", "Сумма на кону"), ("count", "Задачи"), ("delay", "Давность")]
)
def test_the_list_of_clients_has_the_order_of_the_call_list(sort: Sort, column: str) -> None:
    query, oldest = QUERY._replace(sort=sort), task("t1", 30, url="https://crm.example/1")
    read = board_rows([client("7", "Иван Петров", 1, oldest, task("t2"))])
    page = list_page.page(clients.client_list(read, OFFICE, query), OFFICE, query)
    turned = query.urlencoded(order=sort).replace("&", "&amp;")
    assert f'aria-sort="descending"><a href="?{turned}">{column}' in page
    assert "Иван Петров , просроченные задачи 0,01 ₽ 1 день 6 ч 2 позвонить" in text(page)
    assert f"tasks?{query.urlencoded(client='7')}" in links_of(page)
    assert [link["href"] for link in links(page)] == ["https://crm.example/1"]


def open_deal(number: int, **fields: object) -> OpenDeal:
    row = OpenDeal(
        str(number), f"Сделка {number}", "7", "Иван", "3", "1", 100, False, None, "https://crm.example/1"
    )
    return replace(row, **fields)  # type: ignore[arg-type]  # the fields of a deal


def test_deals_without_a_next_step_say_what_is_known_of_them() -> None:
    deals = [
        open_deal(1),
        open_deal(2, amount=518400, client=None, client_id="deal:2", manager_id=None, pipeline_id=None),
        open_deal(3, amount=0, unknown=True, name=HOSTILE),
        open_deal(4, amount=0, unconverted="USD", url="javascript:alert(1)"),
    ]
    read = Stepless(5, NOW, 4, 518500, iter(deals), {"3": "Анна"}, {"1": "Продажи"})
    page = list_page.page(stepless.stepless_list(read, OFFICE, QUERY), OFFICE, QUERY)
    shown = text(page)
    for words in (
        "Сумма 5 185 ₽",
        "Сделок 4",
        "5 184 ₽ без клиента без менеджера без воронки",
        "нет курса USD",
        "неизвестна",
    ):
        assert words in shown, words
    assert shown.index("5 184 ₽") < shown.index("Сделка 1")  # the largest first, what is unknown last
    assert_harmless(page)
    read = replace(read, deals=iter(deals))
    narrowed = stepless.stepless_list(read, OFFICE, QUERY._replace(manager="3"))
    assert (len(narrowed.rows.first(9)), narrowed.total.count) == (4, 4)


def test_a_saved_client_says_who_did_what_and_a_wall_masks_it() -> None:
    def done(text: str, manager: str | None, minutes: int, url: str | None = None) -> DoneTask:
        return DoneTask(text, "1", "Абонемент", manager, "1", earlier(NOW, minutes * 60 * SECOND), url)

    called = done("позвонить", "3", 9, "https://crm.example/1")
    row = SavedRow("7", "Иван Петров", 518400, (called, done("счёт", "4", 5)))
    nameless = SavedRow("deal:1", None, 0, (done("x", None, 1),))
    read = SavedRows(5, NOW, (row, nameless), {"3": "Анна"}, {})
    page = list_page.page(saved.saved_list(read, OFFICE, QUERY), OFFICE, QUERY)
    shown = text(page)
    assert "Иван Петров 5 184 ₽ позвонить , Иван Петров, открыть в CRM &nbsp;↗ счёт Анна, 4 09:55" in shown
    assert "Абонемент 0 ₽ x без менеджера 09:59" in shown
    of_one = saved.saved_list(read, OFFICE, QUERY._replace(manager="4"))
    assert [row.client_id for row in rows_of(of_one)] == ["7"]
    masked = saved.saved_list(read, replace(OFFICE, mask_clients=True), QUERY._replace(mode="wall"))
    assert [row.client for row in rows_of(masked)] == ["Иван П.", "1"]


def test_each_figure_of_a_desk_opens_its_list_and_a_wall_has_no_links() -> None:
    query = QUERY._replace(sort="delay", theme="light", manager=None)
    shown = board(worked_example())
    page = render.page(shown, OFFICE, query)
    opened = [urlsplit(link) for link in links_of(page) if link.startswith("office/")]
    asked = [(link.path.removeprefix("office/"), dict(parse_qsl(link.query))) for link in opened]
    kept = dict(parse_qsl(query.urlencoded()))
    (day,) = (point.from_ for point in shown.losses.series if point.count)
    for name, parameters in (
        *(("deals", {"kind": kind}) for kind in ("controllable", "objective")),
        *((name, {}) for name in ("deals", "clients", "tasks", "no-next-step", "saved")),
        ("deals", {"days": f"{day}..{day}"}),
        ("deals", {"reason": "Выбрал других", "kind": "controllable"}),
        ("tasks", {"manager": "3"}),
        ("tasks", {"client": "7"}),
    ):
        assert (name, {**kept, **parameters}) in asked, (name, parameters)
    assert asked.count(("clients", kept)) == 2
    for fragment in render.fragments(shown, QUERY._replace(mode="wall")).values():
        assert "office/" not in fragment


def test_a_list_of_what_is_not_known_is_not_an_empty_one() -> None:
    def of_deals(known: Known, *deals: LostDeal) -> str:
        listing = replace(refusal_list(read_of(*deals)), known=known)
        return text(list_page.page(listing, OFFICE, QUERY))

    unheard = of_deals(Known(heard=False))
    assert "Из CRM ещё ничего не пришло" in unheard
    later = of_deals(Known(known_from=shifted(TODAY, 30)))
    assert "За этот период данных нет" in later
    for shown in (unheard, later):
        assert "0 ₽" not in shown
        assert "Таких отказов нет" not in shown
    assert "Таких отказов нет" in of_deals(Known())
    assert "Данные с 20 ноября" in of_deals(Known(known_from=shifted(TODAY, -3)), deal(1, "3"))
    assert "Данные с" not in of_deals(Known(known_from=shifted(TODAY, -23)), deal(1, "3"))
