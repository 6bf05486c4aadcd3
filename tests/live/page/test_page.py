"""The page's script: what it shows, what it requests, and what it says while the stream is silent."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from service.ledger.read.board import BoardRows
from service.live.page import render
from service.model import SECOND
from tests.browser import box, fits_in_width, violations
from tests.e2e.running import until
from tests.live.boards import NOW, QUERY, board, board_of, board_rows, client, task, worked_example
from tests.live.screens import (
    ADDRESS,
    STREAM,
    Screen,
    later,
    names,
    opened,
    serve,
    with_another,
    without_clients,
)


def test_the_stream_is_requested_for_the_query_of_the_page(screen: Screen) -> None:
    [address] = screen.streams()
    assert address == "/boards/office/events?lang=ru&form=html"


def test_the_page_is_live_only_when_its_stream_has_spoken(screen: Screen) -> None:
    screen.state("connecting")
    expect(screen.page.locator("#connection")).to_have_text("Подключаемся…")
    expect(screen.page.get_by_text("Без JavaScript")).to_be_hidden()
    screen.open(worked_example())
    screen.state("live")
    expect(screen.page.locator("#connection")).to_have_text("На связи")
    expect(screen.page.locator("#stale")).to_be_hidden()


def test_a_patch_changes_figures_and_rows_without_a_reload(screen: Screen) -> None:
    screen.open(worked_example())
    screen.change(with_another(worked_example(), 2))
    assert names(screen.page) == ["Ольга", "Иван Петров"]
    expect(screen.page.locator("[data-figure=clients] [data-value]")).to_have_attribute("data-value", "2")
    expect(screen.page.locator("[data-figure=clients] .highlight")).to_have_count(1)
    expect(screen.page.locator("html")).to_have_attribute("data-seq", "2")


def test_a_client_can_come_back_while_its_row_is_leaving(screen: Screen) -> None:
    screen.open(worked_example())
    screen.change(without_clients(worked_example(), 2))
    screen.change(later(worked_example(), 3))
    assert names(screen.page) == ["Иван Петров"]
    expect(screen.page.locator("#list .leaving")).to_have_count(1)
    screen.page.clock.run_for(3_000)
    expect(screen.page.locator("#list .client")).to_have_count(1)


def test_overdue_times_tick_by_the_servers_clock(screen: Screen) -> None:
    screen.page.clock.set_system_time(datetime(2031, 1, 1, tzinfo=UTC))  # a screen can be wrong by years
    screen.open(worked_example())
    screen.beat()
    due = screen.page.locator("time[data-due]")
    assert due.all_inner_texts() == ["1\u00a0день\u00a04\u00a0ч", "3\u00a0ч", "24\u00a0мин"]
    screen.beat(60)
    assert due.all_inner_texts()[1:] == ["3\u00a0ч\u00a01\u00a0мин", "25\u00a0мин"]
    expect(screen.page.locator("[data-moment=as_of]").first).to_have_text("10:01:00")


def test_silence_of_three_heartbeats_is_a_loss_in_plain_sight(screen: Screen) -> None:
    screen.open(worked_example())
    screen.page.clock.run_for(14_000)
    screen.state("live")
    screen.page.clock.run_for(3_000)
    screen.state("lost")
    screen.page.clock.run_for(120_000)
    stale = screen.page.locator("#stale")
    expect(stale).to_be_visible()
    expect(stale).to_contain_text("Нет связи: данные на 10:00:00, 2\u00a0мин назад")
    assert "grayscale" in screen.page.locator("main").evaluate("(main) => getComputedStyle(main).filter")
    width = screen.page.evaluate("document.documentElement.clientWidth")
    assert box(stale)["width"] == width
    screen.open(later(worked_example(), 2, as_of=NOW + 140 * SECOND))
    screen.state("live")
    expect(stale).to_be_hidden()


def test_a_service_whose_clock_is_set_back_takes_the_page_with_it(screen: Screen) -> None:
    screen.open(worked_example())
    screen.beat(-3600)
    expect(screen.page.locator("[data-moment=as_of]").first).to_have_text("09:00:00")
    assert screen.page.locator("time[data-due]").all_inner_texts()[1] == "2\u00a0ч"


def test_a_screen_whose_clock_is_set_back_goes_on(screen: Screen) -> None:
    screen.open(worked_example())
    screen.page.clock.set_system_time(datetime(2020, 1, 1, tzinfo=UTC))
    screen.page.clock.run_for(14_000)
    screen.state("live")
    assert len(screen.streams()) == 1
    screen.page.clock.run_for(60_000)
    screen.state("lost")
    assert screen.page.locator("time[data-due]").all_inner_texts()[2] == "25\u00a0мин"
    screen.page.evaluate("window.fail()")
    screen.page.clock.run_for(60_000)
    assert len(screen.streams()) > 1


def test_a_screen_that_slept_takes_its_figures_for_old_and_its_stream_for_dead(screen: Screen) -> None:
    """As if its clock had been set forward: the other one may stand still in a sleep."""
    screen.open(worked_example())
    screen.page.clock.set_system_time(datetime(2026, 11, 24, 7, tzinfo=UTC))
    screen.page.clock.run_for(1_000)
    assert len(screen.streams()) == 2
    screen.state("connecting")
    screen.page.clock.run_for(16_000)
    screen.state("lost")
    expect(screen.page.locator("#stale")).to_contain_text("1\u00a0день назад")
    screen.open(later(worked_example(), 2, as_of=NOW + 20 * SECOND))
    screen.beat(21)
    screen.state("live")
    assert screen.page.locator("time[data-due]").all_inner_texts()[2] == "24\u00a0мин"


def test_a_stream_that_was_refused_is_opened_again_after_growing_pauses(screen: Screen) -> None:
    screen.open(worked_example())
    pauses = []
    for attempt in range(2, 6):
        screen.page.evaluate("window.fail()")
        waited = 0
        while len(screen.streams()) < attempt:
            screen.page.clock.run_for(500)
            waited += 500
            assert waited <= 60_000
        pauses.append(waited)
    assert pauses[0] <= 2_500
    assert pauses[-1] > pauses[0]
    assert pauses[-1] >= 4_500


def test_a_page_that_comes_back_to_a_dead_stream_opens_a_new_one_at_once(screen: Screen) -> None:
    screen.open(worked_example())
    screen.page.evaluate("window.streams.at(-1).readyState = 2; dispatchEvent(new Event('online'))")
    assert len(screen.streams()) == 2


def test_a_lost_patch_is_repaired_by_a_snapshot(screen: Screen) -> None:
    screen.open(worked_example())
    screen.shown = with_another(worked_example(), 5)
    screen.beat(5)
    assert len(screen.streams()) == 1
    screen.beat(10)
    assert len(screen.streams()) == 2
    screen.open(screen.shown)
    assert names(screen.page) == ["Ольга", "Иван Петров"]


def test_a_snapshot_removes_the_rows_that_it_does_not_have(screen: Screen) -> None:
    screen.open(with_another(worked_example(), 2))
    screen.open(worked_example())
    assert names(screen.page) == ["Иван Петров"]


def test_another_order_is_shown_without_a_reload_and_back_again(screen: Screen) -> None:
    screen.open(worked_example())
    screen.page.evaluate("window.kept = true")
    screen.page.get_by_role("link", name="Количество").click()
    expect(screen.page).to_have_url(re.compile(r"\?period=month&sort=count&lang=ru$"))
    assert parse_qs(urlsplit(screen.streams()[-1]).query)["sort"] == ["count"]
    shown = board(worked_example(), sort="count")
    screen.play("snapshot", render.html_snapshot(shown, QUERY._replace(sort="count")))
    current = screen.page.locator("#sorting [aria-current]")
    expect(current).to_have_text("Количество")
    expect(current).to_be_focused()
    screen.page.go_back()
    until(lambda: screen.page.evaluate("window.streams.length === 3"))
    assert screen.page.evaluate("window.kept") is True
    assert "sort" not in parse_qs(urlsplit(screen.streams()[-1]).query)


def test_menus_close_as_people_expect_and_give_the_focus_back(screen: Screen) -> None:
    screen.open(worked_example())
    more, dates = (screen.page.locator(f"{menu} > summary") for menu in ("#periods .menu", "#range"))
    opened = screen.page.locator("details[open]")
    more.click()
    screen.page.keyboard.press("Tab")
    expect(screen.page.get_by_role("link", name="Вчера")).to_be_focused()
    screen.page.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    expect(more).to_be_focused()
    dates.click()
    more.click()
    expect(screen.page.locator("#range[open]")).to_have_count(0)
    screen.page.locator("#losses-title").click()
    expect(opened).to_have_count(0)
    expect(more).to_be_focused()
    more.click()
    screen.page.get_by_role("link", name="Вчера").click()
    expect(opened).to_have_count(0)
    expect(screen.page).to_have_url(re.compile("period=yesterday&"))
    query = QUERY._replace(period="yesterday")
    snapshot = render.html_snapshot(board_of(query), query)
    screen.play("snapshot", snapshot)
    expect(more).to_have_text("Вчера")
    expect(more).to_be_focused()


def test_what_is_chosen_without_a_connection_is_not_shown_before_it_is_loaded(screen: Screen) -> None:
    screen.open(worked_example())
    waiting, shown = screen.page.locator("#waiting"), screen.page.locator("#periods [aria-current]")
    screen.page.get_by_role("link", name="Неделя").click()
    expect(waiting).to_be_hidden()  # the connection may be sound
    screen.page.evaluate("window.fail()")
    screen.page.clock.run_for(1_000)
    expect(waiting).to_have_text("Нет связи: покажем, когда вернётся")
    screen.page.clock.run_for(20_000)
    screen.state("lost")
    screen.page.get_by_role("link", name="Год", exact=True).click()
    expect(waiting).to_be_visible()
    expect(shown).to_have_text("Месяц")
    assert screen.page.locator("[data-chosen]").all_inner_texts() == ["Год"]
    assert parse_qs(urlsplit(screen.streams()[-1]).query)["period"] == ["year"]
    query = QUERY._replace(period="year")
    screen.play("snapshot", render.html_snapshot(board_of(query), query))
    expect(waiting).to_be_hidden()
    expect(shown).to_have_text("Год")
    expect(screen.page.locator("[data-chosen]")).to_have_count(0)


def test_a_range_of_dates_can_be_chosen_whichever_way_round(screen: Screen) -> None:
    screen.open(worked_example())
    screen.page.get_by_text("Даты…").click()
    expect(screen.page.locator("#range [name=from]")).to_have_value("2026-11-01")
    screen.page.locator("#range [name=from]").fill("2026-11-20")
    screen.page.locator("#range [name=to]").fill("2026-11-10")
    screen.page.locator("#range").get_by_role("button", name="Показать").click()
    expect(screen.page).to_have_url(re.compile(r"\?period=2026-11-10\.\.2026-11-20$"))
    expect(screen.page.get_by_text("Даты…")).to_be_focused()
    expect(screen.page.locator("#range[open]")).to_have_count(0)
    assert parse_qs(urlsplit(screen.streams()[-1]).query)["period"] == ["2026-11-10..2026-11-20"]


def test_the_keyboard_switches_order_and_period_in_any_layout(screen: Screen) -> None:
    screen.open(worked_example())
    screen.page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'ы', code: 'KeyS', bubbles: true }))"
    )
    expect(screen.page).to_have_url(re.compile("sort=count"))
    delay = QUERY._replace(sort="count", manager="3")
    screen.play("snapshot", render.html_snapshot(screen.board(worked_example()), delay))
    expect(screen.page).to_have_title("(1) Анна · Отдел продаж")
    screen.page.keyboard.press("s")
    expect(screen.page).to_have_url(re.compile("sort=delay"))
    screen.page.keyboard.press("p")
    expect(screen.page).to_have_url(re.compile("period=quarter"))
    screen.page.keyboard.press("?")
    expect(screen.page.locator("#help")).to_be_visible()
    screen.page.keyboard.press("Escape")
    expect(screen.page.locator("#help")).to_be_hidden()


def test_a_patch_leaves_the_keyboards_focus_where_it_was(screen: Screen) -> None:
    def linked(seq: int, *hours: float) -> BoardRows:
        rows = [task(f"t{n}", late, url=f"https://crm.example/{n}") for n, late in enumerate(hours)]
        return board_rows([client("7", "Иван", 1, *rows)], seq=seq)

    screen.open(linked(1, 3, 1))
    link = screen.page.locator("a[href='https://crm.example/1']")
    link.focus()
    screen.change(linked(2, 3, 1, 2))
    expect(link).to_be_focused()


def test_an_upgraded_service_reloads_the_page_once_at_a_quiet_moment(screen: Screen) -> None:
    snapshot = {**render.html_snapshot(board(worked_example()), QUERY), "version": "another"}
    screen.page.evaluate("window.kept = true")
    screen.play("snapshot", snapshot)
    screen.page.clock.run_for(2_000)
    assert screen.page.evaluate("window.kept") is True  # not while the page is in use
    with screen.page.expect_navigation():
        screen.page.clock.run_for(4_000)
    until(lambda: screen.page.evaluate("window.streams.length === 1"))
    assert screen.page.evaluate("window.kept") is None
    screen.page.evaluate("window.kept = true")
    screen.play("snapshot", snapshot)
    screen.page.clock.run_for(10_000)
    assert screen.page.evaluate("window.kept") is True


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_page_fits_every_screen_and_is_accessible(browser: Browser, scheme: str) -> None:
    with browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        bypass_csp=True,
    ) as context:
        serve(context, with_another(worked_example(), 2))
        page = context.new_page()
        page.add_init_script(STREAM)
        page.goto(ADDRESS)
        for width in (3840, 1920, 1366, 390, 320):
            height = 844 if width < 400 else round(width * 9 / 16)
            assert fits_in_width(page, (width, height)), width
            if width in (1366, 320):
                assert violations(page) == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("mode", ["desk", "wall"])
def test_a_page_with_its_messages_and_dialogs_is_accessible_too(
    browser: Browser, mode: str, scheme: str
) -> None:
    query = QUERY._replace(mode="wall" if mode == "wall" else "desk")
    query = query._replace(theme="light" if scheme == "light" else "dark")
    with opened(browser, query, bypass_csp=True) as screen:
        screen.open(worked_example())
        screen.change(without_clients(worked_example(), 2))
        screen.page.clock.run_for(130_000)
        screen.state("lost")
        expect(screen.page.get_by_text("Все клиенты на связи")).to_be_visible()
        if mode == "desk":
            screen.page.get_by_text("Даты…").click()
        screen.page.clock.resume()  # axe uses timers
        assert violations(screen.page) == []
        screen.page.keyboard.press("?")
        expect(screen.page.locator("#help")).to_be_visible()
        assert violations(screen.page) == []


def test_f_fills_the_screen_and_gives_it_back(screen: Screen) -> None:
    full = "document.fullscreenElement === document.documentElement"
    screen.open(worked_example())
    screen.page.keyboard.press("f")
    until(lambda: screen.page.evaluate(full))
    screen.page.keyboard.press("f")
    until(lambda: not screen.page.evaluate(full))


def test_the_page_works_without_javascript(browser: Browser) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        serve(context, worked_example())
        page = context.new_page()
        page.goto(ADDRESS)
        expect(page.get_by_text("Без JavaScript они не обновляются")).to_be_visible()
        expect(page.get_by_text("1\u00a0день\u00a04\u00a0ч")).to_be_visible()
        expect(page.locator("#connection")).to_have_text("")
        page.get_by_text("Даты…").click()
        page.locator("#range [name=to]").fill("2026-10-01")
        page.locator("#range").get_by_role("button", name="Показать").click()
        expect(page).to_have_url(re.compile(r"\?sort=amount&lang=ru&from=2026-11-01&to=2026-10-01$"))
        page.get_by_role("link", name="Количество").click()
        expect(page.locator("#sorting [aria-current]")).to_have_text("Количество")
