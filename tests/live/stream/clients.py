"""Clients of streams without a connection: what a stream writes goes to the test."""

from __future__ import annotations

from collections.abc import Callable

from service.live.board.query import BoardQuery
from service.live.stream.hub import Hub
from service.live.stream.open_stream import OpenStream
from service.live.stream.wire import Wire


class Client:
    """A sink.

    Args:
        take: Called with each frame, but for the first words of the stream.
    """

    chunked = False

    def __init__(self, take: Callable[[bytes], object]) -> None:
        self.full = False
        self.closed = False
        self.on_room: Callable[[], None] = lambda: None
        self.on_lost: Callable[[], None] = lambda: None
        self._take = take

    def write(self, content: bytes) -> None:
        assert not self.closed
        if not content.startswith(b"retry: "):
            self._take(content)

    def close(self) -> None:
        self.closed = True
        self.on_lost()

    def read(self) -> None:
        """Read all that was written."""
        self.full = False
        self.on_room()


def watch(
    hub: Hub, query: BoardQuery, take: Callable[[bytes], object], last_seq: int | None = None
) -> Client:
    """A client that watches the board of a query."""
    client = Client(take)
    hub.subscribe(OpenStream(client, Wire(), [hub.places.taken(query, None)]), query, last_seq)
    return client
