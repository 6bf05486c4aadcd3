"""Who may open how many streams and views."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from service.live.board.query import BoardQuery
from service.live.stream.hub import MAX_STREAMS
from service.live.stream.places import LEAST, VIEWS, Limit, Places

VIEW = BoardQuery("office", "month", "amount", "json", "ru")
ELSEWHERE = VIEW._replace(account="elsewhere")


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def open_all(places: Places, held: ExitStack, query: BoardQuery, screen: str | None) -> tuple[int, Limit]:
    """Open streams until one is refused; how many there were, and why."""
    opened = 0
    while (limit := places.full(query, screen)) is None:
        held.enter_context(places.taken(query, screen))
        opened += 1
    return opened, limit


def test_one_token_leaves_room_to_other_screens_of_its_account_and_these_to_other_accounts(
    held: ExitStack,
) -> None:
    places = Places(MAX_STREAMS)
    assert open_all(places, held, VIEW, None) == (2_000, "screen")
    assert places.full(VIEW, "a television") is None
    assert open_all(places, held, VIEW, "a television") == (500, "account")
    assert open_all(places, held, ELSEWHERE, None) == (2_000, "screen")
    assert open_all(places, held, ELSEWHERE._replace(account="third"), None) == (500, "process")


@pytest.mark.parametrize("total", [1_000, 1_500, 2_200, 5_000])
@pytest.mark.parametrize("screen", [None, "a television"])
def test_a_thousand_streams_of_an_account_are_never_too_many(
    total: int, screen: str | None, held: ExitStack
) -> None:
    opened, _ = open_all(Places(total), held, VIEW, screen)
    assert opened >= LEAST == 1_000


def test_a_process_that_may_have_few_streams_has_as_many(held: ExitStack) -> None:
    assert open_all(Places(7), held, VIEW, None) == (7, "process")


def test_one_token_leaves_views_to_other_screens_of_its_account(held: ExitStack) -> None:
    places = Places(MAX_STREAMS)
    views = [VIEW._replace(manager=str(number)) for number in range(1_500)]
    for view in views:
        if places.full(view, None) is None:
            held.enter_context(places.taken(view, None))
    assert places.full(views[-1], None) == "screen_views"
    assert places.full(views[0], None) is None, "a view that is open costs nothing more"
    assert places.full(views[0], "a television") is None
    opened = [view for view in views[-400:] if _opened(places, held, view, "a television")]
    assert len(opened) == VIEWS - VIEWS * 4 // 5
    assert places.full(VIEW, "another") == "account_views"
    assert places.full(ELSEWHERE, None) is None


def _opened(places: Places, held: ExitStack, view: BoardQuery, screen: str) -> bool:
    if places.full(view, screen) is not None:
        return False
    held.enter_context(places.taken(view, screen))
    return True


def test_a_place_is_free_again_once_its_stream_has_ended(held: ExitStack) -> None:
    places = Places(2)
    with places.taken(VIEW, None), places.taken(VIEW, "a television"):
        assert places.full(ELSEWHERE, None) == "process"
    assert places.full(VIEW, None) is None
    assert (dict(places._taken), places._streams) == ({}, 0)
    with pytest.raises(ZeroDivisionError), places.taken(VIEW, None):
        raise ZeroDivisionError
    assert (dict(places._taken), places._streams) == ({}, 0)
