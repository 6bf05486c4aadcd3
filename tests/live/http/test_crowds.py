"""What one viewer can take: some of the streams, and the time of its own account, but of no other."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Scope

from service.live.board.query import BoardQuery
from service.live.http import list_routes, routes
from service.live.stream.places import LEAST, VIEWS, share
from service.live.stream.sinks import HANDOVER
from tests.live.boards import StubReader
from tests.live.http.apps import GUARDED, TOKEN, boards_app, browser
from tests.live.stream.clients import Client
from tests.live.stream.test_hub import StuckReader

OTHER: Final = replace(GUARDED, id="other")
SLOW: Final = replace(GUARDED, id="slow")
VIEW: Final = BoardQuery("slow", "month", "amount", "json", "ru")


def wide(number: int) -> str:
    """A range of a year and some days."""
    first = date(2024, 1, 1) + timedelta(days=number)
    return f"{first}..{first + timedelta(days=366)}"


@pytest.mark.parametrize(
    ("path", "waiting"),
    [
        ("", share(routes.WAITING)),
        ("/snapshot", share(routes.WAITING)),
        ("/tasks.csv", share(list_routes.WAITING)),
    ],
)
async def test_wide_pages_of_one_account_wait_in_a_queue_of_their_own(path: str, waiting: int) -> None:
    reader = StuckReader()
    app, _ = boards_app(reader, [SLOW, OTHER])
    async with browser(app) as client, asyncio.timeout(60):
        asked = [
            asyncio.create_task(client.get(f"/boards/slow{path}?period={wide(number)}"))
            for number in range(waiting + 50)
        ]
        answered = [task for task in asked if task.done()]
        while len(answered) < len(asked) - waiting - 1:
            await asyncio.sleep(0.001)
            answered = [task for task in asked if task.done()]
        assert reader.reads == 0
        for other in ("", "/snapshot", "/tasks", "/tasks.csv"):
            assert (await client.get(f"/boards/other{other}?period={wide(0)}")).status_code == 200
        refused = {(task.result().status_code, task.result().headers["retry-after"]) for task in answered}
        assert refused == {(429, "5")}
        assert reader.reads == 4
        reader.released.set()
        answers = await asyncio.gather(*asked)
    assert [answer.status_code for answer in answers].count(200) == waiting + 1


async def test_a_thousand_phones_that_open_the_same_page_cost_two_reads() -> None:
    reader = StuckReader()
    app, _ = boards_app(reader, [SLOW])
    async with browser(app) as client, asyncio.timeout(60):
        asked = [asyncio.create_task(client.get("/boards/slow"))]
        while not reader.stuck.is_set():
            await asyncio.sleep(0.001)
        asked += [asyncio.create_task(client.get("/boards/slow")) for _ in range(200)]
        for _ in range(50):
            await asyncio.sleep(0)
        reader.released.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
    assert reader.reads == 2


async def test_screens_with_other_views_share_no_page() -> None:
    reader = StuckReader()
    app, _ = boards_app(reader, [SLOW], views={"a-wall": "mode=wall", "a-desk": ""})
    async with browser(app) as client, asyncio.timeout(60):
        asked = [asyncio.create_task(client.get("/boards/slow"))]
        while not reader.stuck.is_set():
            await asyncio.sleep(0.001)
        for token in ("a-wall", "a-desk"):
            bearer = {"authorization": f"Bearer {token}"}
            asked.append(asyncio.create_task(client.get("/boards/slow", headers=bearer)))
        for _ in range(50):
            await asyncio.sleep(0)
        reader.released.set()
        _, wall, desk = await asyncio.gather(*asked)
    assert ('data-mode="wall"' in wall.text, 'data-mode="desk"' in desk.text) == (True, True)


class Stream(Client):
    """A request for an event stream over ASGI, which stays open.

    Args:
        handover: Whether the server hands its connection over.
    """

    def __init__(
        self,
        app: Starlette,
        account: str = "slow",
        query: str = "",
        coding: str = "",
        path: str = "",
        handover: bool = False,
    ) -> None:
        super().__init__(lambda _frame: None)
        self.status: int | None = None
        self.received = b""
        self.headers: dict[bytes, bytes] = {}
        self._closed = asyncio.Event()
        path = path or f"/boards/{account}/events"
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "http_version": "1.1",
            "headers": [
                (b"host", b"board.example"),
                (b"authorization", f"Bearer {TOKEN}".encode()),
                (b"accept-encoding", coding.encode()),
            ],
            "scheme": "http",
            "server": ("board.example", 80),
            "client": ("203.0.113.5", 1),
            "extensions": {HANDOVER: {}} if handover else {},
        }
        self.task = asyncio.ensure_future(self._ask(app, scope))

    async def _ask(self, app: Starlette, scope: Scope) -> None:
        await app(scope, self._receive, self._send)
        if scope["extensions"] and self.status == 200:
            await self._closed.wait()

    async def _receive(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        elif message["type"] == HANDOVER:
            message["to"](self)
        else:
            self.write(message["body"])

    def write(self, content: bytes) -> None:
        self.received += content

    def close(self) -> None:
        super().close()
        self._closed.set()


@pytest.mark.parametrize("handover", [False, True], ids=["sent", "handed"])
async def test_never_more_streams_are_open_than_the_process_may_have(handover: bool) -> None:
    """However many ask for one at the same moment."""
    app, hub = boards_app(StubReader(), [SLOW], streams=10)
    streams = [Stream(app, handover=handover) for _ in range(50)]
    async with asyncio.timeout(20):
        while any(stream.status is None for stream in streams):
            await asyncio.sleep(0.001)
    assert sorted(stream.status or 0 for stream in streams) == [200] * 10 + [503] * 40
    assert {stream.headers[b"retry-after"] for stream in streams if stream.status == 503} == {b"5"}
    await hub.stop()
    await asyncio.gather(*(stream.task for stream in streams))
    assert hub.places.full(VIEW, None) is None


@pytest.mark.parametrize("views", [False, True], ids=["streams", "views"])
async def test_what_one_account_may_not_open_another_may(views: bool) -> None:
    app, hub = boards_app(StubReader(), [SLOW, OTHER], streams=2 * LEAST)
    with ExitStack() as held:
        for number in range(VIEWS if views else LEAST):
            view = VIEW._replace(manager=str(number)) if views else VIEW
            held.enter_context(hub.places.taken(view, None))
        async with browser(app) as client:
            refused: httpx.Response = await client.get("/boards/slow/events?manager=new")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        assert refused.headers["content-type"] == "application/problem+json"
        stream = Stream(app, "other")
        async with asyncio.timeout(20):
            while stream.status is None:
                await asyncio.sleep(0.001)
        assert stream.status == 200
        await hub.stop()
        await stream.task
