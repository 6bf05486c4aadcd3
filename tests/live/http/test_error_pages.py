"""Errors, as a person with a browser gets them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from service.http.around.security import SECURITY
from service.live.page.plain_page import ErrorShown, error_page
from tests.live.http.door import Door, door
from tests.live.page.html import Elements, links_of, text

BROWSER = {
    "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "accept-language": "en-US,en;q=0.9,ru;q=0.8",
}


def refreshes(page: str) -> list[str | None]:
    return [meta["content"] for meta in Elements(page).of("meta") if "http-equiv" in meta]


@pytest.fixture
async def opened(sqlite_ledgers: Callable[[], str]) -> AsyncIterator[Door]:
    async with door(sqlite_ledgers(), root_path="/crm") as service:
        yield service


@pytest.mark.parametrize(
    ("path", "status", "english", "russian"),
    [
        ("/boards/office", 401, "This board opens by a link", "Это табло открывается по ссылке"),
        ("/boards/office?token=wrong", 401, "This board opens by a link", "Это табло открывается"),
        ("/boards/nobody", 404, "There is nothing at this address", "По этому адресу ничего нет"),
        ("/nowhere", 404, "There is nothing at this address", "По этому адресу ничего нет"),
        ("/boards/office?token=a&token=b", 400, "This address cannot be shown", "Показать этот адрес нельзя"),
        ("/webhooks/office", 405, "This address cannot be shown", "Показать этот адрес нельзя"),
    ],
)
async def test_a_browser_gets_a_page_in_its_language_and_a_program_gets_json(
    opened: Door, path: str, status: int, english: str, russian: str
) -> None:
    async with opened.client() as client:
        page = await client.get(path, headers=BROWSER)
        assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert english in page.text
        assert "/crm/static/board.css" in page.text
        assert {name: page.headers[name] for name in SECURITY} == SECURITY
        assert russian in (await client.get(path, headers=BROWSER | {"accept-language": "ru"})).text
        for headers in ({}, {"accept": "*/*"}, {"accept": "application/json"}):
            answer = await client.get(path, headers=headers)
            assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert (await client.head(path, headers=BROWSER)).status_code == status


async def test_what_passes_is_tried_again_by_the_page_itself(opened: Door) -> None:
    async with opened.client() as client:
        for _ in range(30):
            page = await client.get("/boards/office?token=wrong", headers=BROWSER)
    assert (page.status_code, "Too many requests at once" in page.text) == (429, True)
    assert refreshes(page.text) == [page.headers["retry-after"]]
    assert f'data-seconds="{page.headers["retry-after"]}"' in page.text


async def test_a_wall_tries_again_by_itself_and_at_a_desk_a_link_can_be_pasted(opened: Door) -> None:
    for path, seconds, form in (
        ("/boards/office", None, True),
        ("/boards/office?mode=wall", 60, False),
        ("/boards/office?period=month&mode=wall&token=wrong", 60, False),
        ("/boards/nobody?mode=wall", 60, False),
        ("/boards/nobody", None, False),
        ("/?mode=walls&link=wrong", None, True),
    ):
        async with opened.client() as client:
            page = (await client.get(path, headers=BROWSER)).text
        assert refreshes(page) == ([str(seconds)] if seconds else []), path
        assert [found["action"] for found in Elements(page).of("form")] == (["/crm/"] if form else []), path
        assert ("retry.js" in page) == bool(form or seconds), path


async def test_every_page_leads_on(opened: Door) -> None:
    async with opened.client() as client:
        for path, ways in (
            ("/nowhere", ["/crm/"]),
            ("/boards/office?period=never", ["/crm/", "/crm/boards/office"]),
        ):
            proof = {"authorization": f"Bearer {opened.tokens['right']}"}
            page = (await client.get(path, headers={**BROWSER, **proof})).text
            assert links_of(page) == ways


def test_what_cannot_be_read_now_says_that_it_tries_again() -> None:
    page = error_page(ErrorShown(503, "away", 5, "office", wall=True), "ru", "/crm")
    assert "Сейчас табло показать нельзя" in text(page)
    assert "Страница сама пробует снова, раз в 5 секунд." in text(page)
    assert refreshes(page) == ["5"]
