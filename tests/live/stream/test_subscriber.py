"""A subscriber is a cursor, and needs no task while its connection takes the bytes."""

from __future__ import annotations

import asyncio

import pytest

from service.live.stream.frames import RING, Ring
from service.live.stream.subscriber import Subscriber
from service.problems import Message


class Wire:
    """A connection whose flow control the test holds."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.open = asyncio.Event()
        self.open.set()
        self.gone = False

    async def send(self, message: Message) -> None:
        if self.gone:
            raise OSError("gone")
        self.frames.append(message["body"])
        await self.open.wait()


def push(ring: Ring[int], seq: int) -> None:
    ring.push(seq, b"patch %d" % seq, seq, b"snapshot %d" % seq)


def begun() -> Ring[int]:
    """A ring whose boards are their sequence numbers."""
    ring = Ring[int]()
    ring.reset(1, 1, b"snapshot 1")
    return ring


async def test_frames_are_written_at_once_and_without_a_task() -> None:
    ring, wire = begun(), Wire()
    screen = Subscriber(wire.send, ring, None)
    before = len(asyncio.all_tasks())
    screen.pump()
    push(ring, 2)
    screen.pump()
    assert wire.frames == [b"snapshot 1", b"patch 2"]
    assert len(asyncio.all_tasks()) == before


async def test_a_full_connection_delays_nobody_and_catches_up_by_itself() -> None:
    ring, slow, quick = begun(), Wire(), Wire()
    screens = [Subscriber(wire.send, ring, None) for wire in (slow, quick)]
    slow.open.clear()
    for seq in (2, 3, 4):
        push(ring, seq)
        for screen in screens:
            screen.pump()
    assert quick.frames == [b"snapshot 2", b"patch 3", b"patch 4"]
    assert slow.frames == [b"snapshot 2"]
    screens[0].send_if_ready(b"heartbeat")
    assert slow.frames == [b"snapshot 2"]
    slow.open.set()
    async with asyncio.timeout(10):
        while len(slow.frames) < 3:
            await asyncio.sleep(0)
    assert slow.frames == quick.frames


async def test_a_subscriber_that_falls_off_the_ring_gets_a_snapshot() -> None:
    ring, wire = begun(), Wire()
    push(ring, 2)
    screen = Subscriber(wire.send, ring, ring.cursor_of(2))
    for seq in range(3, RING + 4):
        push(ring, seq)
    screen.pump()
    assert wire.frames == [b"snapshot %d" % (RING + 3)]


async def test_a_connection_that_breaks_ends_its_subscriber() -> None:
    ring, wire = begun(), Wire()
    screen = Subscriber(wire.send, ring, None)
    wire.gone = True
    screen.pump()
    assert screen.ended.is_set()


async def test_a_cancelled_task_reaches_the_suspended_send() -> None:
    tasks = asyncio.all_tasks()
    ring, wire = begun(), Wire()
    wire.open.clear()
    screen = Subscriber(wire.send, ring, None)
    screen.pump()
    await asyncio.sleep(0)
    screen.end()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert screen.ended.is_set()
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
