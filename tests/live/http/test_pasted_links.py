"""A link that a person pastes opens its board, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from service.live.http.pasted_links import Pasted, parse_pasted
from tests.live.http.door import Door, door

BROWSER = {"accept": "text/html", "accept-language": "ru"}


@pytest.fixture
async def opened(sqlite_ledgers: Callable[[], str]) -> AsyncIterator[Door]:
    async with door(sqlite_ledgers()) as service:
        yield service


@pytest.mark.parametrize(
    ("text", "pasted"),
    [
        ("abc", Pasted("abc")),
        (" https://board.example/boards/office?token=abc \n", Pasted("abc", "office")),
        (
            "http://127.0.0.1:8000/crm/boards/office/deals?mode=wall&token=a%2Bb&code=1",
            Pasted("a+b", "office", (("mode", "wall"),)),
        ),
        ("/boards/OFFICE?token=abc", Pasted("abc")),
        ("https://board.example/boards/office", Pasted("https://board.example/boards/office")),
        ("http://[::1/boards/office?token=abc", Pasted("http://[::1/boards/office?token=abc")),
        ("", Pasted("")),
    ],
)
def test_what_people_paste_is_understood(text: str, pasted: Pasted) -> None:
    assert parse_pasted(text) == pasted


async def test_a_link_or_its_key_opens_the_board_and_leaves_the_address(opened: Door) -> None:
    right, other = opened.tokens["right"], opened.tokens["another account's"]
    for pasted, location in (
        (right, "boards/office"),
        (opened.tokens["a screen's"], "boards/office"),
        (f"https://evil.example/boards/office?mode=wall&token={right}&next=evil", "boards/office?mode=wall"),
        (f"https://board.example/boards/other?token={other}", "boards/other"),
    ):
        async with opened.client() as browser:
            got = await browser.get("/", params={"link": pasted}, headers=BROWSER)
            assert (got.status_code, got.headers["location"], got.content) == (303, location, b"")
            assert not any(token in str(got.headers) for token in opened.tokens.values() if token)
            assert (await browser.get(f"/{location}")).status_code == 200
            assert (await browser.get("/", headers=BROWSER)).text.count("mode=wall") == 1


async def test_what_opens_nothing_is_a_wrong_token_and_is_charged(opened: Door) -> None:
    revoked, earlier = opened.tokens["a revoked screen's"], opened.tokens["an earlier start's"]
    elsewhere = f"/boards/other?token={opened.tokens['right']}"
    async with opened.client() as browser:
        for link in ("", "a-guess", elsewhere, "/boards/nobody?token=a-guess", revoked, earlier):
            got = await browser.get("/", params={"link": link}, headers=BROWSER)
            assert (got.status_code, "set-cookie" in got.headers) == (401, False)
            assert "Это табло открывается по ссылке" in got.text
            assert not link or link not in got.text
        for _ in range(15):
            got = await browser.get("/", params={"link": "a-guess"})
        assert got.status_code == 429


async def test_a_link_that_cannot_be_one_is_refused(opened: Door) -> None:
    async with opened.client() as browser:
        for link in ("a" * 501, "a\x00b"):
            assert (await browser.get("/", params={"link": link})).status_code == 400
