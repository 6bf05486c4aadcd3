"""A subscriber: a cursor into the frames that all subscribers of a query share, and the stream they go to.

A slow subscriber delays nobody, and holds nothing but a number: while its connection is full it is written
nothing, and then it catches up from its cursor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.live.stream.frames import Ring

if TYPE_CHECKING:
    from service.live.stream.open_stream import OpenStream


class Subscriber:
    """One view of an open stream, from its first frame to its end.

    Args:
        channel: The number of the view, where the stream has several.
        group: The subscribers of the same query; this one is of them until it ends.
        cursor: Where it begins; None for the whole snapshot.
        seen: The sequence number of the last frame that it received of any node; 0 before the first.
        screen: The digest of the named screen that it is for; None for the viewer token.

    Attributes:
        wire: How the connection takes its frames.
    """

    __slots__ = ("_cursor", "_frames", "_group", "_stream", "ended", "screen", "seen", "wire")

    def __init__(
        self,
        stream: OpenStream,
        channel: int | None,
        frames: Ring[Any],
        group: set[Subscriber],
        cursor: int | None,
        seen: int = 0,
        screen: str | None = None,
    ) -> None:
        self.wire = stream.wire if channel is None else stream.wire._replace(channel=channel)
        self.seen = seen
        self.screen = screen
        self.ended = False
        self._stream = stream
        self._frames = frames
        self._group = group
        self._cursor = cursor
        group.add(self)
        stream.add(self)

    @property
    def needs_whole(self) -> bool:
        """Whether it waits for the whole board. While its connection is full it waits for that alone."""
        return self._frames.needs_whole(self._cursor) and not self._stream.sink.full

    def pump(self) -> None:
        """Write every frame after the cursor, as far as the connection takes them now."""
        sink = self._stream.sink
        while not (sink.full or self.ended):
            following = self._frames.after(self._cursor)
            if following is None:
                return
            frame, self._cursor = following
            sink.write(self.wire(frame))

    def send_if_ready(self, frame: bytes) -> None:
        """Write a frame that is worth nothing later (a heartbeat); a full connection does not get it."""
        if not (self._stream.sink.full or self.ended):
            self._stream.sink.write(self.wire(frame))

    def end(self) -> None:
        """Leave the others, and tell the stream."""
        if not self.ended:
            self.ended = True
            self._group.discard(self)
            self._stream.remove(self)
