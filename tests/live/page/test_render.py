"""The page and its fragments: complete without JavaScript, harmless, and patched exactly."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given

from service.config import Language, Limits
from service.ledger.read.board import BoardRows
from service.live.board.build import build_snapshot
from service.live.board.snapshot import Snapshot
from service.live.page import render, template_globals
from service.model import SECOND, Instant
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
    with_clients,
    worked_example,
)
from tests.live.page.html import HOSTILE, Elements, assert_harmless, links, text


def html(read: BoardRows, language: Language = "ru") -> str:
    return render.page(board(read), account(), QUERY._replace(language=language))


def test_the_first_paint_has_every_figure_of_the_worked_example() -> None:
    page = text(html(worked_example()))
    for figure in ("127 613 ₽", "284 947 ₽", "412 560 ₽", "170 отказов", "111 197 ₽", "5 184 ₽", "3 задачи"):
        assert figure in page
    for words in (
        "Кому срочно позвонить",
        "1 день 4 ч",
        "24 мин",
        "Анна",
        "Данные на 10:00:00. Без JavaScript",
    ):
        assert words in page
    assert "Последнее событие из CRM: 09:59" in page


def test_the_page_speaks_english_whatever_the_accounts_language() -> None:
    refusals = losses((None, 2, 100))
    page = html(board_rows(refusals=refusals, unconverted={"USD": 2}), "en")
    shown = text(page.replace('data-reason="Причина не указана"', ""))
    assert "No reason given" in shown
    assert "2 deals in USD count as 0" in shown
    assert set(re.findall("[А-Яа-яё]+", shown)) <= {"Отдел", "продаж", "Анна", "Продажи"}  # the office's own


def test_an_office_without_overdue_tasks_sees_that_every_client_was_contacted() -> None:
    assert "Все клиенты на связи" in html(board_rows())
    assert "Все клиенты на связи" not in html(worked_example())


def test_a_change_has_a_sign_and_an_arrow() -> None:
    def change(before: int) -> str:
        read = board_rows(
            refusals=losses(("Выбрал других", 2, 500)), before=losses(("Выбрал других", 1, before))
        )
        return text(render.fragments(board(read), QUERY)["losses-figures"])

    assert "▲ +4 ₽ · +1 к 1–23 окт." in change(100)
    assert "▼ \N{MINUS SIGN}5 ₽ · +1" in change(1000)
    assert "= без изменений" in change(100)  # the objective ones: none now, none before


def hostile() -> BoardRows:
    row = task(HOSTILE, text=HOSTILE, deal=HOSTILE, manager_id=HOSTILE, url="javascript:alert(1)")
    return board_rows([client(HOSTILE, HOSTILE, 100, row)], losses((HOSTILE, 1, 100)))


def test_what_a_crm_sends_is_text_and_never_markup() -> None:
    page = html(hostile())
    assert_harmless(page)
    assert Elements(page).of("script") == [{"type": "module", "src": "../static/board.js"}]


def test_a_link_to_the_crm_tells_it_nothing_and_leaves_the_board_open() -> None:
    page = html(board_rows([client("7", "Иван", 1, task("t", url="https://crm.example/?a=1&b=2"))]))
    [link] = links(page)
    assert link["href"] == "https://crm.example/?a=1&b=2"
    assert (link["rel"], link["target"]) == ("noopener noreferrer", "_blank")


@given(BOARD_ROWS)
def test_each_fragment_is_one_element_with_its_id(read: BoardRows) -> None:
    for name, fragment in render.fragments(board(read), QUERY).items():
        elements = Elements(fragment)
        assert (elements.all[0][1]["id"], elements.roots) == (name, 1)
        assert re.fullmatch(r"[a-z0-9-]+", name)


def test_the_ids_of_the_page_are_unique() -> None:
    ids = [element["id"] or "" for _, element in Elements(html(worked_example())).all if "id" in element]
    assert sorted(set(ids)) == sorted(ids)


def test_a_fragment_is_the_same_at_any_time_of_day() -> None:
    later = replace(worked_example(), as_of=Instant(NOW + 3600 * SECOND))
    assert render.fragments(board(later), QUERY) == render.fragments(board(worked_example()), QUERY)
    assert html(later) != html(worked_example())


def put(shown: dict[str, str], order: list[str], change: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The fragments and the order of the list after a patch: what the script does."""
    gone = {*change["remove"], *change["hide"]}
    shown = {name: html for name, html in {**shown, **change["set"]}.items() if name not in gone}
    return shown, change["order"].get("list", [name for name in order if name not in gone])


def put_snapshot(shown: Snapshot) -> tuple[dict[str, str], list[str]]:
    frame = render.html_snapshot(shown, QUERY)
    return put({}, [], {**frame, "remove": [], "hide": []})


@given(BOARD_ROWS, BOARD_ROWS)
def test_a_patch_turns_what_a_screen_shows_into_the_new_board(old: BoardRows, new: BoardRows) -> None:
    shown, order = put_snapshot(board(old))
    assert put(shown, order, dict(render.html_patch(board(old), board(new), QUERY))) == put_snapshot(
        board(new)
    )


@given(BOARD_ROWS)
def test_a_patch_between_equal_boards_is_empty(read: BoardRows) -> None:
    change = render.html_patch(board(read), board(replace(read, seq=9)), QUERY)
    assert [change[name] for name in ("set", "remove", "hide", "order")] == [{}, [], [], {}]


def crowd(count: int) -> BoardRows:
    return board_rows([client(f"{n:03}", f"Клиент {n}", 1000 - n, task("t")) for n in range(count)])


def test_the_page_lists_a_limited_number_of_clients_and_counts_the_others() -> None:
    page = html(crowd(render.CLIENTS_SHOWN + 3))
    assert page.count('class="client"') == render.CLIENTS_SHOWN
    assert "ещё 3 клиента" in text(page)


def test_a_client_lists_a_limited_number_of_tasks_and_counts_the_others() -> None:
    rows = [task(f"{n:03}") for n in range(render.TASKS_SHOWN + 1)]
    page = html(board_rows([client("7", "Иван", 1, *rows)]))
    assert page.count('class="task"') == render.TASKS_SHOWN
    assert "ещё 1 задача" in text(page)


def test_a_deals_amount_stands_beside_one_of_its_tasks() -> None:
    own = task("t4", 0.5, deal_id=None, deal=None, amount=0)
    rows = [task("t1", 3), task("t2", 2, deal_id="43", amount=100), task("t3", 1), own]
    fragment = render.fragments(board(board_rows([client("7", "Иван", 518500, *rows)])), QUERY)
    (shown,) = [html for name, html in fragment.items() if name.startswith("client-")]
    tasks = [text(row) for row in shown.split('class="task"')[1:]]
    said = [("5 184 ₽" in row, "1 ₽" in row, "без сделки" in row) for row in tasks]
    assert said == [
        (True, False, False),
        (False, True, False),
        (False, False, False),
        (False, False, True),
    ]


def test_a_filtered_board_is_named_for_its_filter_and_leads_to_its_own_wall() -> None:
    query = QUERY._replace(manager="3", pipeline="1", mode="wall")
    page = render.page(board(worked_example()), account(), query)
    assert ">(1) Анна · Продажи · Отдел продаж</title>" in page
    assert "Анна · Продажи Отдел продаж" in text(page.partition("<h1>")[2])
    nobodys = QUERY._replace(manager="", pipeline="9")
    page = render.page(board(worked_example()), account(), nobodys)
    assert ">(1) без менеджера · 9 · Отдел продаж</title>" in page
    assert f"?{nobodys.urlencoded(mode='wall').replace('&', '&amp;')}" in page
    assert '<title id="title">(1) Отдел продаж</title>' in html(worked_example())


def test_a_client_pushed_off_the_list_is_hidden_and_not_removed_as_saved() -> None:
    full = crowd(render.CLIENTS_SHOWN)
    richer = client("new", "Новый", 10**6, task("t"))
    more = with_clients(full, *full.clients.values(), richer)
    change = render.html_patch(board(full), board(more), QUERY)
    last = template_globals.element_id(f"{render.CLIENTS_SHOWN - 1:03}")
    assert (change["remove"], change["hide"]) == ([], [last])


def limited(clients: int | None, amount: int | None, **filters: str) -> tuple[Snapshot, str]:
    """The worked example's board (1 client, 5 184 roubles) with limits, and its figures as HTML."""
    office = replace(OFFICE, limits=Limits(clients, amount))
    query = QUERY._replace(**filters)  # type: ignore[arg-type]
    shown = build_snapshot(worked_example(), office, query, MONTH)
    return shown, render.fragments(shown, query)["risk-figures"]


def test_a_figure_above_its_limit_has_another_colour_a_sign_and_a_word() -> None:
    shown, figures = limited(0, 518_399)
    assert json.loads(msgspec.json.encode(shown.at_risk.limits)) == {
        "clients": 0,
        "amount": "5183.99",
        "over": ["clients", "amount"],
    }
    assert "▲ много больше 5 183,99 ₽" in text(figures)
    assert "▲ много больше 0 " in text(figures)
    assert [one["class"] for one in Elements(figures).of("div")] == [
        "figure stake over",
        "figure over",
        "figure",
    ]


def test_up_to_its_limit_a_figure_is_calm_and_without_a_limit_as_ever() -> None:
    shown, figures = limited(1, None)
    assert shown.at_risk.limits
    assert shown.at_risk.limits.over == ()
    assert "много" not in figures
    assert [one["class"] for one in Elements(figures).of("div")] == ["figure stake", "figure calm", "figure"]
    assert limited(None, None)[0].at_risk.limits is None
    assert limited(0, 0, manager="3")[0].at_risk.limits is None  # the limits are the whole office's


def test_the_title_counts_the_clients_at_risk_and_follows_by_patches() -> None:
    shown, nobody = worked_example(), board_rows()
    assert '<title id="title">(1) Отдел продаж</title>' in html(shown)
    patch = render.html_patch(board(shown), board(nobody), QUERY)
    assert patch["set"]["title"] == '<title id="title">Отдел продаж</title>'  # type: ignore[index,call-overload]
    of_anna = render.fragments(board(shown), QUERY._replace(manager="3"))["title"]
    assert of_anna == '<title id="title">(1) Анна · Отдел продаж</title>'
