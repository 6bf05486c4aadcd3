"""The admin page of a running service in a real browser, without JavaScript, on a desk and on a phone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.browser import fits_in_width, violations
from tests.http.served import served
from tests.interface.office import ADMIN
from tests.live.http.test_admin import Admin, admin

PHONE = (360, 740)


def requests_of(running: Admin) -> ASGIApp:
    """The application, which runs already, for a server that would start it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await running.office.app(scope, receive, send)

    return app


@pytest.fixture(scope="module")
def address(sqlite_ledgers: Callable[[], str]) -> Iterator[str]:
    """Where the service is, in a thread: this one's event loop is the browser's."""
    begun: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        async with admin(sqlite_ledgers()) as running, served(requests_of(running), seconds=300) as (_, port):
            end = asyncio.Event()
            begun.set_result((f"http://127.0.0.1:{port}/admin", asyncio.get_running_loop(), end))
            await end.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    found, loop, end = begun.result(20)
    yield found
    loop.call_soon_threadsafe(end.set)
    thread.join()


def assert_readable(page: Page) -> None:
    assert violations(page) == []
    assert fits_in_width(page, PHONE)
    page.set_viewport_size({"width": 1280, "height": 800})


def test_an_operator_signs_in_finds_what_failed_and_retries_it(browser: Browser, address: str) -> None:
    with browser.new_context(java_script_enabled=False, locale="ru-RU", color_scheme="dark") as context:
        page = context.new_page()
        page.goto(f"{address}/office/quarantine")
        page.get_by_label("Токен").fill("wrong")
        page.get_by_role("button", name="Войти").click()
        expect(page.get_by_text("Токен неверный.")).to_be_visible()
        page.get_by_label("Токен").fill(ADMIN)
        page.get_by_role("button", name="Войти").click()
        page.get_by_role("row", name="office").get_by_role("link", name="office").click()
        expect(page.get_by_role("heading", name="нет подписи")).to_contain_text("×7")
        page.get_by_role("navigation").get_by_role("link", name="Карантин").click()
        page.get_by_role("button", name="Повторить доставку 1").click()
        expect(page.get_by_role("status")).to_have_text("Доставки 1 в карантине больше нет")
        page.get_by_role("link", name="Экраны").click()
        page.get_by_label("Имя").fill("Переговорная")
        page.get_by_role("button", name="Добавить").click()
        expect(page.get_by_role("status")).to_contain_text("/boards/office?token=")
        page.get_by_role("button", name="Отозвать: Переговорная").click()
        expect(page.get_by_role("heading", name="Переговорная")).to_have_count(0)
        page.get_by_role("button", name="Выйти").click()
        expect(page.get_by_label("Токен")).to_be_visible()


def test_every_page_is_accessible_and_fits_a_phone(browser: Browser, address: str) -> None:
    pages = ("", "/deliveries", "/deliveries?number=1", "/quarantine", "/reasons", "/screens")
    with browser.new_context(bypass_csp=True, locale="en", color_scheme="light") as context:
        page = context.new_page()
        page.goto(address)
        assert_readable(page)
        page.goto(f"{address}?token={ADMIN}")
        assert page.url == address
        assert_readable(page)
        for path in pages:
            page.goto(f"{address}/office{path}")
            assert_readable(page)
        page.get_by_label("Name").fill("Meeting room")
        page.get_by_role("button", name="Add").click()
        assert_readable(page)
