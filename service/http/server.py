"""The HTTP server: uvicorn plus three things that it lacks.

uvicorn has no deadline for a request's head, so that a client can hold a connection by sending a byte now and
then. It has none for a client that does not read its response. And at shutdown it waits for open streams,
which only the application can end.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final, Literal, TypeAlias

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_SECONDS: Final = 10.0
"""The time limit for a request's head: from the opening of the connection, or, on a kept-alive connection,
from the head's first byte."""

WRITE_SECONDS: Final = 20.0
"""How long a full connection may accept no bytes before it is aborted, as of a screen that lost its power."""

LEAVE_SECONDS: Final = 1.0
"""The same at shutdown, because somebody waits for the process to end."""

GRACE_SECONDS: Final = 10
"""How long requests may take to finish at shutdown. An int, because uvicorn wants one."""


_Deadline: TypeAlias = Literal["head", "write"]


class DeadlineProtocol(HttpToolsProtocol):
    """HTTP/1.1 that aborts a connection with a late request head, or with a client that reads nothing.

    Only the connection can do this: an application whose client does not read can only wait for it.
    """

    head_seconds = HEAD_SECONDS
    write_seconds = WRITE_SECONDS
    leave_seconds = LEAVE_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline of the first request's head."""
        super().connection_made(transport)
        self._timers: dict[_Deadline, asyncio.TimerHandle] = {}
        self._start("head", self.head_seconds)

    def data_received(self, data: bytes) -> None:
        """Start the deadline of the next head with the first byte after a finished request."""
        if "head" not in self._timers and self._is_idle():
            self._start("head", self.head_seconds)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Cancel the head's deadline."""
        self._cancel("head")
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Start the write deadline: the connection is full."""
        super().pause_writing()
        self._start("write", self.write_seconds)

    def resume_writing(self) -> None:
        """Cancel the write deadline: the client reads again."""
        self._cancel("write")
        super().resume_writing()

    def shutdown(self) -> None:
        """Finish the current request; a full connection gets the shorter deadline."""
        super().shutdown()
        if "write" in self._timers:
            self._start("write", self.leave_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel both deadlines."""
        self._cancel("head")
        self._cancel("write")
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # despite its type None before the first request
        return cycle is None or cycle.response_complete

    def _start(self, deadline: _Deadline, seconds: float) -> None:
        self._cancel(deadline)
        self._timers[deadline] = self.loop.call_later(seconds, self.transport.abort)

    def _cancel(self, deadline: _Deadline) -> None:
        if (timer := self._timers.pop(deadline, None)) is not None:
            timer.cancel()


def address(host: str, listening: socket.socket) -> str:
    """The URL of a listening socket."""
    bracketed = f"[{host}]" if ":" in host else host
    return f"http://{bracketed}:{listening.getsockname()[1]}"


class Server(uvicorn.Server):
    """Serves an application until a signal; at shutdown it ends the open streams first.

    Args:
        app: The ASGI application.
        end_streams: Ends every open stream; called on the event loop.
        on_started: Called with the URL once the server accepts requests.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        host: str,
        port: int,
        end_streams: Callable[[], None],
        on_started: Callable[[str], None],
    ) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=DeadlineProtocol,
            ws="none",
            access_log=False,  # addresses contain tokens
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        super().__init__(config)
        self._end_streams = end_streams
        self._on_started = on_started
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Shut down as on a signal; called on the event loop."""
        self._end_streams()
        self.should_exit = True

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Listen, then report the URL."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        if self.started:
            self._on_started(address(self.config.host, self.servers[0].sockets[0]))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # a signal handler's two
        """End the streams before the server waits for its connections. The exit code is 0: a requested stop
        is no failure."""
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
