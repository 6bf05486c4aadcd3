"""An event stream over HTTP: what sse-starlette does for us, and nothing of what it is fed with.

The library owns the protocol: headers, the answer to HEAD, noticing that the client went away, and the
server's shutdown. Instead of iterating a generator for each connection it hands `send` to the hub, which
writes the same bytes to all screens (`screen`). Its pings are off, because the hub's heartbeats are events
that a page can hear; its logger is held at INFO, because at DEBUG it writes out every payload.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from sse_starlette import EventSourceResponse
from starlette.types import Send

from service.live.stream.subscriber import StreamSend

RETRY_MS: Final = (2_000, 8_000)
"""A page that lost the stream waits this long before it asks again: not all at the same moment."""

logging.getLogger("sse_starlette").setLevel(logging.INFO)


class EventStream(EventSourceResponse):
    """A stream that the hub writes to.

    Args:
        show: Feeds the stream through ASGI's `send`, and returns when it has ended.
        headers: Besides those of every event stream.
    """

    def __init__(self, show: Callable[[StreamSend], Awaitable[None]], headers: Mapping[str, str]) -> None:
        super().__init__(iter(()), headers=headers, ping=0)
        self._show = show

    async def _stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        retry = b"retry: %d\n\n" % random.randint(*RETRY_MS)  # noqa: S311  # spreads the herd, hides nothing
        await send({"type": "http.response.body", "body": retry, "more_body": True})
        await self._show(send)  # type: ignore[arg-type]  # the server's `send` is a coroutine function
        self.active = False
        await send({"type": "http.response.body", "body": b"", "more_body": False})
