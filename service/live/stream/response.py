"""The event stream as an HTTP response, by sse-starlette.

The library owns the protocol: headers, the answer to HEAD, the client that goes away, and the server's
shutdown. Instead of iterating a generator for each connection it hands `send` to the hub, which writes the
same bytes to all subscribers (`subscriber`). The library's pings are off, because the hub's heartbeats are
events that a page can hear. Its logger stays at INFO, because at DEBUG it writes out every payload.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Final

from sse_starlette import EventSourceResponse
from starlette.types import Receive, Scope, Send

from service.live.stream.subscriber import StreamSend
from service.live.stream.wire import PLAIN, Wire

RETRY_MS: Final = (2_000, 8_000)
"""A page that lost the stream waits for a random time within these bounds, so that not all return at once."""

logging.getLogger("sse_starlette").setLevel(logging.INFO)


class EventStream(EventSourceResponse):
    """A stream that the hub writes to.

    Args:
        stream: Writes the stream through ASGI's `send`, and returns when it has ended.
        place: Held from the moment that the response begins until it has ended.
        wire: How the connection takes what does not come from the hub.
    """

    def __init__(
        self,
        stream: Callable[[StreamSend], Awaitable[None]],
        place: AbstractContextManager[object, bool | None],
        wire: Wire = PLAIN,
    ) -> None:
        super().__init__(iter(()), ping=0, headers={"vary": "accept-encoding"})
        if wire.gzip:
            self.headers["content-encoding"] = "gzip"
        self._stream = stream
        self._place = place
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. No other request is served between the check of what is free and this."""
        with self._place:
            await super().__call__(scope, receive, send)

    async def _stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        retry = b"retry: %d\n\n" % random.randint(*RETRY_MS)  # noqa: S311  # spreads load, protects nothing
        await send(
            {"type": "http.response.body", "body": self._wire.head + self._wire(retry), "more_body": True}
        )
        await self._stream(send)  # type: ignore[arg-type]  # the server's `send` is a coroutine function
        self.active = False
        await send({"type": "http.response.body", "body": b"", "more_body": False})
