"""Errors, as a person with a browser gets them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from service.http.security import SECURITY
from tests.live.http.door import Door, door

BROWSER = {
    "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "accept-language": "en-US,en;q=0.9,ru;q=0.8",
}


@pytest.fixture
async def opened(sqlite_ledgers: Callable[[], str]) -> AsyncIterator[Door]:
    async with door(sqlite_ledgers(), root_path="/crm") as service:
        yield service


@pytest.mark.parametrize(
    ("path", "status", "english", "russian"),
    [
        ("/boards/office", 401, "Open the board by a new link", "Откройте табло по новой ссылке"),
        ("/boards/office?token=wrong", 401, "Open the board by a new link", "Откройте табло по новой"),
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
    assert (page.status_code, "Too many wrong links" in page.text) == (429, True)
    assert f'<meta http-equiv="refresh" content="{page.headers["retry-after"]}">' in page.text
