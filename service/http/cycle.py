"""One request and its response: uvicorn's cycle, with what makes a short answer cheap.

uvicorn checks the headers of each response again, and writes head and body by two calls of the operating
system. Here an answer whose length is known goes out in one piece. And a body that has come with its head can
be had at once, where each message of ASGI would be a turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from service.live.stream.sinks import HANDOVER, Sink
from service.problems import Message
from service.webhooks.body import ARRIVED

_SHORT: Final = 512
"""Bytes of the longest header that is kept in its written form: those that most responses have."""


class Cycle(RequestResponseCycle):
    """See the module.

    Args:
        connection: It has parsed the head of the request.
        note: Called with the message that begins the response.
        hand_over: Leaves the connection to an event stream, which begins with a head.

    Attributes:
        answered_early: The response was complete before the request. The connection must not be closed at
            once: see `limits.LINGER_SECONDS`.
    """

    def __init__(
        self,
        connection: HttpToolsProtocol,
        keep_alive: bool,
        note: Callable[[Cycle, Message], None],
        hand_over: Callable[[Cycle, bytes, Callable[[Sink], None]], None],
    ) -> None:
        super().__init__(
            scope=connection.scope,
            transport=connection.transport,
            flow=connection.flow,
            logger=connection.logger,
            access_logger=connection.access_logger,
            access_log=connection.access_log,
            default_headers=connection.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=connection.expect_100_continue,
            keep_alive=keep_alive,
            on_response=connection.on_response_complete,
        )
        self.answered_early = False
        self._note = note
        self._hand_over = hand_over
        self._start: Message | None = None
        self.scope["extensions"] = {HANDOVER: {}, ARRIVED: {"body": self._arrived}}

    def _arrived(self, most: int) -> bytes | None:
        """The whole body, which is then read; None if it is not complete, or over so many bytes."""
        if self.more_body or len(self.body) > most or self.disconnected or self.response_complete:
            return None
        body, self.body = bytes(self.body), bytearray()
        self.message_event.clear()
        self.flow.resume_reading()
        return body

    async def send(self, message: Any) -> None:
        """Send one message. The head of an answer waits for what follows it."""
        kind = message["type"]
        if kind == "http.response.start":
            self._note(self, message)
            self._start = message
            return
        start, self._start = self._start, None
        if kind == HANDOVER:
            self._begin_stream(start, message["to"])
            return
        is_last = not message.get("more_body", False)
        if start is not None:
            length = _length(start) if is_last else None
            if length is not None:
                await self._answer(start, message.get("body", b""), length)
                return
            await super().send(start)  # type: ignore[arg-type]  # uvicorn types each message
        if is_last:
            self._spare_connection()
        await super().send(message)

    def _begin_stream(self, start: Any, to: Callable[[Sink], None]) -> None:
        """Hand the connection over. Nothing of the request may hold itself then: thousands of screens that
        come back at once would leave it all to the collector of garbage, which stops everything."""
        self.response_started = True
        head = self._head(start)
        if self.chunked_encoding is None:
            self.chunked_encoding = True
            head.append(b"transfer-encoding: chunked\r\n")
        self._hand_over(self, b"".join((*head, b"\r\n")), to)
        self.scope["extensions"].clear()

    def _spare_connection(self) -> bool:
        """Whether uvicorn would close the connection although the client still sends; then it does not."""
        if self.more_body and not self.keep_alive:
            self.answered_early = self.keep_alive = True
        return self.answered_early

    async def _answer(self, start: Message, body: bytes, length: int) -> None:
        """Write a whole response, which says that it has so many bytes."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        head = self._head(start)
        if self.scope["method"] == "HEAD":
            body = b""
        elif len(body) != length:
            raise RuntimeError("a response is not as long as it says")
        self.response_started = True
        self.waiting_for_100_continue = False
        self.transport.write(b"".join((*head, b"\r\n", body)))
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive and not self._spare_connection():
            self.transport.close()
        self.on_response()

    def _head(self, start: Message) -> list[bytes]:
        """The lines of a head; notes whether the connection stays open after it."""
        headers = [*self.default_headers, *start["headers"]]
        written = [STATUS_LINE[start["status"]]]
        written += [_kept(*one) if len(one[1]) <= _SHORT else _line(*one) for one in headers]
        if (b"connection", b"close") in headers:
            self.keep_alive = False
        elif not self.keep_alive:
            written.append(b"connection: close\r\n")
        return written


def fill_in(scope: Any, parser: httptools.HttpRequestParser, target: bytes) -> bool:
    """Fill in what a head says that is complete; returns whether the connection may stay open after it. Fails
    on a target without a path."""
    version: str = parser.get_http_version()
    url = httptools.parse_url(target)
    path: str = url.path.decode("ascii")
    scope["http_version"] = version
    scope["method"] = parser.get_method().decode("ascii")
    scope["path"] = unquote(path) if "%" in path else path
    scope["raw_path"] = url.path
    scope["query_string"] = url.query or b""
    return version != "1.0" and bool(parser.should_keep_alive())


def _length(start: Message) -> int | None:
    """The length that a response declares."""
    declared = header(start, b"content-length")
    return int(declared) if declared else None


def header(start: Message, wanted: bytes) -> bytes:
    """A header of a response; empty if it has none of that name."""
    for name, value in start.get("headers", ()):
        if name == wanted:
            return bytes(value)
    return b""


def _line(name: bytes, value: bytes) -> bytes:
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        raise RuntimeError("a response has a header that is none")
    return b"%b: %b\r\n" % (name, value)


_kept = lru_cache(maxsize=512)(_line)
