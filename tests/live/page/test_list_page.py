"""The page of a list in a real browser: it fits, is accessible, obeys its policy, and needs no script."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from service.http.around.security import SECURITY
from service.live.page.render import STATIC
from tests.browser import box, fits_in_width, violations
from tests.live.boards import QUERY, board_rows, client, task
from tests.live.page.listings import (
    deal,
    refusal_page,
    refusals,
    task_page,
    trouble_page,
    unpriced_deal,
    unpriced_page,
)

ADDRESS = "http://127.0.0.1:9/boards/office"
LONG = "Корпоративный-абонемент-на-весь-отдел-" * 8
DEALS = [
    deal(1, "3", 1641600),
    deal(2, None, 0, name=None, client=None, client_id=None, unconverted="USD"),
    deal(3, "5", 100, name=LONG, client=LONG, manager_id=None, url=None),
    *(deal(number, "3") for number in range(4, 40)),
]
TASKS = [
    client("7", "Иван Петров", 518400, task("t1", 28, url="https://crm.example/42"), task("t2", 3)),
    client("8", LONG, 0, task("t3", deal_id=None, deal=None, text=None, manager_id=None)),
]


PAGES = {
    "deals": refusal_page(refusals(*DEALS)),
    "nothing": refusal_page(refusals()),
    "tasks": task_page(board_rows(TASKS)),
    "troubles": trouble_page(),
    "unpriced": unpriced_page(unpriced_deal(1), unpriced_deal(2, 100_000, "USD")),
}


def serve(context: BrowserContext) -> None:
    """Answer in place of the service: the lists, the board and the page's files."""

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith("/static/"):
            route.fulfill(path=STATIC / path.removeprefix("/static/"))
        elif path == "/boards/office":
            route.fulfill(body="<title>The board</title>", content_type="text/html")
        else:
            route.fulfill(
                body=PAGES[path.rpartition("/")[2]],
                content_type="text/html; charset=utf-8",
                headers=dict(SECURITY),
            )

    context.route("http://127.0.0.1:9/**", answer)


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A phone without JavaScript."""
    with browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False) as context:
        serve(context)
        yield context.new_page()


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("name", ["deals", "tasks", "nothing", "troubles", "unpriced"])
def test_a_list_fits_every_screen_and_is_accessible(browser: Browser, name: str, scheme: str) -> None:
    with browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        bypass_csp=True,
    ) as context:
        serve(context)
        shown = context.new_page()
        shown.goto(f"{ADDRESS}/{name}")
        ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(11, 15, 20)" if scheme == "dark" else "rgb(236, 239, 243)")
        for width in (1920, 1366, 390):
            assert fits_in_width(shown, (width, 844)), width
            if width != 1920:
                assert violations(shown) == []


def test_nothing_on_the_page_breaks_its_policy(browser: Browser) -> None:
    with browser.new_context() as context:
        serve(context)
        shown = context.new_page()
        problems: list[str] = []
        shown.on("console", lambda message: problems.append(message.text))
        shown.on("requestfailed", lambda request: problems.append(request.url))
        shown.goto(f"{ADDRESS}/deals")
        assert problems == []


def test_a_list_of_some_thirty_rows_is_printed_on_one_page(browser: Browser) -> None:
    """Chromium writes `/Type /Page` once for each page of a PDF file."""
    with browser.new_context(color_scheme="dark") as context:
        shown = context.new_page()
        shown.set_content(refusal_page(refusals(*(deal(number, "3") for number in range(30)))))
        shown.add_style_tag(path=STATIC / "board.css")
        shown.add_style_tag(path=STATIC / "list.css")
        assert shown.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 1
        shown.emulate_media(media="print")
        colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        assert shown.evaluate(colours) == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
        assert shown.locator(".narrowing, .back, .file").evaluate_all(
            "(all) => all.every((one) => !one.offsetParent)"
        )


def test_on_a_phone_the_table_scrolls_by_keyboard_and_keeps_its_first_column_in_sight(phone: Page) -> None:
    phone.goto(f"{ADDRESS}/deals")
    table = phone.get_by_role("region", name="Потерянные сделки")
    table.focus()
    expect(table).to_be_focused()
    first, last = phone.locator("tbody th").first, phone.locator("tbody tr:first-child td").last
    before = box(first)
    assert box(last)["x"] > 390
    for _ in range(40):
        phone.keyboard.press("ArrowRight")
    expect(last).to_be_in_viewport(ratio=0.9)
    assert abs(box(first)["x"] - before["x"]) < 1


def test_the_way_back_leads_to_the_board(phone: Page) -> None:
    phone.goto(f"{ADDRESS}/tasks")
    phone.get_by_role("link", name="назад к табло").click()
    expect(phone).to_have_title("The board")
    assert phone.url == f"{ADDRESS}?{QUERY.urlencoded()}"
