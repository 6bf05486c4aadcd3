"""One open stream: a cursor into the frames that all screens of a query share, and the means to write to it.

Frames are bytes made once for all screens. To write one to a thousand screens by a task for each costs more
in waking tasks than in writing. So the hub's loop drives ASGI's `send` itself: a coroutine that has nothing
to wait for runs to its end at the first step, and the next screen is next. Only where the connection is full
(the server's flow control suspends `send`) does the rest of that coroutine become a task, which then catches
up from the screen's cursor by
itself: a slow screen holds up nobody, and owns nothing but a number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, Protocol, TypeAlias

from service.problems import Message

StreamSend: TypeAlias = Callable[[Message], Coroutine[Any, Any, None]]


class Frames(Protocol):
    """The frames of a query, as a screen reads them."""

    def after(self, cursor: int | None) -> tuple[bytes, int] | None:
        """The next frame for a cursor, and the cursor after it; None when there is no newer one.

        A cursor of None, or one that has fallen off the ring, gets the whole snapshot.
        """
        ...


class Subscriber:
    """A stream, from its first frame to its end.

    Args:
        send: ASGI's, of a response that has begun.
        frames: What it shows.
        cursor: Where it begins; None for the whole snapshot.
    """

    __slots__ = ("_busy", "_cursor", "_frames", "_send", "_task", "ended")

    def __init__(self, send: StreamSend, frames: Frames, cursor: int | None) -> None:
        self._send = send
        self._frames = frames
        self._cursor = cursor
        self._busy = False
        self._task: asyncio.Task[None] | None = None
        self.ended = asyncio.Event()

    def pump(self) -> None:
        """Write every frame that is newer than the cursor, as far as the connection takes them now."""
        while not self._busy and not self.ended.is_set():
            following = self._frames.after(self._cursor)
            if following is None:
                return
            frame, self._cursor = following
            self._write(frame)

    def say(self, frame: bytes) -> None:
        """Write a passing frame (a heartbeat), unless the connection is full: then it has no use for one."""
        if not self._busy and not self.ended.is_set():
            self._write(frame)

    def end(self) -> None:
        """Let go of the stream; whoever holds it open hears of it by `ended`."""
        self.ended.set()
        if self._task is not None:
            self._task.cancel()

    def _write(self, frame: bytes) -> None:
        step = self._send({"type": "http.response.body", "body": frame, "more_body": True})
        try:
            waiting_for = step.send(None)
        except StopIteration:
            return
        except OSError:
            self.end()
            return
        self._busy = True
        self._task = asyncio.get_running_loop().create_task(self._finish(_Rest(step, waiting_for)))

    async def _finish(self, rest: _Rest) -> None:
        """See a suspended `send` to its end, then catch up."""
        try:
            await rest
        except OSError:
            self._task = None
            self.end()
            return
        self._task = None
        self._busy = False
        self.pump()


class _Rest:
    """The rest of a coroutine that was already driven to its first suspension, as something to await.

    It suspended by yielding a future. Yielded once more, from a task, that future wakes the task.
    """

    __slots__ = ("_step", "_waiting_for")

    def __init__(self, step: Coroutine[Any, Any, None], waiting_for: object) -> None:
        self._step = step
        self._waiting_for = waiting_for

    def __await__(self) -> Generator[object, object, None]:
        waiting_for = self._waiting_for
        while True:
            try:
                sent = yield waiting_for
            except BaseException as error:
                resume = partial(self._step.throw, error)
            else:
                resume = partial(self._step.send, sent)
            try:
                waiting_for = resume()
            except StopIteration:
                return
