"""One HTTP/1.1 connection: uvicorn's, plus the limits that it lacks.

uvicorn has no deadline for a request's head, so that a client can hold a connection by sending a byte now and
then. It has none for a client that does not read its response. Neither it nor its parser has a limit for what
they collect: header fields, trailers, and requests that a client sends before it has the answer to the first.
And it logs a line for each request that is no HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal, TypeAlias

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.http.connection_limit import ConnectionLimit
from service.http.cycle import Cycle, fill_in, header
from service.http.handover import HandedOver
from service.http.limits import (
    HEAD_SECONDS,
    LEAVE_SECONDS,
    LINGER_SECONDS,
    MAX_FIELDS,
    MAX_HEAD,
    MAX_LINGER,
    MAX_PIPELINED,
    MAX_UNREAD,
    READ_SIZE,
    WRITE_SECONDS,
)
from service.http.patience import Patience
from service.http.refusal import NOT_HTTP, TOO_LARGE, refusal
from service.live.stream.sinks import Sink
from service.problems import Message, Problem

OnRefused: TypeAlias = Callable[[str], None]
"""Called with the cause when a connection is closed because of what it sent."""

_Deadline: TypeAlias = Literal["head", "write"]


class _TooMuch(Exception):
    """A client sends more than is collected for it."""


class Connection(HttpToolsProtocol):
    """HTTP/1.1 within limits of size and time.

    Only the connection can set them: an application sees a request when its head is complete, and can only
    wait for a client that does not read.

    Args:
        limit: Knows all connections of the process.
        on_refused: See there.
    """

    head_seconds = HEAD_SECONDS
    write_seconds = WRITE_SECONDS
    leave_seconds = LEAVE_SECONDS
    linger_seconds = LINGER_SECONDS

    cycle: Cycle

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limit: ConnectionLimit,
        on_refused: OnRefused,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limit = limit
        self._on_refused = on_refused
        self._timers: dict[_Deadline, asyncio.TimerHandle] = {}
        self._proven = False
        self._is_stream = False
        self._in_head = True
        self._ignoring = False
        self._ignored = 0
        self._patience = Patience(self.loop, self.timeout_keep_alive, self._leave_if_idle)
        self._overhead = self._held = 0
        self.headers = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline of the first request's head."""
        super().connection_made(transport)
        transport.max_size = READ_SIZE  # type: ignore[attr-defined]  # asyncio's transport has it
        self._start("head", self.head_seconds)
        self._limit.opened(self)

    def data_received(self, data: bytes) -> None:
        """Parse. A head of which this is the first part, and not all of it, gets its deadline.

        The parser gets parts, because between two of them it can be seen how much it has collected.
        """
        parts = memoryview(data)
        for begin in range(0, len(data), MAX_HEAD):
            if not self._ignoring and not self.transport.is_closing():
                self._parse(parts[begin : begin + MAX_HEAD])
        if self._is_idle() and "head" not in self._timers:
            self._start("head", self.head_seconds)
        if self._ignoring:
            self._ignored += len(data)
            if self._ignored > MAX_LINGER:
                self.flow.pause_reading()

    def _parse(self, part: memoryview) -> None:
        self._overhead += len(part)
        try:
            self.parser.feed_data(part)
        except httptools.HttpParserUpgrade:  # nothing to change to: the answer is HTTP/1.1, and the last one
            self._ignoring = True
            self.cycle.keep_alive = False
        except httptools.HttpParserCallbackError as error:
            self._refuse(TOO_LARGE if isinstance(error.__context__, _TooMuch) else NOT_HTTP)
        except httptools.HttpParserError:
            self._refuse(NOT_HTTP)
        else:
            if self._overhead > MAX_HEAD or len(self.headers) > MAX_FIELDS:
                self._refuse(TOO_LARGE)
        self._report()

    def on_message_begin(self) -> None:
        """Begin a head."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _TooMuch
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Cancel the head's deadline; begin to count what frames the body.

        Trailers get a list that nobody reads: none may pass for a field of the head (RFC 9110, 6.5.1).
        """
        if len(self.headers) > MAX_FIELDS:
            raise _TooMuch
        keep_alive = fill_in(self.scope, self.parser, self.url)
        is_first = self._is_idle()
        self.cycle = Cycle(self, keep_alive, self._note, self._hand_over)
        if is_first:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        self.headers = []
        self._cancel("head")
        self._in_head = False
        self._overhead = 0

    def on_body(self, body: bytes) -> None:
        """Leave the body to the application, which has limits of its own."""
        self._overhead -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin to count the next head."""
        super().on_message_complete()
        self._in_head = True
        self._overhead = 0

    def on_response_complete(self) -> None:
        """Wait for the next request; of the last one nothing is kept."""
        if self.cycle.response_complete:
            if self.scope is self.cycle.scope:  # the next one has not begun
                self.scope = None  # type: ignore[assignment]
            self.cycle.scope = None  # type: ignore[assignment]
            self.cycle.body = bytearray()
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            else:
                self._patience.begin()
        if self.cycle.answered_early:
            self._linger()
        self._report()

    def pause_writing(self) -> None:
        """Start the write deadline: the connection is full."""
        super().pause_writing()
        self._start("write", self.write_seconds)
        self._report()

    def resume_writing(self) -> None:
        """Cancel the write deadline: the client reads again."""
        self._cancel("write")
        super().resume_writing()
        self._report()

    def shutdown(self) -> None:
        """Finish the current request; a full connection gets the shorter deadline."""
        super().shutdown()
        if self._ignoring and not self._is_idle() and self.cycle.disconnected:  # refused; see `_refuse`
            self.transport.close()
        if "write" in self._timers:
            self._start("write", self.leave_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel all deadlines."""
        for timer in self._timers.values():
            timer.cancel()
        self._patience.end()
        self._limit.closed(self)
        super().connection_lost(exc)

    def cut(self) -> None:
        """Close the connection at once, whatever is left to send."""
        self.transport.abort()

    def _is_idle(self) -> bool:
        cycle: Cycle | None = self.cycle  # despite its type None before the first request
        return cycle is None or cycle.response_complete

    def _leave_if_idle(self) -> None:
        if self._is_idle() and "head" not in self._timers:
            self.transport.close()

    def _report(self) -> None:
        """Say whose turn it is, the client's or the service's, and what is kept until then."""
        if self.transport.is_closing():
            return
        unread = self.flow.write_paused and not self._is_stream
        if self._is_idle() or self.cycle.more_body or unread:
            self._limit.idle(self, proven=self._proven and not unread)
        else:
            self._limit.serving(self)
        held = max(0, self._overhead) if self._in_head else 0
        if unread:
            held += min(self.transport.get_write_buffer_size(), MAX_UNREAD)
        if held or self._held:
            self._limit.holding(self, held)
            self._held = held

    def _note(self, cycle: Cycle, start: Message) -> None:
        """Note how the application's answer begins."""
        self._proven |= 200 <= start["status"] < 300
        self._is_stream = header(start, b"content-type").startswith(b"text/event-stream")
        if self._is_stream and cycle.scope["http_version"] == "1.0":
            cycle.chunked_encoding = False  # which uvicorn would choose; its client knows no chunks

    def _hand_over(self, cycle: Cycle, head: bytes, to: Callable[[Sink], None]) -> None:
        """Leave the connection to an event stream that begins with a head, unless it has ended meanwhile."""
        if cycle.disconnected or self.transport.is_closing():
            return
        cycle.disconnected = True  # the application has no more to say
        self._cancel("write")
        self._patience.end()
        self._limit.serving(self)
        self._limit.holding(self, 0)
        self.flow.resume_reading()  # else nobody would notice that the client goes away
        self.connections.discard(self)
        handed = HandedOver(
            self.transport,
            self.connections,  # type: ignore[arg-type]  # uvicorn names its own classes
            self._limit,
            chunked=bool(cycle.chunked_encoding),
            full=self.flow.write_paused,
            write_seconds=self.write_seconds,
            leave_seconds=self.leave_seconds,
        )
        self.parser = self.cycle = None  # type: ignore[assignment]  # they lead back here
        handed.begin(head, to)

    def _refuse(self, problem: Problem) -> None:
        """Answer what cannot be a request, unless other answers come first, and end the connection."""
        self._on_refused(HTTPStatus(problem.status).name.lower())
        behind = self._in_head or self.cycle.response_started or bool(self.pipeline)
        if not self._is_idle() and behind:
            self.cut()
            return
        if not self._is_idle():
            self.cycle.disconnected = True  # the application is too late to answer
            self.cycle.message_event.set()
        self.transport.write(refusal(problem))
        self._linger()

    def _linger(self) -> None:
        """Close when the client has had time to read the answer."""
        self._ignoring = True
        self.headers.clear()
        self.transport.write_eof()
        self._start("head", self.linger_seconds)

    def _start(self, deadline: _Deadline, seconds: float) -> None:
        self._cancel(deadline)
        self._timers[deadline] = self.loop.call_later(seconds, self.transport.abort)

    def _cancel(self, deadline: _Deadline) -> None:
        if (timer := self._timers.pop(deadline, None)) is not None:
            timer.cancel()
