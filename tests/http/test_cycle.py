"""How responses go out, and how a connection waits between them, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial

import pytest
from starlette.types import Receive, Scope, Send

from service.http import patience
from service.http.connection import Connection
from service.webhooks.body import arrived
from tests.http.served import REQUEST, hello, served

LAST = REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
Headers = Iterable[tuple[bytes, bytes]]


async def answering(headers: Headers, body: bytes, scope: Scope, _receive: Receive, send: Send) -> None:
    """An application that answers so, whatever is right."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def all_of(port: int, *requests: bytes) -> bytes:
    """What a connection answers until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(requests))
    answer = await reader.read()
    writer.close()
    return answer


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the server's connections write, each piece by itself."""
    pieces: list[bytes] = []
    made = Connection.connection_made

    def connection_made(self: Connection, transport: asyncio.Transport) -> None:
        write = transport.write

        def written(data: bytes) -> None:
            pieces.append(data)
            write(data)

        monkeypatch.setattr(transport, "write", written)
        made(self, transport)

    monkeypatch.setattr(Connection, "connection_made", connection_made)
    return pieces


async def test_an_answer_of_known_length_goes_out_in_one_piece(writes: list[bytes]) -> None:
    async with served(hello) as (_, port):
        got = await all_of(port, REQUEST, LAST)
    assert [piece[:15] + piece[-2:] for piece in writes] == [b"HTTP/1.1 200 OKhi"] * 2
    assert got == b"".join(writes)
    assert [b"connection: close" in piece for piece in writes] == [False, True]


async def test_the_answer_to_head_has_no_body(writes: list[bytes]) -> None:
    async with served(partial(answering, [(b"content-length", b"2")], b"hi")) as (_, port):
        await all_of(port, LAST.replace(b"GET", b"HEAD"))
    assert writes[0].endswith(b"\r\n\r\n")
    assert b"content-length: 2\r\n" in writes[0]


WRONG: dict[str, tuple[Headers, bytes]] = {
    "too short": ([(b"content-length", b"3")], b"hi"),
    "too long": ([(b"content-length", b"1")], b"hi"),
    "a line break in a value": ([(b"content-length", b"2"), (b"a", b"b\r\nset-cookie: c")], b"hi"),
    "a line break in a long value": ([(b"content-length", b"2"), (b"a", b"b" * 600 + b"\n")], b"hi"),
    "a line break in a name": ([(b"content-length", b"2"), (b"a\r\nb", b"c")], b"hi"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_response_is_a_defect_and_nothing_of_it_goes_out(name: str) -> None:
    async with served(partial(answering, *WRONG[name])) as (_, port):
        got = await all_of(port, LAST)
    assert got.startswith(b"HTTP/1.1 500 ")
    assert not got.endswith(b"hi")
    assert b"set-cookie" not in got


async def test_a_body_that_has_come_can_be_had_at_once_and_only_then() -> None:
    taken: list[bytes | None] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            taken.extend(arrived(scope, most) for most in (3, 4, 4))
            if taken[-2] is None:
                taken.append((await receive())["body"])
            await hello(scope, receive, send)

    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
    async with served(app) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b"body")
        await reader.readuntil(b"hi")
        assert taken == [None, b"body", b""]
        taken.clear()
        writer.write(head)
        while not taken:
            await asyncio.sleep(0)
        writer.write(b"late")
        await reader.readuntil(b"hi")
        assert taken == [None, None, None, b"late"]
        writer.close()


async def test_one_timer_looks_after_all_requests_of_a_connection() -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    waiting = patience.Patience(loop, 0.02, over.set)
    timers = set()
    for _ in range(100):
        waiting.begin()
        timers.add(waiting._timer)
    assert len(timers) == 1
    await over.wait()
    waiting.begin()
    waiting.end()
    assert waiting._timer is None


async def test_an_idle_connection_is_closed_and_one_that_is_served_is_not() -> None:
    release = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/slow":
            await release.wait()
        await hello(scope, receive, send)

    async with served(app) as (server, port):
        server.config.timeout_keep_alive = 0.05  # type: ignore[assignment]  # seconds
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"hi")
        writer.write(REQUEST.replace(b" / ", b" /slow "))
        (connection,) = server.server_state.connections
        while connection._patience._timer is not None:  # type: ignore[union-attr]
            await asyncio.sleep(0)
        release.set()
        assert (await reader.read()).endswith(b"hi")  # it ends: it is idle now
        writer.close()
