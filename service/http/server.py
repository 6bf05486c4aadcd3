"""The HTTP server: uvicorn, with what it leaves open.

It has no deadline for a request's head, so that a client may hold a connection by sending a byte now and
then; none for a client that takes nothing of what it asked for; and at shutdown it waits for open streams,
which only their owner can end.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_SECONDS: Final = 10.0
"""Seconds in which a request's head must be complete, from the opening of the connection or its first
byte."""

WRITE_SECONDS: Final = 20.0
"""Seconds that a full connection may take no bytes before it is cut: a screen that was switched off without
saying so."""

LEAVE_SECONDS: Final = 1.0
"""The same at shutdown, when somebody waits for this process to end."""

GRACE_SECONDS: Final = 10
"""Seconds that requests have to finish at shutdown."""


class DeadlineProtocol(HttpToolsProtocol):
    """HTTP/1.1 that cuts a connection whose request's head is not complete in time, or that takes no bytes.

    The connection is the one place that knows: an application that is asked to end a response to a client
    that reads nothing can only wait for it.
    """

    head_seconds = HEAD_SECONDS
    write_seconds = WRITE_SECONDS
    leave_seconds = LEAVE_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._head: asyncio.TimerHandle | None = None
        self._write: asyncio.TimerHandle | None = None
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """A byte after a finished request begins the next one's head."""
        if self._head is None and self._is_idle():
            self._await_head()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._forget_head()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """The connection is full: begin to wait until it takes bytes."""
        super().pause_writing()
        self._await_write(self.write_seconds)

    def resume_writing(self) -> None:
        """It took them."""
        self._forget_write()
        super().resume_writing()

    def shutdown(self) -> None:
        """Finish what is under way; a connection that is full has less time for it."""
        super().shutdown()
        if self._write is not None:
            self._await_write(self.leave_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._forget_head()
        self._forget_write()
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = (
            self.cycle
        )  # None before the first request, whatever its type says
        return cycle is None or cycle.response_complete

    def _await_head(self) -> None:
        self._head = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _await_write(self, seconds: float) -> None:
        self._forget_write()
        self._write = self.loop.call_later(seconds, self.transport.abort)

    def _forget_write(self) -> None:
        if self._write is not None:
            self._write.cancel()
            self._write = None


def address(host: str, listening: socket.socket) -> str:
    """The URL of what listens on a host."""
    named = f"[{host}]" if ":" in host else host
    return f"http://{named}:{listening.getsockname()[1]}"


class Server(uvicorn.Server):
    """Serves an application until a signal, and ends its streams first.

    Args:
        app: The ASGI application.
        end_streams: Ends every open stream; called on the event loop.
        started: Told the address once requests are taken.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        host: str,
        port: int,
        end_streams: Callable[[], None],
        started: Callable[[str], None],
    ) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=DeadlineProtocol,
            ws="none",
            access_log=False,  # addresses hold tokens
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        super().__init__(config)
        self._end_streams = end_streams
        self._started = started
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """End as on a signal; called on the event loop."""
        self._end_streams()
        self.should_exit = True

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Listen, then say where."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        if self.started:
            self._started(address(self.config.host, self.servers[0].sockets[0]))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # a signal handler's two
        """End the streams before the server waits for its connections; exit with 0, for this was asked
        for."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end_streams)
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


class Companion(Server):
    """A second server on the event loop of the first one. It takes no signals: `stop` ends it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the first server."""
        yield
