"""The wall: everything in one screen, the most urgent in sight, the others in turns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from service.ledger.read.board import BoardRows
from tests.e2e.running import until
from tests.live.boards import (
    EXAMPLE,
    MONTH,
    QUERY,
    client,
    losses,
    saved_today,
    task,
    with_clients,
    worked_example,
)
from tests.live.screens import Screen, opened

WALL = QUERY._replace(mode="wall")
SIZES = ((1366, 768), (1920, 1080), (3840, 2160), (1920, 1200), (1024, 768), (1080, 1920))
FITS = """() => document.documentElement.scrollWidth <= innerWidth
  && document.documentElement.scrollHeight <= innerHeight"""
FIGURES = (
    "main .value, .lead h4, .lead .amount, .lead .times, .late, .last-delivery, .gap, .figure dt, .change"
)
CUT = f"""() => [...document.querySelectorAll("{FIGURES}")].filter((each) => {{
  if (!each.offsetParent) return false;
  const box = each.getBoundingClientRect();
  const inline = getComputedStyle(each).display === "inline";
  const wide = !inline && each.scrollWidth > each.clientWidth + 1;
  return wide || box.right > innerWidth + 1 || box.bottom > innerHeight + 1;
}}).map((each) => each.className + " " + each.textContent)"""
"""Figures that are not to be seen whole."""
AWAKE = """Object.defineProperty(navigator, "wakeLock", {
  value: { request: (kind) => { (window.asked ??= []).push(kind); } },
})"""
FLIGHT = """(() => {
  const amount = document.querySelector(".flying");
  const saved = document.querySelector("[data-figure=saved]").getBoundingClientRect();
  const began = amount.getBoundingClientRect();
  amount.getAnimations()[0].currentTime = 1_000;
  const there = amount.getBoundingClientRect();
  return [began.top, there.left >= saved.left && there.right <= saved.right + 1 && there.top >= saved.top];
})()"""
"""Where the amount that was saved sets out, and whether it lands in the figure."""
ROW = "#list .client:not(.leaving):visible"


def crowd(number: int, seq: int = 1) -> BoardRows:
    """So many clients at risk, the first with the most at stake."""
    rows = [
        client(f"c{n}", f"Клиент {n}", (number - n) * 100_000, task(f"t{n}", n + 1, deal_id=str(n)))
        for n in range(number)
    ]
    return with_clients(worked_example(), *rows, seq=seq)


def names(screen: Screen) -> list[str]:
    return screen.page.locator(f"{ROW} h4").all_inner_texts()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("number", [0, 1, 3, 40])
def test_a_wall_shows_everything_in_one_screen(browser: Browser, size: tuple[int, int], number: int) -> None:
    width, height = size
    with opened(browser, WALL, viewport={"width": width, "height": height}) as screen:
        screen.open(crowd(number))
        assert screen.page.evaluate(FITS) is True
        assert screen.page.evaluate(CUT) == []


def test_the_headline_is_read_at_ten_metres_and_the_list_at_five(browser: Browser) -> None:
    with opened(browser, WALL, viewport={"width": 1920, "height": 1080}) as screen:
        screen.open(crowd(8))

        def minutes_of_arc(selector: str, metres: float) -> float:
            element = screen.page.locator(selector).first
            size = float(element.evaluate("(each) => parseFloat(getComputedStyle(each).fontSize)"))
            millimetres = size / 1080 * 685 * 0.7  # a 55-inch screen is 685 mm high; 0.7: of capitals
            return millimetres / (metres * 1000) * 3437.75

        assert minutes_of_arc(".losses .figure .value", 10) >= 16
        for selector in (".lead h4", ".lead .amount", ".task .late", ".task .who"):
            assert minutes_of_arc(selector, 5) >= 16


def test_the_most_urgent_stay_and_the_others_take_turns(browser: Browser) -> None:
    with opened(browser, WALL, viewport={"width": 1920, "height": 1080}) as screen:
        screen.open(crowd(12))
        first = names(screen)
        assert 4 <= len(first) <= 8
        assert first == [f"Клиент {n}" for n in range(len(first))]
        hidden = 12 - len(first)
        amount = sum(12 - n for n in range(len(first), 12))
        expect(screen.page.locator("#further")).to_have_text(
            f"ещё {hidden} клиентов · {amount}\u00a0000\u00a0₽"
        )
        seen = set(first)
        staying = set(first)
        for _ in range(8):
            screen.page.clock.run_for(12_000)
            screen.beat()
            now = names(screen)
            assert now[0] == "Клиент 0"
            staying &= set(now)
            seen |= set(now)
        assert len(seen) == 12
        assert len(staying) >= len(first) // 2


def test_when_all_fit_nothing_turns(browser: Browser) -> None:
    with opened(browser, WALL, viewport={"width": 1920, "height": 1080}) as screen:
        screen.open(crowd(3))
        before = names(screen)
        assert len(before) == 3
        expect(screen.page.locator("#further")).to_have_text("")
        screen.page.clock.run_for(12_500)
        assert names(screen) == before


def test_a_new_most_urgent_client_is_in_sight_at_once(browser: Browser) -> None:
    with opened(browser, WALL, viewport={"width": 1920, "height": 1080}) as screen:
        screen.open(crowd(12))
        more = crowd(12, 2)
        urgent = client("new", "Новый", 99_000_000, task("n", 1, deal_id="n"))
        screen.change(with_clients(more, *more.clients.values(), urgent))
        assert names(screen)[0] == "Новый"


def test_a_new_client_announces_itself_wherever_it_stands(browser: Browser) -> None:
    with opened(browser, WALL, viewport={"width": 1920, "height": 1080}) as screen:
        screen.open(crowd(12))
        screen.page.clock.run_for(5_000)  # until that is no news any more
        more = crowd(12, 2)
        last = client("new", "Новый", 100, task("n", 1, deal_id="n"))
        screen.change(with_clients(more, *more.clients.values(), last))
        shown = names(screen)
        assert shown[0] == "Клиент 0"
        assert "Новый" in shown
        expect(screen.page.locator("#list .highlight h4")).to_have_text("Новый")
        screen.page.clock.run_for(12_500)
        assert "Новый" not in names(screen)  # it takes turns, as the others do


def test_what_was_done_is_seen_wherever_it_stood_and_its_place_is_taken(browser: Browser) -> None:
    with opened(browser, WALL, viewport={"width": 1920, "height": 1080}) as screen:
        screen.open(replace(crowd(12), totals=saved_today(crowd(12), 0, 0)))
        screen.page.clock.run_for(5_000)  # until that is no news any more
        room = len(names(screen))
        fewer = crowd(12, 2)
        [gone] = [row for row in fewer.clients.values() if row.client == "Клиент 11"]
        fewer = with_clients(fewer, *(row for row in fewer.clients.values() if row is not gone))
        row = screen.page.locator("#list .leaving")
        height, lands = screen.change(
            replace(
                fewer,
                closed=frozenset({"t11"}),
                saved={"c11": gone.amount},
                totals=saved_today(fewer, 1, gone.amount),
            ),
            FLIGHT,
        )
        expect(row).to_be_visible()
        expect(row.locator(".credit")).to_have_text("✓ Анна")
        box = row.bounding_box()
        assert box is not None
        assert box["y"] <= height <= box["y"] + box["height"]
        assert lands is True
        assert len(names(screen)) == room - 1
        screen.page.clock.run_for(3_000)
        expect(row).to_have_count(0)
        expect(screen.page.locator(ROW)).to_have_count(room)


def test_a_crowd_that_leaves_at_once_does_not_push_out_the_most_urgent(browser: Browser) -> None:
    with opened(browser, WALL, viewport={"width": 1920, "height": 1080}) as screen:
        screen.open(crowd(40))
        screen.page.clock.run_for(5_000)  # until that is no news any more
        screen.change(replace(crowd(40, 2), clients=dict(list(crowd(40).clients.items())[:12])))
        assert names(screen)[0] == "Клиент 0"
        assert screen.page.evaluate(CUT) == []
        assert screen.page.locator("#list .leaving:visible").count() <= 3


def test_of_more_reasons_than_fit_the_largest_are_seen_and_the_sum_of_every_kind(browser: Browser) -> None:
    own = [(name, 1, 100_000 * (20 - n)) for n, (name, _, _) in enumerate(EXAMPLE[:-1])]
    others = [(f"Причина {n}", 1, 100 * (10 - n)) for n in range(10)]
    before = worked_example()
    many = replace(before, losses={**before.losses, MONTH.current: losses(*own, *others)})
    with opened(browser, WALL, viewport={"width": 1920, "height": 1080}) as screen:
        screen.open(many)
        screen.page.clock.run_for(5_000)  # until that is no news any more
        screen.change(replace(many, seq=2))
        screen.page.clock.run_for(12_500)
        part = screen.page.locator("#losses-reasons")
        assert part.evaluate("(each) => each.scrollHeight <= each.clientHeight") is True
        shown = part.locator("li:visible").evaluate_all("(rows) => rows.map((row) => row.dataset.reason)")
        assert shown[:2] == [name for name, _, _ in EXAMPLE[:2]]
        assert {name for name, _, _ in EXAMPLE[:-1]} >= set(shown) - {"Причина 0", "Причина 1"}
        assert 6 <= len(shown) < 17
        expect(part.locator("h3:visible")).to_have_count(3)


def test_a_wall_that_lost_the_service_says_so_across_the_screen_and_keeps_its_places(
    browser: Browser,
) -> None:
    with opened(browser, WALL, viewport={"width": 1920, "height": 1080}) as screen:
        screen.open(crowd(12))
        place = screen.page.locator("main").bounding_box()
        screen.page.clock.run_for(130_000)
        stale = screen.page.locator("#stale")
        expect(stale).to_contain_text("2\u00a0мин назад")
        box = stale.bounding_box()
        assert box is not None
        assert (box["x"], box["width"]) == (0, 1920)
        assert screen.page.locator("main").bounding_box() == place
        assert screen.page.evaluate(CUT) == []


def test_a_wall_has_nothing_to_open(browser: Browser) -> None:
    with opened(browser, WALL, viewport={"width": 1920, "height": 1080}) as screen:
        rows = [task("t1", url="https://crm.example/1")]
        screen.open(replace(worked_example(), clients={"7": client("7", "Иван", 518_400, *rows)}))
        assert screen.page.locator("main a:visible").count() == 0
        assert screen.page.locator("#losses-reasons .name").count() > 0


def test_a_wall_moves_by_pixels_and_has_nothing_to_click(browser: Browser) -> None:
    with opened(browser, WALL, viewport={"width": 1920, "height": 1080}) as screen:
        screen.open(worked_example())
        places = set()
        for _ in range(5):
            places.add(screen.page.evaluate("getComputedStyle(document.body).transform"))
            screen.page.clock.run_for(180_000)
        assert len(places) == 4 + 1  # and the one that it begins with, which is the first of the four
        for selector in ("#periods", "#filters", "#sorting", "#range"):
            expect(screen.page.locator(selector)).to_be_hidden()


def test_the_screen_is_asked_to_stay_awake(browser: Browser) -> None:
    with opened(browser, WALL, viewport={"width": 1920, "height": 1080}) as screen:
        screen.page.add_init_script(AWAKE)
        screen.page.reload()
        until(lambda: screen.page.evaluate("window.asked?.length === 1"))
        screen.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        assert screen.page.evaluate("window.asked") == ["screen", "screen"]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_wall_is_accessible_in_both_themes(browser: Browser, theme: str) -> None:
    query = WALL._replace(theme="light" if theme == "light" else "dark")
    with opened(browser, query, viewport={"width": 1920, "height": 1080}, bypass_csp=True) as screen:
        screen.open(crowd(12))
        screen.page.clock.run_for(5_000)
        screen.page.clock.resume()  # axe waits for itself
        ground = screen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(11, 15, 20)") is (theme == "dark")
        assert [each["id"] for each in Axe().run(screen.page).response["violations"]] == []
