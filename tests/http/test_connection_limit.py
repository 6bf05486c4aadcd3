"""Too many connections: who is closed, and who never."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from starlette.types import Receive, Scope, Send

from service.http import acceptor, connection_limit
from service.http.connection import Connection
from service.http.connection_limit import MAX_HELD, TURN_SECONDS, ConnectionLimit
from service.http.limits import MAX_UNREAD
from tests.http.served import REQUEST, hello, served


@dataclass(eq=False)
class Limited:
    """A connection that notes whether it was cut."""

    limit: ConnectionLimit
    is_cut: bool = False

    def cut(self) -> None:
        self.is_cut = True


@dataclass
class Crowd:
    """A limit of three connections, and a time that stands still."""

    now: float = 0.0
    closed: int = 0
    limit: ConnectionLimit = field(init=False)

    def __post_init__(self) -> None:
        self.limit = ConnectionLimit(3, lambda: self.now, self.count)

    def count(self) -> None:
        self.closed += 1

    def connections(self, number: int) -> list[Limited]:
        """So many new ones, as long as there is room."""
        connections: list[Limited] = []
        while len(connections) < number and self.limit.has_room():
            connections.append(Limited(self.limit))
            self.limit.accepted()
            self.limit.opened(connections[-1])
        return connections


def cut(connections: list[Limited]) -> list[bool]:
    return [connection.is_cut for connection in connections]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits in less time."""
    monkeypatch.setattr(acceptor, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(connection_limit, "TURN_SECONDS", 0.01)


def test_the_most_idle_stranger_goes_first() -> None:
    crowd = Crowd()
    connections = crowd.connections(3)
    crowd.now = 2.0
    crowd.limit.idle(connections[0], proven=False)
    connections += crowd.connections(1)
    assert cut(connections) == [False, True, False, False]
    assert crowd.closed == 1


def test_then_one_that_has_proven_something_and_then_a_stranger_that_has_just_come() -> None:
    crowd = Crowd()
    connections = crowd.connections(3)
    for connection in connections[:2]:
        crowd.limit.idle(connection, proven=True)
    crowd.now = 2.0
    for closed in (2, 0, 1, 3, 4):
        crowd.now += TURN_SECONDS
        connections += crowd.connections(1)
        assert [connection for connection in connections if connection.is_cut][-1:] == [
            connections[closed]
        ], closed
        crowd.limit.closed(connections[closed])
        connections[closed].is_cut = False


def test_one_that_is_owed_an_answer_is_never_closed() -> None:
    crowd = Crowd()
    connections = crowd.connections(3)
    for connection in connections:
        crowd.limit.serving(connection)
    crowd.now = 2.0
    assert not crowd.limit.has_room()
    crowd.limit.close_most_idle()
    assert cut(connections) == [False, False, False]


def test_one_whose_request_may_not_have_been_read_stays_and_those_that_come_wait() -> None:
    crowd = Crowd()
    connections = crowd.connections(4)
    assert cut(connections) == [False, False, False]
    crowd.now = TURN_SECONDS
    connections += crowd.connections(1)
    assert cut(connections) == [True, False, False, False]


def test_who_has_left_makes_room() -> None:
    crowd = Crowd()
    connections = crowd.connections(3)
    crowd.limit.closed(connections[0])
    connections += crowd.connections(1)
    assert cut(connections) == [False] * 4


def test_all_that_is_held_has_a_limit() -> None:
    crowd = Crowd()
    connections = crowd.connections(3)
    for connection in connections:
        crowd.limit.holding(connection, MAX_HELD // 3)
    crowd.limit.holding(connections[0], MAX_HELD // 3)
    assert cut(connections) == [False] * 3
    crowd.limit.holding(connections[2], MAX_HELD // 2)
    assert cut(connections) == [False, True, False]
    crowd.limit.holding(connections[2], 0)
    crowd.limit.holding(connections[0], MAX_HELD)
    assert cut(connections) == [False, True, False]


def test_a_crowd_is_told_at_once_and_then_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    crowd = Crowd()
    crowd.connections(3)
    crowd.now = 2.0
    for _ in range(500):
        crowd.now += TURN_SECONDS
        crowd.connections(1)
    assert len(caplog.records) == 1
    crowd.now = 63.0
    crowd.connections(1)
    assert "closed 500 of the most idle" in caplog.records[1].getMessage()


@pytest.mark.usefixtures("impatient")
async def test_strangers_make_room_and_streams_and_requests_under_way_stay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    began, released = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
        elif scope["type"] == "http" and scope["path"] == "/slow":
            began.set()
            await released.wait()
            await hello(scope, receive, send)
        else:
            await hello(scope, receive, send)

    causes: list[str] = []
    async with served(app, connections=4, closed=causes) as (_, port):
        stream, streamed = await asyncio.open_connection("127.0.0.1", port)
        streamed.write(REQUEST.replace(b" / ", b" /stream "))
        await stream.readuntil(b"first")
        slow, waited = await asyncio.open_connection("127.0.0.1", port)
        waited.write(REQUEST.replace(b" / ", b" /slow "))
        await began.wait()
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        for _ in range(5):
            client, asked = await asyncio.open_connection("127.0.0.1", port)
            asked.write(REQUEST)
            assert (await client.readuntil(b"hi")).startswith(b"HTTP/1.1 200 OK")
            idle.append((client, asked))
        assert set(causes) == {"no_room"}
        assert not stream.at_eof()
        released.set()
        assert (await slow.readuntil(b"hi")).startswith(b"HTTP/1.1 200 OK")
        for writer in (streamed, waited, *(writer for _, writer in idle)):
            writer.close()


async def test_who_finds_no_room_waits_until_an_answer_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limit, "TURN_SECONDS", 3600.0)  # a busy machine may read a request late
    began, released = asyncio.Semaphore(0), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            began.release()
            await released.wait()
            await hello(scope, receive, send)

    causes: list[str] = []
    async with served(slow, connections=3, closed=causes) as (_, port):
        clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        for _, asked in clients:
            asked.write(REQUEST)
        for _ in range(3):
            await began.acquire()
        await asyncio.sleep(0.05)
        assert began.locked(), "more requests were begun than there are connections"
        assert causes == []
        released.set()
        for answered, asked in clients:
            assert (await answered.readuntil(b"hi")).startswith(b"HTTP/1.1 200 OK")
            asked.close()


@dataclass
class Failing:
    """A listening socket that cannot accept a number of times."""

    listening: socket.socket
    failures: int

    def accept(self) -> tuple[socket.socket, object]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self.listening.accept()

    def fileno(self) -> int:
        return self.listening.fileno()

    def close(self) -> None:
        self.listening.close()


@pytest.mark.usefixtures("impatient")
async def test_connections_that_cannot_be_accepted_are_told_once_a_minute_and_come_later(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    causes: list[str] = []
    async with served(hello, closed=causes) as (server, port):
        _, idle = await asyncio.open_connection("127.0.0.1", port)
        reader, asked = await asyncio.open_connection("127.0.0.1", port)
        asked.write(REQUEST)
        await reader.readuntil(b"hi")
        accepting = server._acceptors[0]
        failing = Failing(accepting._listening, 100)
        monkeypatch.setattr(accepting, "_listening", failing)
        late, said = await asyncio.open_connection("127.0.0.1", port)
        said.write(REQUEST)
        await late.readuntil(b"hi")
        assert failing.failures == 0
        for writer in (idle, asked, said):
            writer.close()
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == ["connections cannot be accepted (1 times): [Errno 24] Too many open files"]
    assert causes == ["no_room", "no_room"]


@pytest.mark.parametrize(("media_type", "held"), [(b"text/css", MAX_UNREAD), (b"text/event-stream", 0)])
async def test_an_answer_that_nobody_reads_makes_room_first_unless_it_is_a_stream(
    media_type: bytes, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused = asyncio.Event()
    pause = Connection.pause_writing

    def pausing(connection: Connection) -> None:
        pause(connection)
        paused.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [(b"content-type", media_type), (b"content-length", b"%d" % (64 * 2**20))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for number in range(64):
                await send({"type": "http.response.body", "body": b"x" * 2**20, "more_body": number < 63})

    monkeypatch.setattr(Connection, "pause_writing", pausing)
    monkeypatch.setattr(connection_limit, "NEW_SECONDS", 0.0)
    monkeypatch.setattr(connection_limit, "TURN_SECONDS", 0.0)
    async with served(app, connections=2) as (server, port):
        deaf, asked = await asyncio.open_connection("127.0.0.1", port)
        asked.write(REQUEST)
        await paused.wait()
        assert server._limit._held == held
        _, other = await asyncio.open_connection("127.0.0.1", port)
        _, third = await asyncio.open_connection("127.0.0.1", port)
        received = 0
        with suppress(ConnectionResetError):
            while received < 64 * 2**20 and (part := await deaf.read(2**20)):
                received += len(part)
        assert (received < 64 * 2**20) == (held > 0)
        assert server._limit._held == 0
        for writer in (asked, other, third):
            writer.close()
