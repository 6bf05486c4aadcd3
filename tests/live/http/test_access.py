"""Who may see a board."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

import pytest

from service.config import Account, Secret
from service.live.http.access import (
    Credentials,
    Granted,
    cookie_name,
    cookie_value,
    decide,
    screen_digest,
    set_cookie,
)
from tests.live.boards import OFFICE
from tests.yardstick import too_long

TOKEN = "a-token-that-is-hard-to-guess"
GUARDED = replace(OFFICE, viewer_token=Secret(TOKEN))
SCREEN = "a-television-of-its-own"
DIGEST = screen_digest("office", SCREEN)
SCREENS = frozenset({screen_digest("office", "another"), DIGEST})


def credentials(token: str | None = None, **headers: str) -> Credentials:
    return Credentials({"host": "localhost:8000", **headers}, token)


@pytest.mark.parametrize("screens", [(), SCREENS], ids=["no screens", "screens"])
def test_without_a_proof_nobody_sees_a_board(screens: Collection[str]) -> None:
    for board in (OFFICE, GUARDED):
        assert decide(board, credentials(), screens) == "no_token"
        assert decide(board, credentials(cookie="a=b; =;"), screens) == "no_token"
        assert decide(board, credentials(authorization="Basic YTpi"), screens) == "no_token"


def test_an_invented_office_hides_nothing() -> None:
    assert decide(replace(OFFICE, invented=True), credentials(), ()) == Granted()


def test_the_token_of_a_link_is_replaced_by_a_cookie_that_opens_the_board() -> None:
    welcome = decide(GUARDED, credentials(TOKEN), ())
    assert welcome == Granted(cookie=cookie_value("office", TOKEN))
    cookie = set_cookie(GUARDED, cookie_value("office", TOKEN), secure=True)
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    assert decide(GUARDED, credentials(cookie=cookie.partition(";")[0]), ()) == Granted()


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
    assert decide(GUARDED, credentials(**shown), SCREENS) == "wrong_token"


def test_the_viewer_token_may_come_as_a_bearer_token() -> None:
    assert decide(GUARDED, credentials(authorization=f"Bearer {TOKEN}"), ()) == Granted()


def test_one_right_proof_is_enough() -> None:
    right = cookie_value("office", TOKEN)
    cookie = {"cookie": f"{cookie_name(GUARDED)}={right}"}
    assert decide(GUARDED, credentials("an-old-link", **cookie), ()) == Granted()
    assert decide(GUARDED, credentials(authorization="Bearer the-proxys", **cookie), ()) == Granted()
    assert decide(GUARDED, credentials(TOKEN, cookie=f"{cookie_name(GUARDED)}=old"), ()) == Granted(
        cookie=right
    )


BOARDS = pytest.mark.parametrize("board", [OFFICE, GUARDED], ids=["no viewer_token", "viewer_token"])


@pytest.mark.parametrize(
    "junk", ['x="' + "\\" * 65_000, "a=b;" * 16_000, ";" * 65_000, " " * 65_000, "=" * 65_000]
)
def test_no_cookie_header_holds_the_loop_and_ours_is_found_in_it(junk: str) -> None:
    own = f"{cookie_name(GUARDED)}={cookie_value('office', TOKEN)}"
    for header in (f"{own}; {junk}", f"{junk}; {own}", f'first="of; all";{own}'):
        assert decide(GUARDED, credentials(cookie=header), ()) == Granted()
        assert too_long({"": partial(decide, GUARDED, credentials(cookie=header), ())}) == {}


@BOARDS
def test_the_token_of_a_named_screen_opens_the_board_from_anywhere_and_so_does_its_cookie(
    board: Account,
) -> None:
    welcome = decide(board, credentials(SCREEN), SCREENS)
    assert isinstance(welcome, Granted)
    assert welcome.screen == DIGEST
    assert welcome.cookie is not None
    cookie = set_cookie(board, welcome.cookie, secure=False)
    assert SCREEN not in cookie
    assert DIGEST not in cookie
    assert decide(board, credentials(cookie=cookie.partition(";")[0]), SCREENS) == Granted(DIGEST)


@BOARDS
def test_a_named_screens_token_is_a_bearer_token_too(board: Account) -> None:
    assert decide(board, credentials(authorization=f"bearer {SCREEN}"), SCREENS) == Granted(DIGEST)


@BOARDS
@pytest.mark.parametrize(
    "shown",
    [
        {"token": SCREEN},
        {"authorization": f"Bearer {SCREEN}"},
        {"cookie": f"{cookie_name(OFFICE)}={cookie_value('office', SCREEN)}"},
    ],
    ids=repr,
)
def test_the_credentials_of_a_revoked_screen_are_refused(board: Account, shown: dict[str, str]) -> None:
    for left in (SCREENS - {DIGEST}, frozenset[str]()):
        assert decide(board, credentials(**shown), left) == "wrong_token"


@BOARDS
@pytest.mark.parametrize(
    "shown",
    [
        {"token": DIGEST},
        {"token": cookie_value("office", SCREEN)},
        {"authorization": f"Bearer {DIGEST}"},
        {"cookie": f"{cookie_name(OFFICE)}={DIGEST}"},
        {"cookie": f"{cookie_name(OFFICE)}={SCREEN}"},
        {"cookie": f"{cookie_name(OFFICE)}={cookie_value('other', SCREEN)}"},
    ],
    ids=repr,
)
def test_neither_the_digest_nor_another_accounts_cookie_opens_a_board(
    board: Account, shown: dict[str, str]
) -> None:
    assert decide(board, credentials(**shown), SCREENS) == "wrong_token"


def test_the_token_of_a_screen_opens_no_other_account() -> None:
    assert decide(OFFICE, credentials(SCREEN), {screen_digest("other", SCREEN)}) == "wrong_token"
