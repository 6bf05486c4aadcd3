"""A subscriber is a cursor; a sink takes frames without a task while its connection has room."""

from __future__ import annotations

import asyncio

import pytest

from service.live.stream.frames import RING, Ring
from service.live.stream.open_stream import OpenStream
from service.live.stream.places import Places
from service.live.stream.sinks import SendSink
from service.live.stream.subscriber import Subscriber
from service.live.stream.wire import Wire
from service.problems import Message
from tests.live.stream.clients import Client
from tests.live.stream.test_places import VIEW


class Screen(Client):
    """A screen that keeps what it was sent."""

    def __init__(self, frames: Ring[int], cursor: int | None = None) -> None:
        self.frames: list[bytes] = []
        super().__init__(self.frames.append)
        stream = OpenStream(self, Wire(), [Places(1).taken(VIEW, None)])
        self.subscriber = Subscriber(stream, None, frames, set(), cursor)


class Response:
    """A response whose flow control the test holds."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None
        self.sink = SendSink(self.send)

    async def send(self, message: Message) -> None:
        if self.error is not None:
            raise self.error
        self.frames.append(message["body"])
        await self.open.wait()


def push(ring: Ring[int], seq: int) -> None:
    ring.push(seq, b"patch %d" % seq, seq, b"snapshot %d" % seq)


def begun() -> Ring[int]:
    """A ring whose boards are their sequence numbers."""
    ring = Ring[int]()
    ring.reset(1, 1, b"snapshot 1")
    return ring


async def test_a_slow_screen_delays_nobody_and_catches_up_from_its_cursor() -> None:
    ring = begun()
    slow, quick = Screen(ring), Screen(ring)
    for screen in (slow, quick):
        screen.subscriber.pump()
    slow.full = True
    for seq in (2, 3, 4):
        push(ring, seq)
        for screen in (slow, quick):
            screen.subscriber.pump()
    assert quick.frames == [b"snapshot 1", b"patch 2", b"patch 3", b"patch 4"]
    assert slow.frames == [b"snapshot 1"]
    slow.subscriber.send_if_ready(b"heartbeat")
    assert slow.frames == [b"snapshot 1"]
    slow.read()
    assert slow.frames == quick.frames


async def test_a_subscriber_that_falls_off_the_ring_gets_a_snapshot() -> None:
    ring = begun()
    push(ring, 2)
    screen = Screen(ring, ring.cursor_of(2))
    for seq in range(3, RING + 4):
        push(ring, seq)
    screen.subscriber.pump()
    assert screen.frames == [b"snapshot %d" % (RING + 3)]


async def test_a_subscriber_of_a_connection_that_is_lost_ends_and_so_does_one_that_comes_then() -> None:
    screen = Screen(begun())
    screen.on_lost()
    assert screen.subscriber.ended
    late = Subscriber(screen.subscriber._stream, None, begun(), set(), None)
    assert late.ended


async def test_frames_go_out_at_once_and_without_a_task() -> None:
    response, before = Response(), asyncio.all_tasks()
    for frame in (b"1", b"2"):
        response.sink.write(frame)
    assert response.frames == [b"1", b"2"]
    assert not response.sink.full
    assert asyncio.all_tasks() == before


async def test_a_sink_is_full_until_the_last_frame_has_gone_out() -> None:
    response, room = Response(), asyncio.Event()
    response.sink.on_room = room.set
    response.open.clear()
    for frame in (b"1", b"2"):
        response.sink.write(frame)
    assert response.sink.full
    response.open.set()
    async with asyncio.timeout(10):
        await room.wait()
    assert not response.sink.full
    assert response.frames == [b"1", b"2"]


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("the response is over")])
async def test_a_connection_that_fails_ends_its_stream_alone(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    response, lost = Response(), asyncio.Event()
    response.sink.on_lost = lost.set
    response.error = error
    response.sink.write(b"1")
    assert lost.is_set()
    assert response.sink.closed.is_set()
    assert ("cannot be written to" in caplog.text) is isinstance(error, RuntimeError)


async def test_a_response_that_ends_takes_the_suspended_send_with_it() -> None:
    tasks, response = asyncio.all_tasks(), Response()
    response.open.clear()
    response.sink.write(b"1")
    await asyncio.sleep(0)
    response.sink.abandon()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks


def test_resuming_repeats_all_patches_after_the_first_with_that_id() -> None:
    ring = begun()
    for frame in (b"a", b"b"):
        ring.push(2, frame, 2, None)
    push(ring, 3)
    cursor = ring.cursor_of(2)
    seen = []
    while (following := ring.after(cursor)) is not None:
        frame, cursor = following
        seen.append(frame)
    assert seen == [b"b", b"patch 3"]


@pytest.mark.parametrize("unknown", [0, 99])
def test_an_id_that_no_frame_had_gets_a_snapshot(unknown: int) -> None:
    ring = begun()
    push(ring, 5)
    assert ring.cursor_of(unknown) is None
    assert ring.cursor_of(5) is not None


def test_the_first_id_of_a_ring_cannot_be_resumed_from() -> None:
    ring = begun()
    ring.push(1, b"time alone", 1, None)
    assert ring.cursor_of(1) is None


def test_a_frame_that_just_left_the_ring_can_still_be_resumed_from() -> None:
    ring = begun()
    for seq in range(2, RING + 3):
        push(ring, seq)
    assert ring.after(ring.cursor_of(2)) == (b"patch 3", (ring.cursor_of(2) or 0) + 1)
    push(ring, RING + 3)
    assert ring.cursor_of(2) is None


def test_after_a_reset_an_old_cursor_gets_a_snapshot() -> None:
    ring = begun()
    push(ring, 2)
    cursor = ring.cursor_of(2)
    ring.reset(2, 7, b"snapshot 7")
    following = ring.after(cursor)
    assert following is not None
    assert following[0] == b"snapshot 7"
