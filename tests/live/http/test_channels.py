"""Several streams through one connection: each as if alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

import pytest

from service.live.http.channels import MOST
from service.live.stream.places import LEAST
from tests.live.boards import StubReader
from tests.live.http.apps import GUARDED, boards_app, browser
from tests.live.http.test_crowds import VIEW, Stream

OTHER: Final = replace(GUARDED, id="other")
SECRET: Final = replace(GUARDED, id="secret", viewer_token=None)


def address(*views: str) -> str:
    return urlencode([("view", view) for view in views])


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("handover", [False, True], ids=["sent", "handed"])
async def test_each_view_has_its_own_stream_and_a_refused_one_ends_alone(handover: bool) -> None:
    app, hub = boards_app(StubReader(), [GUARDED, OTHER, SECRET])
    views = ("office?form=html", "secret", "other?period=week", "nobody", "office?lang=fr")
    stream = Stream(app, path="/events", query=address(*views), handover=handover)
    await until(lambda: stream.received.count(b"event: snapshot") == 2)
    frames = stream.received.decode().split("\n\n")[1:]
    told = {tuple(frame.split("\n")[:2]) for frame in frames if frame}
    assert told == {
        ("data: 0", "event: snapshot"),
        ("data: 2", "event: snapshot"),
        *((f"data: {number}", "event: ended") for number in (1, 3, 4)),
    }
    assert 'data: {"status":401}' in stream.received.decode()
    assert hub.streams == 2
    await hub.stop()
    await stream.task
    assert stream.received.count(b"event: ended") == 5
    assert hub.places.full(VIEW, None) is None


async def test_a_view_goes_on_where_its_tab_was() -> None:
    app, hub = boards_app(StubReader())
    stream = Stream(app, path="/events", query=address("office?last_event_id=99", "office"))
    await until(lambda: hub.streams == 2)
    seen = [subscriber.seen for subscriber in next(iter(hub._watches.values())).subscribers]
    assert sorted(seen) == [0, 99]
    await hub.stop()
    await stream.task


async def test_without_any_view_that_may_be_seen_there_is_no_stream() -> None:
    app, hub = boards_app(StubReader(), [GUARDED, SECRET], streams=LEAST)
    async with browser(app) as client:
        for query, status in (
            ("", 400),
            (address(*["office"] * (MOST + 1)), 400),
            (address("nobody"), 404),
            (address("office?lang=fr"), 400),
            (address("secret", "nobody"), 401),
        ):
            answer = await client.get(f"/events?{query}")
            assert (answer.status_code, query) == (status, query)
            assert answer.headers["content-type"] == "application/problem+json"
    assert hub.places.full(VIEW, None) is None
