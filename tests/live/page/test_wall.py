"""The wall: everything fits on one screen, the most urgent rows stay, the others take turns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from service.ledger.read.board import BoardRows
from tests.browser import box, violations
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
FIGURES = "main .value, .lead .amount, .lead .times, .late, .last-delivery, .gap, .figure dt, .change"
CUT = f"""() => [...document.querySelectorAll("{FIGURES}")].filter((figure) => {{
  if (!figure.offsetParent) return false;
  const box = figure.getBoundingClientRect();
  const inline = getComputedStyle(figure).display === "inline";
  const wide = !inline && figure.scrollWidth > figure.clientWidth + 1;
  return wide || box.right > innerWidth + 1 || box.bottom > innerHeight + 1;
}}).map((figure) => figure.className + " " + figure.textContent)"""
"""The figures that are cut off."""
WAKE_LOCK = """Object.defineProperty(navigator, "wakeLock", {
  value: { request: (kind) => { (window.requests ??= []).push(kind); } },
})"""
FLIGHT = """(() => {
  const amount = document.querySelector(".flying");
  const saved = document.querySelector("[data-figure=saved]").getBoundingClientRect();
  const began = amount.getBoundingClientRect();
  amount.getAnimations()[0].currentTime = 1_000;
  const there = amount.getBoundingClientRect();
  return [began.top, there.left >= saved.left && there.right <= saved.right + 1 && there.top >= saved.top];
})()"""
"""The height at which the saved amount takes off, and whether it lands in its figure."""
ROW = "#list .client:not(.leaving):visible"


def crowd(number: int, seq: int = 1) -> BoardRows:
    """A board with so many clients at risk, in order of the amount at stake."""
    rows = [
        client(f"c{n}", f"Клиент {n}", (number - n) * 100_000, task(f"t{n}", n + 1, deal_id=str(n)))
        for n in range(number)
    ]
    return with_clients(worked_example(), *rows, seq=seq)


def names(screen: Screen) -> list[str]:
    return screen.page.locator(f"{ROW} h4").all_inner_texts()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_wall_shows_everything_in_one_screen(browser: Browser, size: tuple[int, int]) -> None:
    width, height = size
    with opened(browser, WALL, viewport={"width": width, "height": height}) as screen:
        for number in (0, 1, 3, 40):
            screen.open(crowd(number, number))
            assert screen.page.evaluate(FITS) is True, number
            assert screen.page.evaluate(CUT) == [], number


def test_the_most_urgent_stay_and_the_others_take_turns(wall: Screen) -> None:
    wall.open(crowd(12))
    wall.page.clock.run_for(5_000)  # until the row of the page before has left
    first = names(wall)
    assert 4 <= len(first) <= 8
    assert first == [f"Клиент {n}" for n in range(len(first))]
    hidden = 12 - len(first)
    amount = sum(12 - n for n in range(len(first), 12))
    expect(wall.page.locator("#further")).to_have_text(f"ещё {hidden} · {amount}\u00a0000\u00a0₽")
    seen = set(first)
    staying = set(first)
    for _ in range(8):
        wall.page.clock.run_for(12_000)
        wall.beat()
        now = names(wall)
        assert now[0] == "Клиент 0"
        staying &= set(now)
        seen |= set(now)
    assert len(seen) == 12
    assert len(staying) >= len(first) // 2


def test_with_room_for_it_each_task_has_its_whole_text(wall: Screen) -> None:
    rows = [task(f"t{n}", n + 1, text="напомнить об оплате счёта") for n in range(3)]
    wall.open(with_clients(worked_example(), client("7", "Иван", 518_400, *rows)))
    texts = wall.page.locator("#list .text")
    assert (
        texts.evaluate_all("(all) => all.map((text) => text.scrollWidth <= text.clientWidth)") == [True] * 3
    )


def test_when_all_fit_nothing_turns(wall: Screen) -> None:
    wall.open(crowd(3))
    before = names(wall)
    assert len(before) == 3
    expect(wall.page.locator("#further")).to_have_text("")
    wall.page.clock.run_for(12_500)
    assert names(wall) == before


def test_a_new_most_urgent_client_is_in_sight_at_once(wall: Screen) -> None:
    wall.open(crowd(12))
    more = crowd(12, 2)
    urgent = client("new", "Новый", 99_000_000, task("n", 1, deal_id="n"))
    wall.change(with_clients(more, *more.clients.values(), urgent))
    assert names(wall)[0] == "Новый"


def test_a_new_client_announces_itself_wherever_it_stands(wall: Screen) -> None:
    wall.open(crowd(12))
    wall.page.clock.run_for(5_000)  # until nothing is highlighted
    more = crowd(12, 2)
    last = client("new", "Новый", 100, task("n", 1, deal_id="n"))
    wall.change(with_clients(more, *more.clients.values(), last))
    shown = names(wall)
    assert shown[0] == "Клиент 0"
    assert "Новый" in shown
    expect(wall.page.locator("#list .highlight h4")).to_have_text("Новый")
    wall.page.clock.run_for(12_500)
    assert "Новый" not in names(wall)  # it takes turns, as the others do


def test_what_was_done_is_seen_wherever_it_stood_and_its_place_is_taken(wall: Screen) -> None:
    wall.open(replace(crowd(12), totals=saved_today(crowd(12), 0, 0)))
    wall.page.clock.run_for(5_000)  # until nothing is highlighted
    room = len(names(wall))
    fewer = crowd(12, 2)
    [gone] = [row for row in fewer.clients.values() if row.client == "Клиент 11"]
    fewer = with_clients(fewer, *(row for row in fewer.clients.values() if row is not gone))
    row = wall.page.locator("#list .leaving")
    height, lands = wall.change(
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
    place = box(row)
    assert place["y"] <= height <= place["y"] + place["height"]
    assert lands is True
    assert len(names(wall)) == room - 1
    wall.page.clock.run_for(3_000)
    expect(row).to_have_count(0)
    expect(wall.page.locator(ROW)).to_have_count(room)


def test_a_crowd_that_leaves_at_once_does_not_push_out_the_most_urgent(wall: Screen) -> None:
    wall.open(crowd(40))
    wall.page.clock.run_for(5_000)  # until nothing is highlighted
    wall.change(replace(crowd(40, 2), clients=dict(list(crowd(40).clients.items())[:12])))
    assert names(wall)[0] == "Клиент 0"
    assert wall.page.evaluate(CUT) == []
    assert wall.page.locator("#list .leaving:visible").count() <= 3


def test_of_more_reasons_than_fit_the_largest_are_seen_and_the_sum_of_every_kind(wall: Screen) -> None:
    own = [(name, 1, 100_000 * (20 - n)) for n, (name, _, _) in enumerate(EXAMPLE[:-1])]
    others = [(f"Причина {n}", 1, 100 * (10 - n)) for n in range(10)]
    before = worked_example()
    many = replace(before, losses={**before.losses, MONTH.current: losses(*own, *others)})
    wall.open(many)
    wall.page.clock.run_for(5_000)  # until nothing is highlighted
    wall.change(replace(many, seq=2))
    wall.page.clock.run_for(12_500)
    region = wall.page.locator("#losses-reasons")
    assert region.evaluate("(region) => region.scrollHeight <= region.clientHeight") is True
    shown = region.locator("li:visible").evaluate_all("(rows) => rows.map((row) => row.dataset.reason)")
    assert shown[:2] == [name for name, _, _ in EXAMPLE[:2]]
    assert {name for name, _, _ in EXAMPLE[:-1]} >= set(shown) - {"Причина 0", "Причина 1"}
    assert 2 <= len(shown) < 17
    expect(region.locator("h3:visible")).to_have_count(3)


def test_of_many_reasons_that_changed_at_once_the_largest_are_seen(wall: Screen) -> None:
    before = worked_example()
    wall.open(before)
    wall.page.clock.run_for(5_000)  # until nothing is highlighted
    more = sorted(
        ((name, count + 1, amount + 100) for name, count, amount in EXAMPLE[:-1]), key=lambda row: -row[2]
    )
    wall.change(replace(before, seq=2, losses={**before.losses, MONTH.current: losses(*more)}))
    rows = wall.page.locator("#losses-reasons li:visible")
    shown = rows.evaluate_all("(rows) => rows.map((row) => row.dataset.reason)")
    assert 2 <= len(shown) < len(more)
    assert set(shown) == {name for name, _, _ in more[: len(shown)]}


def test_a_wall_that_lost_the_service_says_so_in_place_of_its_state_and_covers_nothing(wall: Screen) -> None:
    wall.open(crowd(12))
    place = box(wall.page.locator("main"))
    wall.page.clock.run_for(130_000)
    stale = wall.page.locator("#stale")
    expect(stale).to_contain_text("2\u00a0мин назад")
    assert box(stale)["y"] + box(stale)["height"] <= place["y"] + 1
    assert box(stale)["width"] > 800
    assert box(wall.page.locator("main")) == place
    expect(wall.page.locator("h1")).to_be_visible()
    assert wall.page.evaluate(CUT) == []


def test_a_wall_has_nothing_to_open(wall: Screen) -> None:
    rows = [task("t1", url="https://crm.example/1")]
    wall.open(replace(worked_example(), clients={"7": client("7", "Иван", 518_400, *rows)}))
    assert wall.page.locator("main a:visible").count() == 0
    assert wall.page.locator("#losses-reasons .name").count() > 0


def test_a_wall_moves_by_pixels_and_has_nothing_to_click(wall: Screen) -> None:
    wall.open(worked_example())
    places = set()
    for _ in range(5):
        places.add(wall.page.evaluate("getComputedStyle(document.body).transform"))
        wall.page.clock.run_for(180_000)
    assert len(places) == 4 + 1  # no transform at first, then each of the four shifts
    for selector in ("#periods", "#filters", "#sorting", "#range"):
        expect(wall.page.locator(selector)).to_be_hidden()


def test_the_screen_is_asked_to_stay_awake(wall: Screen) -> None:
    wall.page.add_init_script(WAKE_LOCK)
    wall.page.reload()
    until(lambda: wall.page.evaluate("window.requests?.length === 1"))
    wall.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert wall.page.evaluate("window.requests") == ["screen", "screen"]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_wall_is_accessible_in_both_themes(browser: Browser, theme: str) -> None:
    query = WALL._replace(theme="light" if theme == "light" else "dark")
    with opened(browser, query, viewport={"width": 1920, "height": 1080}, bypass_csp=True) as screen:
        screen.open(crowd(12))
        screen.page.clock.run_for(5_000)
        screen.page.clock.resume()  # axe uses timers
        ground = screen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(11, 15, 20)") is (theme == "dark")
        assert violations(screen.page) == []
