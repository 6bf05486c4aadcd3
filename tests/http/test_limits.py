"""Clients that send more than a request needs: what is collected for them has a limit, and they are told."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import closing, suppress
from dataclasses import dataclass, field

import pytest
from starlette.types import Receive, Scope, Send

from service.http.connection import Connection
from service.http.limits import MAX_FIELDS, MAX_HEAD, MAX_LINGER, MAX_PIPELINED, READ_SIZE
from tests.http.served import REQUEST, hello, served

GET = b"GET / HTTP/1.1\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
ROOM = MAX_HEAD - 100


@dataclass
class Reader:
    """An application that reads the body, and keeps what it saw."""

    bodies: list[bytes] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        self.scopes.append(scope)
        await hello(scope, receive, send)


def chunked(body: bytes, size: int) -> bytes:
    """A body in chunks of a size."""
    parts = (body[begin : begin + size] for begin in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


async def answer(port: int, *parts: bytes) -> bytes:
    """All that a connection answers until it is closed, while the parts are sent one after another."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer):
        sending = asyncio.create_task(_send(writer, parts))
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            sending.cancel()


async def _send(writer: asyncio.StreamWriter, parts: tuple[bytes, ...]) -> None:
    for part in parts:
        writer.write(part)
        try:
            await writer.drain()
        except ConnectionError:
            return
        await asyncio.sleep(0)


TOO_MUCH = {
    "a field's value": (GET + b"a: ", b"b" * MAX_HEAD),
    "a field's name": (GET, b"a" * MAX_HEAD),
    "an address": (b"GET /", b"a" * MAX_HEAD),
    "fields": (GET, b"a:b\r\n" * (MAX_FIELDS + 2)),
    "blank lines": (b"\r\n" * MAX_HEAD,),
    "a value in small parts": (GET + b"a: ", *(b"b" * 1000,) * (MAX_HEAD // 1000 + 1)),
    "trailers": (CHUNKED + b"0\r\n", b"a:b\r\n" * (MAX_FIELDS + 2)),
    "a trailer": (CHUNKED + b"0\r\na: ", b"b" * 2 * MAX_HEAD),
    "an extension of a chunk": (CHUNKED + b"1;a=", b"b" * 2 * MAX_HEAD),
    "many small chunks": (CHUNKED, b"1\r\na\r\n" * MAX_HEAD),
}


async def test_what_is_over_the_limits_is_refused_and_the_connection_closed() -> None:
    causes: list[str] = []
    async with served(Reader(), closed=causes) as (_, port):
        for name, parts in TOO_MUCH.items():
            head, _, body = (await answer(port, *parts)).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 431 "), name
            assert b"content-type: application/problem+json" in head
            assert b"connection: close" in head
            assert json.loads(body)["status"] == 431
    assert causes == ["request_header_fields_too_large"] * len(TOO_MUCH)


async def test_what_is_within_the_limits_is_taken_each_time_again() -> None:
    app = Reader()
    head = GET + b"".join(b"f%d: %s\r\n" % (number, b"b" * 150) for number in range(MAX_FIELDS - 2))
    assert ROOM > len(head) > MAX_HEAD * 0.9
    body = bytes(range(256)) * 4096
    async with served(app) as (_, port):
        length = b"content-length: %d\r\n\r\n" % len(body)
        got = await answer(
            port,
            *(head + b"\r\n",) * 3,
            head + length,
            body,
            CHUNKED + chunked(body, 1024),
            CHUNKED + chunked(b"small", 1),
            GET + b"connection: close\r\n\r\n",
        )
    assert got.count(b"HTTP/1.1 200 OK") == 7
    assert app.bodies == [b"", b"", b"", body, body, b"small", b""]


async def test_trailers_are_not_taken_for_fields_of_the_head() -> None:
    app = Reader()
    async with served(app) as (_, port):
        await answer(port, CHUNKED + b"0\r\nwebhook-signature: x\r\n\r\n", GET + b"connection: close\r\n\r\n")
    assert [dict(scope["headers"]) for scope in app.scopes] == [
        {b"transfer-encoding": b"chunked"},
        {b"connection": b"close"},
    ]


async def test_requests_that_wait_for_an_answer_are_limited() -> None:
    served_requests = 0
    blocked = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal served_requests
        if scope["type"] == "http":
            await blocked.wait()
            served_requests += 1
            await hello(scope, receive, send)

    async with served(slow) as (_, port):
        assert await answer(port, REQUEST * (MAX_PIPELINED + 2)) == b""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST * (MAX_PIPELINED + 1))
        blocked.set()
        for _ in range(MAX_PIPELINED + 1):
            assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200 OK")
        writer.close()
    assert served_requests == MAX_PIPELINED + 2


async def test_a_stream_is_not_mixed_with_the_refusal_of_what_follows_it() -> None:
    async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass

    async with served(streaming) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"first\r\n")
        writer.write(b"no HTTP at all\r\n")
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


POST = b"POST / HTTP/1.1\r\n"
NO_HTTP = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01",
    b"GET\r\n\r\n",
    GET + b"a b: c\r\n\r\n",
    POST + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    POST + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
    POST + b"content-length: -1\r\n\r\n",
    POST + b"transfer-encoding: chunked, identity\r\n\r\n",
    CHUNKED + b"ffffffffffffffffff\r\n",
    CHUNKED + b"1\r\nab\r\n",
)


async def test_what_is_no_http_is_refused_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    causes: list[str] = []
    async with served(Reader(), closed=causes) as (_, port):
        for no_http in NO_HTTP:
            got = await answer(port, no_http)
            assert got.startswith(b"HTTP/1.1 400 "), no_http
            assert b"application/problem+json" in got
    assert causes == ["bad_request"] * len(NO_HTTP)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_an_upgrade_is_answered_as_http_and_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served(hello) as (_, port):
        upgrade = GET + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"
        got = await answer(port, upgrade + REQUEST, REQUEST)
        assert got.startswith(b"HTTP/1.1 200 OK")
        assert got.count(b"HTTP/1.1") == 1
        assert b"connection: close" in got
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_nothing_of_a_request_is_kept_after_its_answer() -> None:
    async with served(hello) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\ncontent-length: 30000\r\n\r\n" + b"x" * 20_000)
        await reader.readuntil(b"hi")
        (connection,) = server.server_state.connections
        assert connection.cycle.body == b""  # type: ignore[union-attr]
        assert connection.scope is connection.cycle.scope is None  # type: ignore[union-attr]
        writer.close()


async def test_an_answer_before_the_end_of_the_request_is_not_lost() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [(b"content-length", b"2"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 413, "headers": headers})
            await send({"type": "http.response.body", "body": b"no"})

    async with served(refuse) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (2 * MAX_LINGER))
        writer.write(b"x" * (MAX_LINGER - READ_SIZE))
        await writer.drain()
        got = await reader.read()
        assert got.startswith(b"HTTP/1.1 413 ")
        assert got.endswith(b"\r\n\r\nno")
        writer.close()


async def test_a_client_that_goes_on_after_its_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "linger_seconds", 0.05)
    async with served(hello) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"no HTTP\r\n\r\n")
        await reader.read()
        (connection,) = server.server_state.connections
        writer.write(b"x" * 4 * MAX_LINGER)
        while server.server_state.connections:
            await asyncio.sleep(0)
        assert connection._ignored <= MAX_LINGER + READ_SIZE  # type: ignore[union-attr]
        writer.close()


@pytest.mark.parametrize("refused", [b"no HTTP\r\n\r\n", CHUNKED + b"no chunk\r\n"])
async def test_a_client_that_was_refused_delays_no_shutdown(
    refused: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Connection, "linger_seconds", 3600.0)
    async with served(Reader()) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(refused)
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    writer.close()
