"""Connections that the server hands over for a stream."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from unittest.mock import Mock, call

import pytest
from starlette.types import Receive, Scope, Send

from service.http.connection import Connection
from service.http.connection_limit import TURN_SECONDS
from service.http.cycle import Cycle
from service.http.handover import HandedOver
from service.http.limits import MAX_IGNORED
from service.http.server import Server
from service.live.stream.sinks import HANDOVER, Sink
from tests.http.served import REQUEST, served

FLOOD = 64 * 2**20
"""Bytes, more than the sockets of one connection hold."""


class Streams:
    """An application that keeps the connections that it is handed."""

    def __init__(self) -> None:
        self.sinks: asyncio.Queue[Sink] = asyncio.Queue()
        self.room = asyncio.Event()
        self.lost = asyncio.Event()
        self.before = asyncio.Event()
        self.before.set()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        assert HANDOVER in scope["extensions"]
        headers = [(b"content-type", b"text/event-stream"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.before.wait()
        await send({"type": HANDOVER, "to": self._take})

    def _take(self, sink: Sink) -> None:
        sink.on_room, sink.on_lost = self.room.set, self.lost.set
        self.sinks.put_nowait(sink)


class Screen:
    """A client, the sink that leads to it, and its server."""

    def __init__(
        self, server: Server, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server, self.sink, self.reader, self.writer = server, sink, reader, writer


@asynccontextmanager
async def screen(app: Streams, version: bytes = b"1.1", connections: int = 100) -> AsyncIterator[Screen]:
    """A screen whose stream has begun."""
    async with served(app, connections) as (server, port), asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
        writer.write(REQUEST.replace(b"1.1", version))
        opened = Screen(server, await app.sinks.get(), reader, writer)
        yield opened
        writer.close()
        await app.lost.wait()
        assert server.server_state.connections == set()
        assert server._limit._open == 0


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_the_client_gets_what_is_written_and_the_end(version: bytes) -> None:
    app = Streams()
    async with screen(app, version) as opened:
        assert opened.sink.chunked is (version == b"1.1")
        opened.sink.write(b"frame")
        opened.sink.close()
        head, _, body = (await opened.reader.read()).partition(b"\r\n\r\n")
        assert (b"transfer-encoding: chunked" in head) is opened.sink.chunked
        assert b"connection: close" in head
        assert body == (b"frame0\r\n\r\n" if opened.sink.chunked else b"frame")


async def test_nothing_of_the_request_is_left() -> None:
    async with screen(Streams()) as opened:
        await asyncio.sleep(0)
        assert opened.server.server_state.connections == {opened.sink}
        assert opened.server.server_state.tasks == set()


async def test_what_was_of_the_request_needs_no_collector_of_garbage() -> None:
    gc.collect()
    gc.disable()
    try:
        async with screen(Streams()):
            await asyncio.sleep(0)
            assert not [found for found in gc.get_objects() if isinstance(found, (Connection, Cycle))]
    finally:
        gc.enable()


async def test_the_head_and_what_follows_at_once_are_one_write() -> None:
    transport = Mock(is_closing=lambda: False)
    handed = HandedOver(transport, set(), Mock(), chunked=True, full=False, write_seconds=1, leave_seconds=1)

    def show(sink: HandedOver) -> None:
        sink.write(b"first")
        sink.close()

    handed.begin(b"head", show)
    transport.write.assert_called_once_with(b"headfirst0\r\n\r\n")
    assert transport.method_calls[-1] == call.close()


async def test_a_stream_that_is_full_says_so_and_when_it_has_room_again() -> None:
    app = Streams()
    async with screen(app) as opened:
        assert not opened.sink.full
        opened.sink.write(b"x" * FLOOD)
        assert opened.sink.full
        await opened.reader.readuntil(b"\r\n\r\n")
        await opened.reader.readexactly(FLOOD)
        await app.room.wait()
        assert not opened.sink.full


async def test_a_client_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "write_seconds", 0.05)
    app = Streams()
    async with screen(app) as opened:
        opened.sink.write(b"x" * FLOOD)
        await app.lost.wait()


async def test_a_client_that_reads_nothing_delays_no_shutdown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "leave_seconds", 0.05)
    app = Streams()
    async with screen(app) as opened:
        opened.sink.write(b"x" * FLOOD)
        opened.sink.close()
        opened.server.stop()
        await app.lost.wait()


@pytest.mark.parametrize("request_too", [False, True])
async def test_what_the_client_sends_is_thrown_away_up_to_a_limit(request_too: bool) -> None:
    app = Streams()
    async with screen(app) as opened:
        await opened.reader.readuntil(b"\r\n\r\n")
        opened.writer.write(REQUEST if request_too else b"no HTTP")
        opened.sink.write(b"frame")
        assert await opened.reader.readexactly(5) == b"frame"
        assert app.sinks.empty()
        opened.writer.write(b"x" * 2 * MAX_IGNORED)
        with suppress(ConnectionError):
            assert await opened.reader.read() == b""


async def test_a_stream_is_never_closed_to_make_room() -> None:
    app = Streams()
    async with screen(app, connections=1) as opened:
        _, late = await asyncio.open_connection(*opened.writer.get_extra_info("peername"))
        late.write(REQUEST)
        await asyncio.sleep(2 * TURN_SECONDS)
        assert app.sinks.empty()
        assert not app.lost.is_set()
        opened.writer.close()
        await app.sinks.get()
        app.lost.clear()
        late.close()


async def test_the_connection_of_a_client_that_has_gone_is_not_handed_over() -> None:
    app = Streams()
    app.before.clear()
    async with served(app) as (server, port), asyncio.timeout(30):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        while not server.server_state.tasks:
            await asyncio.sleep(0)
        writer.transport.abort()
        while server.server_state.connections:
            await asyncio.sleep(0)
        app.before.set()
        while server.server_state.tasks:
            await asyncio.sleep(0)
        assert app.sinks.empty()
