"""Clients that do not do their part, over real sockets: the server aborts their connections, and none of them
delays a shutdown."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import pytest
from starlette.types import Receive, Scope, Send

from service.http import server
from service.http.connection import Connection
from service.http.server import Server
from tests.http.served import REQUEST, hello, served

FLOOD = 64 * 2**20
"""Bytes, more than the sockets of one connection hold."""


@dataclass
class Flood:
    """An application whose response ends only with its connection."""

    began: asyncio.Event = field(default_factory=asyncio.Event)
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        self.began.set()
        await send({"type": "http.response.body", "body": b"x" * FLOOD, "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.disconnected.set()


@asynccontextmanager
async def deaf_client(flood: Flood) -> AsyncIterator[Server]:
    """A server with a client that reads nothing of the response to its request."""
    async with served(flood) as (serving, port):
        with socket.create_connection(("127.0.0.1", port)) as deaf:
            deaf.sendall(REQUEST)
            await flood.began.wait()
            yield serving


async def test_a_client_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "write_seconds", 0.05)
    flood = Flood()
    async with deaf_client(flood):
        await flood.disconnected.wait()


async def test_a_client_that_reads_nothing_delays_no_shutdown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Connection, "leave_seconds", 0.05)
    flood = Flood()
    async with deaf_client(flood) as serving:
        assert not flood.disconnected.is_set()
        serving.stop()
        await flood.disconnected.wait()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_client_that_has_read_everything_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[asyncio.TimerHandle] = []
    monkeypatch.setattr(Connection, "write_seconds", 3600.0)
    start = Connection._start

    def started(self: Connection, deadline: Literal["head", "write"], seconds: float) -> None:
        start(self, deadline, seconds)
        if deadline == "write":
            timers.append(self._timers[deadline])

    monkeypatch.setattr(Connection, "_start", started)
    flood = Flood()
    async with served(flood) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        received = 0
        while received < FLOOD:
            received += len(await reader.read(2**20))
        assert timers
        while not all(timer.cancelled() for timer in timers):
            await asyncio.sleep(0)
        assert not flood.disconnected.is_set()
        writer.close()
        await flood.disconnected.wait()


@pytest.mark.parametrize(("requests", "rest"), [(0, b""), (0, b"GET / HT"), (1, b"GET / HT")])
async def test_a_request_head_must_be_complete_in_time(
    requests: int, rest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before its first byte: a client could hold connections by sending nothing."""
    monkeypatch.setattr(Connection, "head_seconds", 0.05)
    async with served(hello) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(requests):
            writer.write(REQUEST)
            await reader.readuntil(b"hi")
        writer.write(rest)
        await reader.read()
        writer.close()


async def test_a_kept_alive_connection_may_wait_longer_for_its_next_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deadlines: list[asyncio.TimerHandle | None] = []
    complete = Connection.on_headers_complete

    def completed(self: Connection) -> None:
        complete(self)
        deadlines.append(self._timers.get("head"))

    monkeypatch.setattr(Connection, "on_headers_complete", completed)
    async with served(hello) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(REQUEST)
            assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200 OK")
        writer.close()
    assert deadlines == [None, None]


async def test_a_server_that_nobody_asks_wakes_for_the_date_of_its_answers_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "DATE_SECONDS", 0.4)
    ticks: list[float] = []
    on_tick = Server.on_tick

    async def ticked(self: Server, counter: int) -> bool:
        ticks.append(asyncio.get_running_loop().time())
        return await on_tick(self, counter)

    monkeypatch.setattr(Server, "on_tick", ticked)
    async with served(hello):
        while len(ticks) < 3:
            await asyncio.sleep(0.01)
    between = [later - earlier for earlier, later in pairwise(ticks[:3])]
    assert min(between) >= 0.3


@pytest.mark.parametrize("stop", [Server.stop, lambda serving: serving.handle_exit(signal.SIGTERM, None)])
async def test_a_server_that_is_stopped_does_not_wait_for_its_next_date(
    stop: Callable[[Server], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DATE_SECONDS", 3600.0)
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = Server(hello, "127.0.0.1", 0, lambda: None, address.set_result)
    async with asyncio.timeout(20):
        task = asyncio.create_task(serving.serve())
        await address
        await asyncio.sleep(0)
        stop(serving)
        await task
