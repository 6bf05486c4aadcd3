"""The lists behind the figures: they add up to the board, and what a CRM sends does no harm in them."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from service.config import Account, Language
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.read.board import BoardRows, LossRow
from service.ledger.read.deal_rows import LostDeal, RefusalReader, Refusals
from service.live.board.at_risk import at_risk
from service.live.board.build import build_snapshot
from service.live.board.query import BoardQuery, QueryError
from service.live.http import routes
from service.live.http.list_routes import AT_ONCE, Lists
from service.live.http.screen_links import NamedScreens
from service.live.page import list_page, lists, spreadsheet
from service.live.page.lists import ListFilter, RefusalList, parse_filter
from service.live.stream.hub import BoardReader, Hub
from service.projections.facts import PENDING
from service.reasons import reason_key
from tests.live import readings
from tests.live.boards import (
    MONTH,
    NOW,
    OFFICE,
    QUERY,
    READINGS,
    account,
    client,
    reading,
    task,
    worked_example,
)
from tests.live.page.test_render import HOSTILE, Elements, text

TODAY = date(2026, 11, 23).toordinal()
SELECTION = MONTH.current
EVERYTHING = ListFilter()
NAMES = [None, "Причина не указана", "No reason given", "Выбрал других", " выбрал ДРУГИХ ", "Дорого", "Спам"]


def deal(number: int, reason_id: str | None = None, amount: int = 100, **given: object) -> LostDeal:
    row = LostDeal(
        deal_id=str(number),
        name=f"Сделка {number}",
        client_id="7",
        client="Иван Петров",
        reason_id=reason_id,
        manager_id="3",
        pipeline_id="1",
        amount=amount,
        unconverted=None,
        day=TODAY,
        url=f"https://crm.example/{number}",
    )
    return replace(row, **given)  # type: ignore[arg-type]  # the fields of a deal


def found(deals: Sequence[LostDeal], names: Sequence[str | None] = NAMES) -> Refusals:
    """A read in which a reason's id is its place among the names; None: no reason."""
    ids = [None if name is None else str(place) for place, name in enumerate(names)]
    own = {each: [row for row in deals if row.reason_id == each] for each in ids}
    sums = [
        LossRow(each, name, len(own[each]), sum(row.amount for row in own[each]))
        for each, name in zip(ids, names, strict=True)
        if own[each]
    ]

    def some(reason_ids: Collection[str | None]) -> Iterator[LostDeal]:
        return (row for row in deals if row.reason_id in reason_ids)

    return Refusals(5, NOW, tuple(sums), {"3": "Анна"}, {"1": "Продажи"}, some)


def listed(
    read: Refusals, asked: ListFilter = EVERYTHING, query: BoardQuery = QUERY, office: Account = OFFICE
) -> RefusalList:
    return lists.refusal_list(read, asked, SELECTION, office, query)


def page(read: Refusals, asked: ListFilter = EVERYTHING, query: BoardQuery = QUERY) -> str:
    return list_page.refusal_page(listed(read, asked, query), OFFICE, query)


def sheet(read: Refusals, language: Language = "ru", office: Account = OFFICE) -> spreadsheet.Sheet:
    return spreadsheet.refusal_sheet(
        listed(read, query=QUERY._replace(language=language), office=office), office, language
    )


def cells(content: bytes, delimiter: str) -> list[list[str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter))


DEALS = st.lists(st.tuples(st.integers(0, len(NAMES) - 1), st.integers(-5, 10**9)), max_size=12).map(
    lambda drawn: [
        deal(number, None if NAMES[place] is None else str(place), amount)
        for number, (place, amount) in enumerate(drawn)
    ]
)


@given(DEALS)
def test_a_list_counts_and_sums_what_the_board_shows(deals: list[LostDeal]) -> None:
    read = found(deals)
    losses = dict.fromkeys(MONTH.selections, ())
    shown = build_snapshot(
        replace(reading(), losses={**losses, SELECTION: read.by_reason}), OFFICE, QUERY, MONTH
    ).losses
    whole = listed(read)
    assert whole.total == shown.total
    for kind, total in (("controllable", shown.controllable), ("unclassified", shown.unclassified)):
        assert listed(read, parse_filter({"kind": kind})).total == total
    for bar in shown.reasons:
        if reason_key(bar.reason) != reason_key("No reason given"):  # a name here, and none in English
            total = listed(read, ListFilter(bar.reason, bar.kind)).total
            assert (total.count, total.amount) == (bar.count, bar.amount)
    rows = list(whole.rows)
    assert len(rows) == shown.total.count
    assert sum(Decimal(row.amount) for row in rows) == Decimal(shown.total.amount)


@pytest.mark.parametrize("asked", ["Причина не указана", "No reason given", "  no REASON given"])
def test_those_without_a_reason_are_found_by_its_name_in_either_language(asked: str) -> None:
    shown = listed(found([deal(1), deal(2, "3")]), ListFilter(asked), QUERY._replace(language="en"))
    assert shown.reason == "No reason given"
    assert [(row.deal_id, row.reason) for row in shown.rows] == [("1", "No reason given")]


@pytest.mark.parametrize("asked", ["Причина уточняется", "Reason being asked for", " ПРИЧИНА  уточняется"])
def test_those_whose_reason_is_pending_are_apart_from_those_without_one(asked: str) -> None:
    deals = {each: deal(number, each) for number, each in enumerate([None, PENDING, "3"])}
    rows = tuple(LossRow(each, NAMES[3] if each == "3" else None, 1, 100) for each in deals)
    read = replace(found([]), by_reason=rows, deals=lambda ids: iter([deals[each] for each in ids]))
    names: dict[Language, str] = {"ru": "Причина уточняется", "en": "Reason being asked for"}
    for language, called in names.items():
        shown = listed(read, ListFilter(asked), QUERY._replace(language=language))
        assert (shown.reason, shown.total.count) == (called, 1)
        assert [(row.deal_id, row.reason, row.kind) for row in shown.rows] == [("1", called, "unclassified")]
    without = listed(read, ListFilter("Причина не указана"))
    assert [row.deal_id for row in without.rows] == ["0"]


def test_a_reason_is_one_however_it_is_spelt_and_is_called_as_on_the_board() -> None:
    shown = listed(found([deal(1, "3"), deal(2, "4"), deal(3, "5")]), ListFilter("ВЫБРАЛ  других"))
    assert shown.reason == " выбрал ДРУГИХ "
    assert [row.deal_id for row in shown.rows] == ["1", "2"]


def test_excluded_reasons_never_count_even_when_asked_for() -> None:
    read = found([deal(1, "6")])
    assert listed(read).total.count == 0
    assert listed(read, ListFilter("Спам")).total.count == 0
    assert list(listed(read, ListFilter("Спам")).rows) == []


def test_a_reason_without_a_name_goes_by_its_id() -> None:
    read = replace(found([]), by_reason=(LossRow("r9", None, 1, 100),), deals=lambda _: iter([deal(1, "r9")]))
    assert [row.reason for row in listed(read, ListFilter("R9")).rows] == ["r9"]


def test_what_a_query_asks_for() -> None:
    assert parse_filter({}) == parse_filter({"reason": "", "kind": ""}) == ListFilter()
    assert parse_filter({"reason": "x" * 500, "kind": "objective"}) == ListFilter("x" * 500, "objective")


@pytest.mark.parametrize("query", [{"kind": "excluded"}, {"kind": "spam"}, {"reason": "x" * 501}])
def test_what_there_is_not_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(QueryError, match=next(iter(query))):
        parse_filter(query)


def test_a_page_says_what_it_shows_and_leads_back_to_the_same_board() -> None:
    query = QUERY._replace(period="2026-11-01..2026-11-30", sort="count", manager="3", pipeline="")
    said = page(found([deal(1, "3", 518400)]), ListFilter("Выбрал других", "controllable"), query)
    for words in (
        "Период 1–30 нояб. 2026 г.",
        "Причина Выбрал других",
        "Вид отказа Управляемые",
        "Менеджер Анна",
        "Воронка без воронки",
        "Потеряно 5 184 ₽",
        "Отказы 1",
        "Данные на 23.11.2026, 10:00:00",
        "Сделка 1",
        "Иван Петров",
        "23 нояб. 2026 г.",
    ):
        assert words in re.sub(r"\s+", " ", text(said))
    elements = Elements(said.removeprefix("<!doctype html>")).found
    links = [each["href"] or "" for tag, each in elements if tag == "a"]
    assert links[0] == f"../office?{query.urlencoded()}"
    assert links[1] == f"deals.csv?{query.urlencoded(reason='Выбрал других', kind='controllable')}"
    [link] = [each for tag, each in elements if tag == "a" and (each["href"] or "").startswith("https:")]
    assert (link["rel"], link["target"]) == ("noopener noreferrer", "_blank")
    assert [each["lang"] for tag, each in elements if tag == "html"] == ["ru"]


def test_a_page_in_english_has_no_russian_words() -> None:
    query = QUERY._replace(language="en")
    nameless = deal(1, None, 0, name=None, client=None, client_id=None, manager_id=None, unconverted="USD")
    deals_page = text(page(found([nameless]), query=query))
    assert "no rate for USD" in deals_page
    tasks_page = text(list_page.task_page(lists.task_list(reading(), account(), query), account(), query))
    for shown in (deals_page, tasks_page):
        assert re.findall("[А-Яа-яё]+", shown.replace("Отдел продаж", "")) == []


def test_a_page_shows_so_many_rows_and_counts_the_others_while_the_file_has_all() -> None:
    read = found([deal(number) for number in range(list_page.ROWS_SHOWN + 21)])
    shown = page(read)
    assert shown.count('<th scope="row">') == list_page.ROWS_SHOWN
    assert "Ещё 21 строка есть в файле CSV" in text(shown)
    assert "Отказы 521" in re.sub(r"\s+", " ", text(shown))
    assert len(cells(sheet(read).content, ";")) == 1 + list_page.ROWS_SHOWN + 21
    late = reading([client("7", "Иван", 1, *(task(str(n)) for n in range(list_page.ROWS_SHOWN + 2)))])
    tasks_page = list_page.task_page(lists.task_list(late, OFFICE, QUERY), OFFICE, QUERY)
    assert tasks_page.count('<th scope="row">') == list_page.ROWS_SHOWN
    assert "Ещё 2 строки" in text(tasks_page)


def test_a_list_of_nothing_says_so() -> None:
    assert "Таких отказов нет" in page(found([]))
    nothing = list_page.task_page(lists.task_list(reading(), OFFICE, QUERY), OFFICE, QUERY)
    assert "Просроченных задач нет" in nothing
    for shown in (page(found([])), nothing):
        assert "<table" not in shown
        assert ".csv" not in shown


def test_what_a_crm_sends_is_text_and_never_markup() -> None:
    bad = deal(1, "0", name=HOSTILE, client=HOSTILE, manager_id=HOSTILE, url="javascript:alert(1)")
    row = task(HOSTILE, text=HOSTILE, deal=HOSTILE, manager_id=HOSTILE, url="javascript:alert(1)")
    risky = reading([client(HOSTILE, HOSTILE, 100, row)])
    query = QUERY._replace(manager=HOSTILE)
    for shown in (
        page(found([bad], [HOSTILE]), ListFilter(HOSTILE), query),
        list_page.task_page(lists.task_list(risky, OFFICE, query), OFFICE, query),
    ):
        assert "<script" not in shown
        assert "<img" not in shown
        assert "alert(1)" in shown
        for _, attributes in Elements(shown.removeprefix("<!doctype html>")).found:
            assert not [name for name in attributes if name == "style" or name.startswith("on")]
            assert not (attributes.get("href") or "").startswith("javascript:")


@pytest.mark.parametrize(
    ("language", "delimiter", "header", "kind"),
    [
        ("ru", ";", ["Дата отказа", "Клиент", "Сделка", "№ сделки", "Причина"], "Управляемые"),
        ("en", ",", ["Lost on", "Client", "Deal", "Deal number", "Reason"], "Controllable"),
    ],
)
def test_a_file_opens_in_a_spreadsheet_of_its_language(
    language: Language, delimiter: str, header: list[str], kind: str
) -> None:
    odd = 'Петров; "Иван", младший\nвторая строка'
    made = sheet(
        found([deal(1, "3", -518405, client=odd, manager_id=None, url="file:///etc/passwd")]), language
    )
    first, row = cells(made.content, delimiter)
    assert first[:5] == header
    assert row == [
        "2026-11-23",
        odd,
        "Сделка 1",
        "1",
        "Выбрал других",
        kind,
        "",
        "Продажи",
        "-5184,05" if language == "ru" else "-5184.05",
        "RUB",
        "",
    ]
    assert made.content.count(b"\r\n") == 2


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_text_that_a_spreadsheet_would_run_is_made_harmless(start: str) -> None:
    formula = f'{start}HYPERLINK("https://evil.example","x")'
    bad = deal(1, "0", name=formula, client=formula, manager_id=formula, deal_id=formula)
    _, row = cells(sheet(found([bad], [formula])).content, ";")
    assert [row[place] for place in (1, 2, 3, 4, 6)] == [f"'{formula}"] * 5
    risky = reading([client("7", formula, 1, task("t", text=formula, deal=formula, manager_id=formula))])
    made = spreadsheet.task_sheet(lists.task_list(risky, OFFICE, QUERY), OFFICE, "ru")
    _, row = cells(made.content, ";")
    assert [row[place] for place in (0, 1, 2, 4)] == [f"'{formula}"] * 4
    assert spreadsheet.harmless(f"x{start}1") == f"x{start}1"


def test_a_file_is_named_for_what_it_is() -> None:
    office = replace(OFFICE, title='Отдел "А"/Б\r\nX: y')
    plain, _, full = sheet(found([deal(1)]), office=office).disposition.partition("; filename*=UTF-8''")
    assert plain == 'attachment; filename="refusals-office-2026-11-01-2026-11-30.csv"'
    assert full.isascii()
    assert unquote(full) == "Отказы – Отдел А Б X y – 2026-11-01 – 2026-11-30.csv"
    named = lists.refusal_list(
        found([deal(1, "3")]), ListFilter("Выбрал других"), SELECTION, OFFICE, QUERY._replace(manager="3")
    )
    name = unquote(spreadsheet.refusal_sheet(named, OFFICE, "ru").disposition)
    assert "Выбрал других – Анна" in name
    tasks = spreadsheet.task_sheet(lists.task_list(worked_example(), OFFICE, QUERY), OFFICE, "en").disposition
    assert 'filename="overdue-tasks-office-2026-11-23.csv"' in tasks
    assert "Tasks that are overdue" in unquote(tasks)


@given(READINGS, st.sampled_from([None, "", "a", "b"]), st.sampled_from([None, ""]))
def test_the_tasks_of_a_list_are_the_boards(
    read: BoardRows, manager: str | None, pipeline: str | None
) -> None:
    query = QUERY._replace(manager=manager, pipeline=pipeline)
    shown, card = lists.task_list(read, OFFICE, query), at_risk(read, OFFICE, query)
    assert (shown.clients, shown.amount, len(shown.rows)) == (card.clients, card.amount, card.tasks)
    assert sorted(row.due_at for row in shown.rows) == [row.due_at for row in shown.rows]
    board = [(each.text, row.client, each.url) for row in card.list for each in row.tasks]
    assert sorted(((row.text, row.client, row.url) for row in shown.rows), key=str) == sorted(board, key=str)


def test_a_task_says_how_long_it_is_overdue_and_what_it_is_about() -> None:
    late = reading(
        [
            client("7", "Иван", 518400, task("t1", 28, url="https://crm.example/42")),
            client(
                "8", None, 0, task("t2", 0.4, deal_id=None, deal=None, amount=0, text=None, manager_id=None)
            ),
        ]
    )
    shown = lists.task_list(late, OFFICE, QUERY)
    said = re.sub(r"\s+", " ", text(list_page.task_page(shown, OFFICE, QUERY)))
    assert (
        "Иван 1 день 4 ч позвонить , Иван, открыть в CRM &nbsp;↗ Абонемент 5 184 ₽ Анна 22 нояб., 06:00"
        in said
    )
    assert "8 24 мин Задача без текста без сделки – без менеджера 23 нояб., 09:36" in said
    _, first, second = cells(spreadsheet.task_sheet(shown, OFFICE, "ru").content, ";")
    assert first == [
        *("Иван", "позвонить", "Абонемент", "42", "Анна", "2026-11-22 06:00"),
        *("1 день 4 ч", "5184,00", "RUB"),
        "https://crm.example/42",
    ]
    assert second[1:5] == ["", "", "", ""]
    assert second[7:] == ["", "", ""]


def test_a_wall_masks_clients_in_lists_too() -> None:
    office = replace(OFFICE, mask_clients=True)
    wall = QUERY._replace(mode="wall")
    (row,) = listed(found([deal(1)]), query=wall, office=office).rows
    assert (row.client, row.deal) == ("Иван П.", None)
    (row,) = listed(found([deal(1)]), office=office).rows
    assert (row.client, row.deal) == ("Иван Петров", "Сделка 1")
    assert {each.client for each in lists.task_list(worked_example(), office, wall).rows} == {"Иван П."}


class NoScreens:
    """No named screens."""

    async def digests(self, account_id: str) -> frozenset[str]:
        return frozenset()

    async def seen(self, account_id: str, digest: str, now: int) -> None:
        """Nothing to note."""


def answered(books: BoardReader, path: str) -> httpx.Response:
    """What is answered with the database of refusals away."""
    clock, accounts = readings.StandingClock(), {"office": readings.OFFICE}
    away = RefusalReader(Database("sqlite:////nowhere/at/all.db"), accounts, clock)
    screens, hub = NamedScreens(NoScreens(), clock), Hub(books, accounts, clock)
    app = Starlette(routes=routes.routes(hub, books, away, accounts, screens, clock))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as browser:
            return await browser.get(f"/boards/office/{path}")

    return asyncio.run(ask())


@pytest.mark.parametrize("path", ["deals", "deals.csv", "tasks", "tasks.csv"])
def test_a_database_that_is_away_is_a_problem_to_come_back_after(path: str) -> None:
    books = readings.Books()
    books.broken = Unavailable("gone")
    answer = answered(books, path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-type"] == "application/problem+json"


def test_lists_are_made_a_few_at_a_time() -> None:
    began: list[threading.Thread] = []
    goes_on = threading.Event()

    def make() -> str:
        began.append(threading.current_thread())
        goes_on.wait(30)
        return "made"

    class Threads(ThreadPoolExecutor):
        """Knows how many calls it was given."""

        given = 0

        def submit(self, *call: Any, **keywords: Any) -> Future[Any]:
            self.given += 1
            return super().submit(*call, **keywords)

    async def story() -> None:
        threads = Threads()
        asyncio.get_running_loop().set_default_executor(threads)
        clock = readings.StandingClock()
        refusals = RefusalReader(Database("sqlite://"), {}, clock)
        lists = Lists(readings.Books(), refusals, clock, {})
        asking = [asyncio.create_task(lists._in_turn(make)) for _ in range(AT_ONCE * 3)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert threads.given == AT_ONCE
        goes_on.set()
        assert await asyncio.gather(*asking) == ["made"] * AT_ONCE * 3
        assert threading.current_thread() not in began

    asyncio.run(story())
