"""Server-sent events as bytes, and the ring of recent ones that the subscribers of a query share."""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, TypeVar

import msgspec

from service.live.stream.wire import Frame

RING: Final = 256
"""Frames that a subscriber may be behind before it gets a snapshot instead."""

RING_BYTES: Final = 256 * 1024
"""Bytes of the same, because an account can have many queries open. A subscriber that is further behind is
better off with a snapshot."""

_ENCODER: Final = msgspec.json.Encoder()

T = TypeVar("T")


def event(name: str, data: object, event_id: int | None = None) -> Frame:
    """One event. Its data is one line, because JSON has no line breaks of its own."""
    identity = b"" if event_id is None else b"id: %d\n" % event_id
    return Frame.of(b"event: %s\n%sdata: %s\n\n" % (name.encode(), identity, _ENCODER.encode(data)))


class Ring(Generic[T]):
    """The recent patches of a query, and its newest board.

    A cursor is the number of patches that a subscriber has passed. Event ids are sequence numbers; several
    patches may carry the same one, because some figures move with time alone. A subscriber that resumes from
    an id gets everything after the *first* patch with it: patches set absolute values, so that receiving one
    twice does no harm. Never resume from the ring's first id: another process, with another configuration or
    period, may have used the same number for a different board.
    """

    def __init__(self) -> None:
        self._bytes = 0
        self._patches: deque[tuple[int, bytes]] = deque()
        self._first = 0
        self._first_id = 0
        self._dropped_id: int | None = None
        self._snapshot: bytes | None = None
        self.board: T | None = None
        """The newest board; None before the first one."""

    def reset(self, seq: int, board: T, whole: bytes | None) -> None:
        """Start over from a board: no cursor from before it can go on by patches.

        Args:
            whole: The snapshot frame of the board; None if nobody needs it yet. Of `refresh` and `push`
                likewise.
        """
        self._first += len(self._patches) + 1
        self._patches.clear()
        self._bytes = 0
        self._first_id, self._dropped_id = seq, None
        self.refresh(board, whole)

    def refresh(self, board: T, whole: bytes | None) -> None:
        """Replace the newest board by one that differs in its moment alone."""
        self.board, self._snapshot = board, whole

    def push(self, seq: int, patch: bytes, board: T, whole: bytes | None) -> None:
        """Add the patch that leads to a board."""
        self._patches.append((seq, patch))
        self._bytes += len(patch)
        while len(self._patches) > RING or (self._bytes > RING_BYTES and len(self._patches) > 1):
            self._dropped_id, dropped = self._patches.popleft()
            self._bytes -= len(dropped)
            self._first += 1
        self.refresh(board, whole)

    def needs_whole(self, cursor: int | None) -> bool:
        """Whether a cursor gets a snapshot: one of None, or one that has fallen off the ring."""
        return cursor is None or cursor < self._first

    def cursor_of(self, seq: int) -> int | None:
        """Where a subscriber goes on that has seen the board at a sequence number; None: with a snapshot."""
        if seq <= self._first_id:
            return None
        if seq == self._dropped_id:
            return self._first
        for index, (patch_id, _) in enumerate(self._patches):
            if patch_id == seq:
                return self._first + index + 1
        return None

    def after(self, cursor: int | None) -> tuple[bytes, int] | None:
        """The next frame for a cursor, and the cursor after it; None when there is none, or not yet: a
        cursor that needs the snapshot waits for the next board that comes with one."""
        newest = self._first + len(self._patches)
        if cursor is None or cursor < self._first:
            return None if self._snapshot is None else (self._snapshot, newest)
        if cursor >= newest:
            return None
        return self._patches[cursor - self._first][1], cursor + 1
