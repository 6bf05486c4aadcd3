"""Server-sent events as bytes, and the ring of recent ones that the subscribers of a query share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

RING: Final = 256
"""Frames that a subscriber may be behind before it gets a snapshot instead."""

_ENCODER: Final = msgspec.json.Encoder()

T = TypeVar("T")


def event(name: str, data: object, event_id: int | None = None) -> bytes:
    """One event. Its data is one line, because JSON has no line breaks of its own."""
    identity = b"" if event_id is None else b"id: %d\n" % event_id
    return b"event: %s\n%sdata: %s\n\n" % (name.encode(), identity, _ENCODER.encode(data))


class Ring(Generic[T]):
    """The recent patches of a query, and its newest board.

    A cursor is the number of patches that a subscriber has passed. Event ids are sequence numbers; several
    patches may carry the same one, because some figures move with time alone. A subscriber that resumes from
    an id gets everything after the *first* patch with it: patches set absolute values, so that receiving one
    twice does no harm. Never resume from the ring's first id: another process, with another configuration or
    period, may have used the same number for a different board.

    Args:
        encode: Makes the snapshot frame of a board; called once for each board that a subscriber needs whole.
    """

    def __init__(self, encode: Callable[[T], bytes]) -> None:
        self._encode = encode
        self._patches: deque[tuple[int, bytes]] = deque()
        self._first = 0
        self._first_id = 0
        self._dropped_id: int | None = None
        self._snapshot: bytes | None = None
        self.board: T | None = None
        """The newest board; None before the first one."""

    def reset(self, seq: int, board: T) -> None:
        """Start over from a board: no cursor from before it can go on by patches."""
        self._first += len(self._patches) + 1
        self._patches.clear()
        self._first_id, self._dropped_id = seq, None
        self.refresh(board)

    def refresh(self, board: T) -> None:
        """Replace the newest board by one that differs in its moment alone."""
        self.board, self._snapshot = board, None

    def push(self, seq: int, patch: bytes, board: T) -> None:
        """Add the patch that leads to a board."""
        self._patches.append((seq, patch))
        if len(self._patches) > RING:
            self._dropped_id = self._patches.popleft()[0]
            self._first += 1
        self.refresh(board)

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
        """The next frame for a cursor, and the cursor after it; None when there is no newer one.

        A cursor of None, or one that has fallen off the ring, gets the whole snapshot.
        """
        newest = self._first + len(self._patches)
        if cursor is None or cursor < self._first:
            if self.board is None:
                return None
            if self._snapshot is None:
                self._snapshot = self._encode(self.board)
            return self._snapshot, newest
        if cursor >= newest:
            return None
        return self._patches[cursor - self._first][1], cursor + 1
