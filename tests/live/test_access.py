"""Who may see a board."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.config import Secret
from service.live.access import Asking, answer, cookie_name, cookie_value, set_cookie
from tests.live.readings import OFFICE

TOKEN = "a-token-that-is-hard-to-guess"
GUARDED = replace(OFFICE, viewer_token=Secret(TOKEN))


def asking(client: str | None = "127.0.0.1", token: str | None = None, **headers: str) -> Asking:
    return Asking(client, {"host": "localhost:8000", **headers}, token)


@pytest.mark.parametrize(
    ("client", "host", "expected"),
    [
        ("127.0.0.1", "localhost:8000", "granted"),
        ("127.0.0.1", "127.0.0.1", "granted"),
        ("::1", "[::1]:8000", "granted"),
        ("192.168.0.5", "localhost", "not_loopback"),
        ("127.0.0.1", "evil.example", "not_loopback"),  # a name that was made to lead to loopback
        ("127.0.0.1", "", "not_loopback"),
        (None, "localhost", "not_loopback"),
        ("not an address", "localhost", "not_loopback"),
    ],
)
def test_without_a_token_only_loopback_sees_the_board(client: str | None, host: str, expected: str) -> None:
    assert answer(OFFICE, Asking(client, {"host": host}, None)) == expected


def test_the_links_token_is_welcome_once_and_the_cookie_after_it() -> None:
    assert answer(GUARDED, asking("8.8.8.8", TOKEN)) == "welcome"
    cookie = set_cookie(GUARDED, secure=True)
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    assert answer(GUARDED, asking("8.8.8.8", cookie=cookie.partition(";")[0])) == "granted"


@pytest.mark.parametrize(
    "shown",
    [
        {"token": "wrong"},
        {"token": "ключ"},
        {"authorization": "Bearer wrong"},
        {"cookie": f"{cookie_name(GUARDED)}=wrong"},
        {"cookie": f"{cookie_name(GUARDED)}={cookie_value('other', TOKEN)}"},
        {"cookie": f"{cookie_name(GUARDED)}={cookie_value('office', 'an older token')}"},
    ],
    ids=repr,
)
def test_anything_else_is_refused(shown: dict[str, str]) -> None:
    assert answer(GUARDED, asking(token=shown.pop("token", None), **shown)) == "wrong_token"


def test_loopback_needs_the_token_too_where_there_is_one() -> None:
    assert answer(GUARDED, asking()) == "no_token"
    assert answer(GUARDED, asking(cookie="a=b; =;")) == "no_token"


def test_a_bearer_token_is_for_other_programs() -> None:
    assert answer(GUARDED, asking("8.8.8.8", authorization=f"Bearer {TOKEN}")) == "granted"
