"""One open stream: a cursor into the frames that all subscribers of a query share, and the writes to it.

Frames are bytes that are made once for all subscribers. One task per write would cost more in waking tasks
than in writing. So the hub's loop drives ASGI's `send` itself: a coroutine that does not have to wait runs to
its end at the first step, and the next subscriber follows. Only where the connection is full (the server's
flow control suspends `send`) does the rest of that coroutine become a task, which then catches up from the
cursor by itself. A slow subscriber delays nobody, and holds nothing but a number.
"""

from __future__ import annotations

import asyncio
import logging
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from typing import Any, TypeAlias

from service.live.stream.frames import Ring
from service.live.stream.wire import PLAIN, Wire
from service.problems import Message

StreamSend: TypeAlias = Callable[[Message], Coroutine[Any, Any, None]]
"""ASGI's `send` of a response that has begun."""


_log = logging.getLogger(__name__)


class Subscriber:
    """A stream, from its first frame to its end.

    Args:
        cursor: Where it begins; None for the whole snapshot.
        seen: The sequence number of the last frame that it received of any node; 0 before the first.
        wire: How the connection takes frames.
    """

    __slots__ = ("_busy", "_cursor", "_frames", "_send", "_task", "_wire", "ended", "seen")

    def __init__(
        self, send: StreamSend, frames: Ring[Any], cursor: int | None, seen: int = 0, wire: Wire = PLAIN
    ) -> None:
        self.seen = seen
        self._send = send
        self._wire = wire
        self._frames = frames
        self._cursor = cursor
        self._busy = False
        self._task: asyncio.Task[None] | None = None
        self.ended = asyncio.Event()

    @property
    def needs_whole(self) -> bool:
        """Whether it waits for the whole board. While its connection is full it waits for that alone."""
        return not self._busy and self._frames.needs_whole(self._cursor)

    def pump(self) -> None:
        """Write every frame after the cursor, as far as the connection takes them now."""
        while not self._busy and not self.ended.is_set():
            following = self._frames.after(self._cursor)
            if following is None:
                return
            frame, self._cursor = following
            self._write(frame)

    def send_if_ready(self, frame: bytes) -> None:
        """Write a frame that is worth nothing later (a heartbeat); a full connection does not get it."""
        if not self._busy and not self.ended.is_set():
            self._write(frame)

    def end(self) -> None:
        """Stop writing, and set `ended` for the caller that holds the response open."""
        self.ended.set()
        if self._task is not None:
            self._task.cancel()

    def _write(self, frame: bytes) -> None:
        sending = self._send({"type": "http.response.body", "body": self._wire(frame), "more_body": True})
        try:
            waiting_for = sending.send(None)
        except StopIteration:
            return
        except Exception as error:  # of one connection: the others get the same frame
            self._fail(error)
            return
        self._busy = True
        self._task = asyncio.get_running_loop().create_task(self._finish(_rest(sending, waiting_for)))

    async def _finish(self, sending: Awaitable[None]) -> None:
        """Complete a suspended `send`, then catch up."""
        try:
            await sending
        except Exception as error:  # of one connection
            self._task = None
            self._fail(error)
            return
        self._task = None
        self._busy = False
        self.pump()

    def _fail(self, error: Exception) -> None:
        """End, because the connection is gone, which is ordinary, or cannot be written to."""
        if not isinstance(error, OSError):
            _log.error("a stream cannot be written to", exc_info=error)
        self.end()


@types.coroutine
def _rest(sending: Coroutine[Any, Any, None], waiting_for: object) -> Generator[object, object, None]:
    """Await the rest of a coroutine that was already driven to its first suspension.

    It suspended by yielding a future. Yielded once more, from a task, that future wakes the task.
    """
    while True:
        try:
            result = yield waiting_for
        except BaseException as error:
            resume = partial(sending.throw, error)
        else:
            resume = partial(sending.send, result)
        try:
            waiting_for = resume()
        except StopIteration:
            return
