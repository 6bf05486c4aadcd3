"""A wall that shows several boards in turns: none is empty, none is shown before it is there."""

from __future__ import annotations

from urllib.parse import parse_qs

from playwright.sync_api import Browser, expect

from service.live.board.query import BoardQuery
from service.live.page import render
from service.live.page.rotation import first_stop, stops_of
from tests.live.boards import QUERY, account, board, worked_example
from tests.live.page.html import Elements
from tests.live.screens import Screen, opened, without_clients

WALL = QUERY._replace(mode="wall", rotate="all@20,pipeline:1,office2/manager:-@40", view="manager=3")


def test_each_stop_says_all_of_its_view_and_its_time() -> None:
    stops = stops_of(WALL)
    assert [stop["seconds"] for stop in stops] == [20, 30, 40]
    assert [stop["address"].partition("?")[0] for stop in stops] == ["office/events"] * 2 + ["office2/events"]
    views = [parse_qs(stop["address"].partition("?")[2], keep_blank_values=True) for stop in stops]
    assert [(view["manager"], view["pipeline"]) for view in views] == [
        ([""], [""]),
        ([""], ["1"]),
        (["-"], [""]),
    ]
    assert all((view["mode"], view["form"], view["lang"]) == (["wall"], ["html"], ["ru"]) for view in views)
    assert stops_of(WALL._replace(mode="desk")) == []


def test_a_wall_begins_with_its_first_stop() -> None:
    assert first_stop(WALL._replace(rotate="pipeline:1,all", manager="3"))[7:9] == (None, "1")
    assert first_stop(WALL._replace(rotate="office2/all", manager="3")).manager == "3"
    assert first_stop(QUERY) == QUERY


def closed(screen: Screen) -> list[bool]:
    """Which of the streams are closed."""
    states: list[bool] = screen.page.evaluate("window.streams.map((stream) => stream.readyState === 2)")
    return states


def test_the_next_board_is_shown_when_it_is_there_and_its_turn_has_come(browser: Browser) -> None:
    with opened(browser, WALL._replace(view=""), viewport={"width": 1920, "height": 1080}) as wall:
        page, dots, name = wall.page, wall.page.locator("#stops"), wall.page.locator("#shown")
        wall.open(worked_example())
        expect(dots).to_have_text("●○○")
        page.clock.run_for(14_000)
        assert len(wall.streams()) == 1
        wall.beat(14)
        page.clock.run_for(2_000)  # it is loaded a little before its turn
        assert [address.partition("?")[0] for address in wall.streams()] == ["office/events"] * 2
        wall.query = WALL._replace(pipeline="1")
        wall.open(worked_example())
        wall.change(without_clients(worked_example(), seq=2))
        page.clock.run_for(2_000)
        expect(name).to_be_hidden()
        page.clock.run_for(3_000)
        expect(name).to_have_text("Продажи")
        expect(dots).to_have_text("○●○")
        assert closed(wall) == [True, False]
        assert page.locator(".highlight, .leaving, .client").count() == 0  # what came meanwhile is no news
        wall.state("live")
        for _ in range(9):  # nothing comes of the others: this one stays, alive
            page.clock.run_for(5_000)
            wall.page.evaluate("window.streams = [window.streams[0], window.streams[1]]")
            wall.beat(60)
        expect(name).to_have_text("Продажи")


def test_a_page_has_stops_only_if_it_is_a_wall_that_rotates() -> None:
    def stops(query: BoardQuery) -> str | None:
        [page] = Elements(render.page(board(worked_example()), account(), query)).of("html")
        return page.get("data-stops")

    assert stops(QUERY) is None
    assert "office2/events" in (stops(WALL) or "")
