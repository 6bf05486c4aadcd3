"""The help: the users' own text, the account's own reasons, and the office's own figures or none."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_args

import pytest
from playwright.sync_api import Browser, expect

from service.config import Account, Language
from service.ledger.read.board import BoardRows
from service.live.page import render
from service.live.page.help import help_page
from service.model import Day
from service.reasons import ReasonTable
from tests.browser import fits_in_width, violations
from tests.live.boards import (
    MONTH,
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
from tests.live.page.html import HOSTILE, Elements, assert_harmless, text
from tests.live.screens import ADDRESS, later, opened, serve

OWN = "Пример: это табло сейчас"
INVENTED = "Пример: цифры вымышленные"


def page(read: BoardRows, office: Account | None = None, language: Language = "ru") -> str:
    office = office or account()
    return help_page(board(read, office), office, QUERY._replace(language=language))


def shown(read: BoardRows, office: Account | None = None, language: Language = "ru") -> str:
    return re.sub(r" ([.,:;»])", r"\1", text(page(read, office, language))).replace("« ", "«")


def test_the_example_is_made_of_the_offices_own_figures() -> None:
    told = shown(worked_example())
    for words in (
        "Всего потеряно 412 560 ₽ на 170 отказах. Управляемые — 127 613 ₽, и почти всё это одна причина:",
        "«Не отвечает более 3-х раз» — 60 отказов на 111 197 ₽. Читается так: 111 197 ₽ ушло просто",
        "1 клиент в риске, на кону 5 184 ₽, просрочено 3 задачи. Каждая строка списка",
        "Управляемые: вина отдела 127 613 ₽ · 61 отказ",
        "Без следующего шага 386 500 ₽ · 14 сделок",
    ):
        assert words in told
    assert INVENTED not in told
    assert "В CRM менеджеры ставят себе задачи" in told


@pytest.mark.parametrize(
    "read",
    [replace(board_rows(), heard=False, last_delivery_at=None), board_rows()],
    ids=["an office that knows nothing", "one without losses"],
)
def test_an_office_without_figures_sees_the_example_of_the_text_named_as_one(read: BoardRows) -> None:
    told = shown(read)
    assert told.count(INVENTED) == 2
    assert "больше ста тысяч ушло" in told
    assert OWN not in told


def test_what_is_not_known_is_not_told_as_a_figure() -> None:
    unheard = shown(replace(worked_example(), heard=False, last_delivery_at=None))
    assert "61 отказ" not in unheard
    assert "386 500" not in unheard
    early = shown(replace(worked_example(), known_from=Day(MONTH.period.last + 1)))
    assert (early.count(INVENTED), early.count(OWN)) == (1, 1)
    assert "61 отказ" not in early
    assert "с 7 ноября" in shown(replace(worked_example(), known_from=Day(MONTH.period.first + 6)))
    assert "неизвестны и учтены как 0" in shown(
        replace(worked_example(), totals={**worked_example().totals, "amount_unknown": {"deals": 2}})
    )


@pytest.mark.parametrize(
    ("refusals", "words"),
    [
        ((("Больше не звонить", 2, 300),), "Управляемых отказов среди них нет."),
        ((("Выбрал других", 2, 0),), "Управляемые — 0 ₽."),
        (
            (("Выбрал других", 2, 300),),
            "и всё это одна причина: «Выбрал других» — 2 отказа. Читается так: этих",
        ),
        (
            (("Выбрал других", 2, 300), ("Не отвечает более 3-х раз", 1, 300)),
            "Больше всего ушло по причине «Выб",
        ),
        ((("Дорого", 1, 300),), "Ещё не разобрано: 3 ₽, 1 отказ."),
    ],
)
def test_the_example_says_no_more_than_the_figures_do(
    refusals: tuple[tuple[str, int, int], ...], words: str
) -> None:
    assert words in shown(board_rows(refusals=losses(*refusals)))


def test_each_kind_has_the_reasons_of_the_accounts_own_configuration() -> None:
    own = replace(account(), reasons=ReasonTable.of({"controllable": ["Не дожали"], "excluded": ["Тест"]}))
    told = shown(worked_example(), own)
    assert "«Не дожали» Потеря по вине отдела" in told
    assert "Не входят: «Тест»" in told
    assert "в настройках таких нет Потеря не по нашей вине" in told
    by_hand = replace(account(), reasons=account().reasons.with_hand({"дорого": "objective"}))
    assert "«Больше не звонить», «Дорого» Потеря не по" in shown(
        replace(board_rows(refusals=losses(("Дорого", 1, 300))), by_hand={"дорого": "objective"}), by_hand
    )


def test_in_english_only_the_offices_own_words_are_russian() -> None:
    told = shown(board_rows([client("7", "Ivan", 1, task("t"))]), replace(account(), language="en"), "en")
    assert "1 client at risk, ₽0.01 at stake, 1 task overdue." in told
    own = re.sub("“[^”]*”", "", told).replace("Отдел продаж", "")
    assert not re.search("[А-Яа-яё]", own)


def test_what_a_crm_sends_is_text_here_too() -> None:
    office = replace(account(), reasons=ReasonTable.of({"controllable": [HOSTILE]}))
    assert_harmless(page(board_rows(refusals=losses((HOSTILE, 1, 100))), office))


@pytest.mark.parametrize("language", get_args(Language))
def test_every_figure_and_card_of_a_desk_has_its_topic_and_a_wall_asks_nothing(language: Language) -> None:
    read = replace(worked_example(), losses=dict.fromkeys(MONTH.selections, losses(("Дорого", 1, 300))))
    desk = render.page(board(read), account(), QUERY._replace(language=language))
    asked = [link for link in Elements(desk).of("a") if link.get("data-help")]
    topics = {link["data-help"] for link in asked}
    answered = {f"about-{topic}" for topic in topics}
    assert answered <= {item["id"] for _, item in Elements(page(read, language=language)).all if "id" in item}
    assert {item["data-figure"] for _, item in Elements(desk).all if "data-figure" in item} <= topics
    assert {"losses", "risk", "call", "managers", "days"} <= topics
    assert all((link["href"] or "").endswith(f"#about-{link['data-help']}") for link in asked)
    wall = render.page(board(read), account(), QUERY._replace(language=language, mode="wall"))
    assert [link for link in Elements(wall).of("a") if link.get("data-help")] == []


def test_a_figure_is_explained_over_the_board(browser: Browser) -> None:
    with opened(browser, bypass_csp=True, viewport={"width": 1440, "height": 900}) as screen:
        screen.open(worked_example())
        page, dialog = screen.page, screen.page.locator("#help")
        link = page.locator('[data-help="stake"]')
        link.click()
        expect(dialog.get_by_role("heading", name="Сумма на кону 5\u00a0184\u00a0₽")).to_be_visible()
        expect(dialog.get_by_text("Клиентов в риске")).to_be_hidden()
        expect(dialog.get_by_text("Пример")).to_have_count(2)
        dialog.get_by_role("link", name="Вся справка").click()
        expect(dialog.get_by_text("следующий период")).to_be_visible()
        expect(dialog.get_by_role("region")).to_be_focused()
        screen.change(with_clients(worked_example(), seq=2))  # the stream replaces the link
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(page.locator('[data-help="stake"]')).to_be_focused()
        full = page.get_by_role("button", name="Во весь экран")
        full.click()
        expect(full).to_have_attribute("aria-pressed", "true")
        full.click()
        expect(full).to_have_attribute("aria-pressed", "false")
        page.keyboard.press("?")
        expect(dialog.get_by_text("следующий период")).to_be_visible()
        expect(dialog.get_by_text("Клиентов в риске").first).to_be_visible()
        page.clock.resume()  # axe uses timers
        assert violations(page) == []
        for width in (390, 320):
            assert fits_in_width(page, (width, 844)), width
        dialog.get_by_role("button", name="Закрыть").click()
        page.evaluate("() => { window.fetch = () => Promise.reject(new Error()); }")
        page.locator(".to-help").click()
        expect(dialog).to_contain_text("Нет связи: справку сейчас не загрузить")


def test_without_a_script_the_help_is_a_page(browser: Browser) -> None:
    with browser.new_context(locale="ru", java_script_enabled=False) as context:
        serve(context, later(worked_example(), 2))
        page = context.new_page()
        page.goto(ADDRESS)
        page.locator('[data-help="objective"]').click()
        expect(page).to_have_url(re.compile("/boards/office/help[?].*#about-objective"))
        expect(page.get_by_text("повлиять было трудно").first).to_be_in_viewport()
        page.get_by_role("link", name="назад к табло").click()
        expect(page.get_by_role("heading", name="Где теряются деньги")).to_be_visible()
