"""Connections whose other end does not do its part, over real sockets: they are cut, and hold up no end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.types import Receive, Scope, Send

from service.http.server import DeadlineProtocol, Server

FLOOD = 64 * 2**20
"""Bytes, more than the sockets of one connection hold."""


@dataclass
class Flood:
    """An application whose answer never ends by itself, and what became of it."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        self.begun.set()
        await send({"type": "http.response.body", "body": b"x" * FLOOD, "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone.set()


@asynccontextmanager
async def deaf_client(flood: Flood) -> AsyncIterator[Server]:
    """A server, and a client that asked it for something and reads nothing of it."""
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = Server(flood, "127.0.0.1", 0, lambda: None, address.set_result)
    serving = asyncio.create_task(server.serve())
    port = int((await address).rpartition(":")[2])
    deaf = socket.create_connection(("127.0.0.1", port))
    try:
        deaf.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await flood.begun.wait()
        yield server
        server.should_exit = True
        await serving
    finally:
        deaf.close()


def test_a_client_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeadlineProtocol, "write_seconds", 0.05)

    async def story() -> None:
        flood = Flood()
        async with asyncio.timeout(20), deaf_client(flood):
            await flood.gone.wait()

    asyncio.run(story())


def test_a_client_that_takes_nothing_holds_up_no_shutdown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(DeadlineProtocol, "leave_seconds", 0.05)

    async def story() -> None:
        flood = Flood()
        async with asyncio.timeout(20), deaf_client(flood) as server:
            assert not flood.gone.is_set()
            server.should_exit = True
            await flood.gone.wait()

    asyncio.run(story())
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_client_that_took_everything_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeadlineProtocol, "write_seconds", 0.2)

    async def story() -> None:
        flood = Flood()
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        server = Server(flood, "127.0.0.1", 0, lambda: None, address.set_result)
        serving = asyncio.create_task(server.serve())
        reader, writer = await asyncio.open_connection("127.0.0.1", int((await address).rpartition(":")[2]))
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        taken = 0
        while taken < FLOOD:
            taken += len(await reader.read(2**20))
        await asyncio.sleep(0.3)
        assert not flood.gone.is_set()
        writer.close()
        await flood.gone.wait()
        server.should_exit = True
        await serving

    asyncio.run(asyncio.wait_for(story(), 30))
