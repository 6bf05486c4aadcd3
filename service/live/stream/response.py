"""The event stream as an HTTP response: by the server's handover where there is one, else by sse-starlette.

The library owns the protocol under any other server: the answer to HEAD, the client that goes away, and the
server's shutdown; its headers go out in either case. It iterates no generator: an `OpenStream` writes the
bytes that all subscribers share. The library's pings are off, because the hub's heartbeats are events that a
page can hear. Its logger stays at INFO, because at DEBUG it writes out every payload.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Final

from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.live.stream.open_stream import OpenStream
from service.live.stream.places import Place
from service.live.stream.sinks import HANDOVER, SendSink, Sink
from service.live.stream.wire import Wire
from service.problems import Problem, RawHeaders

logging.getLogger("sse_starlette").setLevel(logging.INFO)


_METHOD: Final = Problem(405, "this address does not take this method", ((b"allow", b"GET, HEAD"),))


class StreamEndpoint:
    """The ASGI callable of a stream's address. It is no handler of Starlette's, because to the framework's
    layers a crowd of screens that comes back would lose a sixth of its time.

    Args:
        respond: The response to a request: a stream, or why there is none.
    """

    def __init__(self, respond: Callable[[Request], Awaitable[ASGIApp]]) -> None:
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_read = scope["method"] in ("GET", "HEAD")
        response = await self._respond(Request(scope, receive)) if is_read else _METHOD
        await response(scope, receive, send)


class EventStream:
    """A stream that the hub writes to: an ASGI callable.

    Args:
        show: Subscribes a stream that is open to what it shows.
        places: Those that the stream holds until it has ended.
        wire: How the connection takes frames.
    """

    def __init__(self, show: Callable[[OpenStream], None], places: Sequence[Place], wire: Wire) -> None:
        self._show = show
        self._places = places
        self._wire = wire
        self._is_open = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            if HANDOVER in scope.get("extensions", ()) and scope["method"] != "HEAD":
                headers = _handed_over(gzip=self._wire.gzip)
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": HANDOVER, "to": self.open})
            else:
                await _Response(self, _headers(gzip=self._wire.gzip))(scope, receive, send)
        finally:
            if not self._is_open:
                for place in self._places:
                    place.leave()

    def open(self, sink: Sink) -> None:
        """Begin to write to a sink."""
        self._is_open = True
        self._show(OpenStream(sink, self._wire, self._places))


class _Response(EventSourceResponse):
    """The library's response, in which a stream writes."""

    def __init__(self, stream: EventStream, headers: Mapping[str, str]) -> None:
        super().__init__(iter(()), ping=0, headers=headers)
        self._stream = stream

    async def _stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        sink = SendSink(send)  # type: ignore[arg-type]  # the server's `send` is a coroutine function
        try:
            self._stream.open(sink)
            await sink.closed.wait()
            self.active = False
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            sink.abandon()


def _headers(*, gzip: bool) -> dict[str, str]:
    """Those of a stream besides the library's."""
    return {"vary": "accept-encoding", **({"content-encoding": "gzip"} if gzip else {})}


@cache
def _handed_over(*, gzip: bool) -> RawHeaders:
    """All headers of a stream that is handed over, which is the last response of its connection. They are
    made once: the library's response takes as long to make as it takes to let a screen in."""
    response = EventSourceResponse(iter(()), headers=_headers(gzip=gzip))
    response.headers["connection"] = "close"
    return tuple(response.raw_headers)
