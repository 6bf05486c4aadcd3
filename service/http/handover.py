"""A connection that was handed over for an event stream: it writes frames, and nothing else (see
`service.live.stream.sinks`).

It takes the place of the connection that read the request. So a screen holds no parser, no request and no
task: a transport, and what is here. What the client sends is thrown away; that it goes away is noticed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from service.http.connection_limit import ConnectionLimit
from service.http.limits import MAX_IGNORED


class Served(Protocol):
    """What the server knows of each connection."""

    def shutdown(self) -> None:
        """The server is about to stop."""
        ...


class HandedOver(asyncio.Protocol):
    """The sink of a stream.

    Args:
        connections: Those of the server, which waits for them at shutdown.
        limit: Knows all connections of the process.
        chunked: Whether the response consists of chunks; else it ends with the connection.
        full: Whether the transport is full already.
        write_seconds: See `limits.WRITE_SECONDS`; `leave_seconds` likewise.
    """

    __slots__ = (
        "_begun",
        "_connections",
        "_deadline",
        "_ignored",
        "_leave_seconds",
        "_limit",
        "_transport",
        "_write_seconds",
        "chunked",
        "full",
        "on_lost",
        "on_room",
        "write",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        connections: set[Served],
        limit: ConnectionLimit,
        *,
        chunked: bool,
        full: bool,
        write_seconds: float,
        leave_seconds: float,
    ) -> None:
        self.chunked = chunked
        self.full = False
        self.write: Callable[[bytes], None] = transport.write
        self.on_room: Callable[[], None] = _nothing
        self.on_lost: Callable[[], None] = _nothing
        self._transport = transport
        self._connections = connections
        self._limit = limit
        self._write_seconds = write_seconds
        self._leave_seconds = leave_seconds
        self._deadline: asyncio.TimerHandle | None = None
        self._ignored = 0
        self._begun: list[bytes] = []
        connections.add(self)
        transport.set_protocol(self)
        transport.set_write_buffer_limits(0)  # a slow screen holds the rest of one frame
        if full:
            self.pause_writing()

    def begin(self, head: bytes, to: Callable[[HandedOver], None]) -> None:
        """Write a head, and what `to` writes behind it, in one piece: each write is a call of the operating
        system, which costs more than anything else of a frame."""
        self._begun.append(head)
        self.write = self._begun.append
        to(self)
        self._flush()

    def close(self) -> None:
        """End the response. A client that does not read has as long as ever."""
        if not self._transport.is_closing():
            if self.chunked:
                self.write(b"0\r\n\r\n")
            self._flush()
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Throw it away, up to a limit."""
        self._ignored += len(data)
        if self._ignored > MAX_IGNORED:
            self.cut()

    def pause_writing(self) -> None:
        """Begin to wait for the client."""
        self.full = True
        self._start(self._write_seconds)

    def resume_writing(self) -> None:
        """Go on: the client has read everything."""
        self.full = False
        self._cancel()
        self.on_room()

    def connection_lost(self, _error: Exception | None) -> None:
        """End the stream, whichever side has ended the connection."""
        self._cancel()
        self._connections.discard(self)
        self._limit.closed(self)
        self.on_lost()
        self.on_room = self.on_lost = _nothing  # they lead back here

    def shutdown(self) -> None:
        """The server stops, and has ended the streams: a full connection gets less time."""
        if self._deadline is not None:
            self._start(self._leave_seconds)

    def cut(self) -> None:
        """Close the connection at once, whatever is left to send."""
        self._transport.abort()

    def _flush(self) -> None:
        """Write what has waited since the beginning."""
        if self._begun:
            begun, self._begun = self._begun, []
            self.write = self._transport.write
            self.write(b"".join(begun))

    def _start(self, seconds: float) -> None:
        self._cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._transport.abort)

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _nothing() -> None:
    """Nobody listens yet, or any more."""
