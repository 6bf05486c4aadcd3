"""Pages without figures in a real browser: they lead on, and a wall never stays on one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route, expect

from service.config import Language
from service.http.around.security import SECURITY
from service.live.page import render
from service.live.page.plain_page import ErrorShown, error_page, index_page
from tests.browser import fits_in_width, resize, violations
from tests.live.boards import OFFICE, QUERY, board, worked_example

ADDRESS: Final = "http://127.0.0.1:9/boards/office?mode=wall"
RU: Final[Language] = "ru"
AWAY: Final = ErrorShown(503, "the database is away", 5, "office", wall=True)


class Service:
    """What answers at the address."""

    def __init__(self, page: Page) -> None:
        self.status: int | None = 503
        self.page = error_page(AWAY, RU, "")
        page.route("http://127.0.0.1:9/**", self.answer)

    def answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith("/static/"):
            route.fulfill(path=render.STATIC / path.removeprefix("/static/"))
        elif self.status is None:
            route.abort()
        else:
            html = "text/html; charset=utf-8"
            route.fulfill(status=self.status, body=self.page, content_type=html, headers=dict(SECURITY))


def test_a_wall_waits_on_its_page_while_the_service_is_away_and_leaves_it_when_it_is_back(
    browser: Browser,
) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.clock.install()
        service = Service(page)
        page.goto(ADDRESS)
        expect(page.get_by_role("heading")).to_have_text("Сейчас табло показать нельзя")
        page.evaluate("window.kept = true")
        for status in (503, None):  # it is answered so again, and then not at all
            service.status = status
            page.clock.run_for(6_000)
            assert page.evaluate("window.kept") is True
        service.status, service.page = 200, "<h1>табло</h1>"
        page.clock.run_for(6_000)
        expect(page.get_by_role("heading")).to_have_text("табло")


def test_every_page_without_figures_and_the_demos_strip_are_accessible_and_fit(browser: Browser) -> None:
    link = error_page(ErrorShown(401, "no token", None, "office", wall=False), RU, "")
    boards = index_page([OFFICE], "en", "")
    demo = render.page(board(worked_example()), replace(OFFICE, invented=True), QUERY)
    with browser.new_context(bypass_csp=True) as context:
        page = context.new_page()
        service = Service(page)
        for service.page, scheme in ((link, "dark"), (boards, "light"), (demo, "light")):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of Playwright's words
            resize(page, (1440, 900))
            page.goto(ADDRESS)
            page.evaluate("for (const dialog of document.querySelectorAll('#happening')) dialog.show()")
            assert violations(page) == []
            assert fits_in_width(page, (320, 700))
