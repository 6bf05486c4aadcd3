"""Every view of the real service fits every screen and is accessible, in both themes and languages.

Each view is opened once and resized, and its accessibility is looked at on the largest and the smallest
screen: to open a page, or to apply the rules, costs more than another size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import fits_in_width, violations
from tests.e2e.busy import CLIENTS, busy_day
from tests.e2e.running import CONFIG, Service, admit, running

SIZES: Final = ((3840, 2160), (1920, 1080), (1366, 768), (390, 844))
VIEWS: Final = {
    "desk": "office?",
    "wall": "office?mode=wall&",
    "one manager": "office?manager=1&",
    "deals": "office/deals?",
    "tasks": "office/tasks?",
}
THEMES: Final[tuple[Literal["dark", "light"], ...]] = ("dark", "light")
MASKED: Final = CONFIG.replace('language = "ru"', 'language = "ru"\nmask_clients = true', 1)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("sizes"), config=MASKED) as started:
        busy_day(started)
        yield started


def ready(page: Page, address: str) -> None:
    page.goto(address)
    if page.locator("script").count():
        expect(page.locator("html")).to_have_attribute("data-state", "live")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_fits_every_screen_and_is_accessible(
    service: Service, browser: Browser, view: str, theme: Literal["dark", "light"]
) -> None:
    with browser.new_context(bypass_csp=True) as context:
        admit(context)
        page = context.new_page()
        ready(
            page, f"{service.url}/boards/{VIEWS[view]}theme={theme}&lang={'ru' if theme == 'dark' else 'en'}"
        )
        for size in SIZES:
            assert fits_in_width(page, size), size
            if view == "wall" and size[0] > size[1]:
                assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), size
            if size in (SIZES[0], SIZES[-1]):
                assert violations(page) == []


def test_a_wall_shows_strangers_no_surnames(service: Service, page: Page) -> None:
    surnames = {name.split()[1] for name in CLIENTS if "«" not in name} - {"Орлов"}  # also a manager's
    ready(page, f"{service.url}/boards/office?mode=wall")
    assert "Анна К." in page.content()
    assert [name for name in surnames if name in page.content()] == []
    snapshot = service.client.get(f"{service.url}/boards/office/snapshot?mode=wall").text
    assert [name for name in surnames if name in snapshot] == []
    ready(page, f"{service.url}/boards/office")
    assert "Анна Ким" in page.content()


def test_the_address_has_the_whole_query_so_that_it_can_be_shared(service: Service, page: Page) -> None:
    ready(page, f"{service.url}/boards/office")
    page.locator("select[name=manager]").select_option(label="Вера Зимина")
    expect(page).to_have_url(re.compile(r"manager=2"))
    expect(page.locator("#managers tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Количество").click()
    page.get_by_role("link", name="Квартал").click()
    expect(page.locator("#periods [aria-current]")).to_have_text("Квартал")
    expect(page.locator("#sorting [aria-current]")).to_have_text("Количество")
    shown = page.locator("#list h4").all_inner_texts()
    other = page.context.new_page()
    ready(other, page.url)
    assert other.locator("#list h4").all_inner_texts() == shown
    expect(other.locator("select[name=manager]")).to_have_value("2")
    assert set(other.locator(".task .who").all_inner_texts()) == {"Вера Зимина"}


def test_each_figure_opens_its_deals_and_tasks(service: Service, page: Page) -> None:
    ready(page, f"{service.url}/boards/office?period=quarter")
    reason = page.locator("[data-reason='Дорого']")
    count, amount = (reason.locator(f".{name}").get_attribute("data-value") for name in ("times", "amount"))
    reason.get_by_role("link").click()
    expect(page.locator(".sums [data-value]").first).to_have_attribute("data-value", str(amount))
    expect(page.locator("tbody tr")).to_have_count(int(str(count)))
    page.locator(".back").click()
    expect(page).to_have_url(re.compile("period=quarter"))
    row = page.locator("[data-manager='1']")
    tasks = row.locator(".now").get_attribute("data-value")
    row.get_by_role("link").click()
    expect(page.locator("tbody tr")).to_have_count(int(str(tasks)))
