"""Parameters that no board, stream or list may read. A database may refuse a statement that carries one."""

from __future__ import annotations

from typing import Final

import pytest
from starlette.routing import Route

from service.live.board.query import QueryError, check_parameters
from tests.live.boards import StubReader
from tests.live.http.apps import boards_app, browser

GUARDED_PATHS: Final = sorted(
    route.path.format(account="office")
    for route in boards_app(StubReader())[0].routes
    if isinstance(route, Route) and route.path.startswith("/boards/")
)
NAMES: Final = (
    "period from to sort form lang mode theme manager pipeline reason kind pending currency other".split()
)
UNREADABLE: Final = {"nul": "%00", "control": "3%0D%0A", "c1": "%C2%85", "long": "x" * 501}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("path", GUARDED_PATHS)
async def test_a_parameter_that_cannot_be_read_is_refused_on_every_route(path: str, value: str) -> None:
    app, hub = boards_app(StubReader())
    async with browser(app) as client:
        for name in NAMES:
            answer = await client.get(f"{path}?{name}={value}")
            assert (name, answer.status_code) == (name, 400)
            assert answer.headers["content-type"] == "application/problem+json"
        assert (await client.get(f"{path}?{value}=3")).status_code == 400
    assert hub.streams == 0


@pytest.mark.parametrize("value", ["\x01", "1\x7f", "9" * 501])
async def test_a_last_event_id_that_cannot_be_read_is_refused(value: str) -> None:
    app, hub = boards_app(StubReader())
    async with browser(app, {"last-event-id": value}) as client:
        assert (await client.get("/boards/office/events")).status_code == 400
        assert (await client.get("/boards/office/events?last_event_id=%00")).status_code == 400
    assert hub.streams == 0


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\0", "\n", "\x9f"])
def test_a_lone_surrogate_and_a_control_character_cannot_be_read(text: str) -> None:
    for name, value in ((text, "3"), ("manager", text)):
        with pytest.raises(QueryError, match="cannot be read"):
            check_parameters([("sort", "amount"), (name, value)])


def test_any_other_text_can_be_read() -> None:
    check_parameters([("manager", "Анна-Мария 👩‍👩‍👧 №3"), ("reason", "«Дорого»\u00a0?"), ("", "")])
