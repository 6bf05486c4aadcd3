"""The HTTP server: uvicorn plus what it lacks. It ends the open streams at shutdown, where uvicorn waits for
them; and it has only as many connections as there are file descriptors for.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Final

import uvicorn

from service.http.acceptor import Acceptor
from service.http.around.unnamed_proxy import UnnamedProxy
from service.http.connection import Connection
from service.http.connection_limit import ConnectionLimit
from service.http.listening import listen

GRACE_SECONDS: Final = 10
"""How long requests may take to finish at shutdown. An int, because uvicorn wants one."""

FEW: Final = 100
"""Connections of a server that nobody gave more."""

DATE_SECONDS: Final = 1.0
"""How often the `Date` of the answers changes; nothing else wakes a server that nobody asks for anything."""


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
        app: Callable[..., object],
        host: str,
        port: int,
        end_streams: Callable[[], None],
        on_started: Callable[[str], None],
        connections: int = FEW,
        on_closed: Callable[[str], None] = lambda _cause: None,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        self._limit = ConnectionLimit(connections, time.monotonic, lambda: on_closed("no_room"))
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
        )
        super().__init__(config)
        self._end_streams = end_streams
        self._on_started = on_started
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()
        self._acceptors: list[Acceptor] = []

    def stop(self) -> None:
        """Shut down as on a signal; called on the event loop."""
        self.should_exit = True
        self._end_streams()
        self._ending.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, on a socket of our own if none is given, then report the URL."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=[])
        if not self.started:
            return
        listening = [listen(self.config.host, self.config.port)] if sockets is None else sockets
        for one in listening:
            self._acceptors.append(Acceptor(one, self._connection, self._limit, self._loop))
        self._on_started(address(self.config.host, listening[0]))

    def _connection(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def main_loop(self) -> None:
        """Wait for the end. uvicorn's own looks for it ten times a second."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), DATE_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, and let those that there are finish."""
        for acceptor in self._acceptors:
            await acceptor.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # a signal handler's two
        """Shut down, and end the streams before the server waits for its connections. The exit code is 0: a
        requested stop is no failure."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.stop)


class Companion(Server):
    """A second server on the event loop of the first one. It takes no signals: `stop` ends it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the first server."""
        yield
