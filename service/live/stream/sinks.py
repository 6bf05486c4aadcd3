"""Where the frames of one response go: something that takes bytes without waiting.

The service's own server hands the connection of a stream over (`service.http.handover`), so that a screen
costs no task and no frame an ASGI message. Under any other server, and for what stands between it and the
response, frames go through ASGI's `send`. One task per write would cost more in waking tasks than in writing.
So `SendSink` drives `send` itself: a coroutine that does not have to wait runs to its end at the first step.
Only where the connection is full (the server's flow control suspends `send`) does the rest of that coroutine
become a task.
"""

from __future__ import annotations

import asyncio
import logging
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

from service.problems import Message

HANDOVER: Final = "lossboard.handover"
"""The ASGI extension of a server that hands connections over, and the type of the message that asks for it in
place of a response's body: `to` is called with the sink."""

StreamSend: TypeAlias = Callable[[Message], Coroutine[Any, Any, None]]
"""ASGI's `send` of a response that has begun."""

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """See the module.

    Attributes:
        chunked: Whether each frame must be a chunk already.
        on_room: Called when it is not full any more.
        on_lost: Called when the connection has ended.
    """

    chunked: bool
    on_room: Callable[[], None]
    on_lost: Callable[[], None]

    @property
    def full(self) -> bool:
        """Whether the client has not read what was written, so that more would be kept for it."""
        ...

    def write(self, content: bytes) -> None:
        """Write bytes; full or not, they go out in order."""
        ...

    def close(self) -> None:
        """End the response, once what was written has gone out."""
        ...


class SendSink:
    """The sink of a response under any ASGI server. `closed` is set for the coroutine that holds the response
    open."""

    chunked = False

    def __init__(self, send: StreamSend) -> None:
        self.on_room: Callable[[], None] = _nothing
        self.on_lost: Callable[[], None] = _nothing
        self.closed = asyncio.Event()
        self._send = send
        self._suspended: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """See `Sink`."""
        return bool(self._suspended)

    def write(self, content: bytes) -> None:
        """See `Sink`."""
        sending = self._send({"type": "http.response.body", "body": content, "more_body": True})
        try:
            waiting_for = sending.send(None)
        except StopIteration:
            return
        except Exception as error:  # of one connection: the others get the same frame
            self._fail(error)
            return
        task = asyncio.get_running_loop().create_task(self._finish(_rest(sending, waiting_for)))
        self._suspended.add(task)
        task.add_done_callback(self._on_finished)

    def close(self) -> None:
        """See `Sink`."""
        self.closed.set()

    def abandon(self) -> None:
        """The response has ended: nothing of it goes out any more."""
        for task in self._suspended:
            task.cancel()
        self.on_lost()

    async def _finish(self, sending: Awaitable[None]) -> None:
        """Complete a suspended `send`."""
        try:
            await sending
        except Exception as error:  # of one connection
            self._fail(error)

    def _on_finished(self, task: asyncio.Task[None]) -> None:
        self._suspended.discard(task)
        if not self._suspended and not task.cancelled():
            self.on_room()

    def _fail(self, error: Exception) -> None:
        """End, because the connection is gone, which is ordinary, or cannot be written to."""
        if not isinstance(error, OSError):
            _log.error("a stream cannot be written to", exc_info=error)
        self.close()
        self.on_lost()


def _nothing() -> None:
    """Nobody listens yet."""


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
