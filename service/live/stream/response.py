"""The event stream as an HTTP response: by the server's handover where there is one, else by sse-starlette.

The library owns the protocol under any other server: the answer to HEAD, the client that goes away, and the
server's shutdown; its headers go out in either case. It iterates no generator: an `OpenStream` writes the
bytes that all subscribers share. The library's pings are off, because the hub's heartbeats are events that a
page can hear. Its logger stays at INFO, because at DEBUG it writes out every payload.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from sse_starlette import EventSourceResponse
from starlette.types import Receive, Scope, Send

from service.live.stream.open_stream import OpenStream
from service.live.stream.places import Place
from service.live.stream.sinks import HANDOVER, SendSink, Sink
from service.live.stream.wire import Wire

logging.getLogger("sse_starlette").setLevel(logging.INFO)


class EventStream(EventSourceResponse):
    """A stream that the hub writes to.

    Args:
        show: Subscribes a stream that is open to what it shows.
        places: Those that the stream holds until it has ended.
        wire: How the connection takes frames.
    """

    def __init__(self, show: Callable[[OpenStream], None], places: Sequence[Place], wire: Wire) -> None:
        super().__init__(iter(()), ping=0, headers={"vary": "accept-encoding"})
        if wire.gzip:
            self.headers["content-encoding"] = "gzip"
        self._show = show
        self._places = places
        self._wire = wire
        self._is_open = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            if HANDOVER in scope.get("extensions", ()) and scope["method"] != "HEAD":
                await self._hand_over(send)
            else:
                await super().__call__(scope, receive, send)
        finally:
            if not self._is_open:
                for place in self._places:
                    place.leave()

    async def _hand_over(self, send: Send) -> None:
        self.headers["connection"] = "close"  # nothing reads another request
        await self._start(send)
        await send({"type": HANDOVER, "to": self._open})

    async def _stream_response(self, send: Send) -> None:
        await self._start(send)
        sink = SendSink(send)  # type: ignore[arg-type]  # the server's `send` is a coroutine function
        try:
            self._open(sink)
            await sink.closed.wait()
            self.active = False
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            sink.abandon()

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    def _open(self, sink: Sink) -> None:
        self._is_open = True
        self._show(OpenStream(sink, self._wire, self._places))
