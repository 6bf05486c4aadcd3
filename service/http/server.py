"""The HTTP server: uvicorn plus what it lacks. It ends the open streams at shutdown, where uvicorn waits for
them; and it has only as many connections as there are file descriptors for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Any, Final

import uvicorn

from service.http.around.unnamed_proxy import UnnamedProxy
from service.http.connection import Connection
from service.http.connection_limit import ConnectionLimit, Seldom
from service.http.listening import BACKLOG

GRACE_SECONDS: Final = 10
"""How long requests may take to finish at shutdown. An int, because uvicorn wants one."""

FEW: Final = 100
"""Connections of a server that nobody gave more."""

AT_ONCE: Final = 32
"""Connections that are accepted before others get their turn. asyncio takes the backlog for this number."""

_log = logging.getLogger(__name__)


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
        connections: How many may be open at once.
        on_closed: Called with the cause when a connection is closed because of what it sent, or because
            there are too many.
        trusted_proxies: As `Config.trusted_proxies`.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        host: str,
        port: int,
        end_streams: Callable[[], None],
        on_started: Callable[[str], None],
        connections: int = FEW,
        on_closed: Callable[[str], None] = lambda _cause: None,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        now = time.monotonic
        self._limit = ConnectionLimit(connections, now, lambda: on_closed("no_room"))
        self._accept_failed = Seldom(now)
        config = uvicorn.Config(
            app if trusted_proxies else UnnamedProxy(app),
            host=host,
            port=port,
            http=partial(Connection, limit=self._limit, on_refused=on_closed),  # type: ignore[arg-type]
            ws="none",
            interface="asgi3",
            access_log=False,  # addresses contain tokens
            log_config=None,
            server_header=False,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            timeout_graceful_shutdown=GRACE_SECONDS,
            backlog=AT_ONCE,
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
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._on_loop_error)
        await super().startup(sockets)
        if self.started:
            for listening in self.servers[0].sockets:
                with listening.dup() as same:
                    same.listen(BACKLOG)
            self._on_started(address(self.config.host, self.servers[0].sockets[0]))

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Make room when a connection cannot be accepted. asyncio reports this for each try, and tries again
        after a second."""
        if "accept()" not in context["message"]:
            loop.default_exception_handler(context)
            return
        self._limit.close_most_idle()
        if count := self._accept_failed.count():
            _log.error("connections cannot be accepted (%d times): %s", count, context.get("exception"))

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
