"""Server-sent events as bytes, and the ring of recent ones that the screens of a query share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

RING: Final = 256
"""Frames that a screen may be behind before it gets a snapshot instead."""

_ENCODER: Final = msgspec.json.Encoder()


def event(name: str, data: object, event_id: int | None = None) -> bytes:
    """One event. The data is JSON, which has no line breaks of its own, so that it needs but one line."""
    identity = b"" if event_id is None else b"id: %d\n" % event_id
    return b"event: %s\n%sdata: %s\n\n" % (name.encode(), identity, _ENCODER.encode(data))


class Ring:
    """The recent frames of a query, and its newest snapshot (encoded when somebody needs it, once for all).

    A cursor is the number of frames that a screen is past. Event ids are sequence numbers; several frames
    may carry the same one, because some figures move with time alone. Whoever resumes from an id gets
    everything after the *first* frame with it: frames set values, so that seeing one twice does no harm.
    Nobody resumes from where the ring began: such an id may be from another process, with another
    configuration or period, whose board of the same number was a different one.
    """

    def __init__(self) -> None:
        self._frames: deque[tuple[int, bytes]] = deque()
        self._first = 0
        self._begun = 0
        self._dropped: int | None = None
        self._make: Callable[[], bytes] | None = None
        self._snapshot: bytes | None = None

    def reset(self, seq: int, make: Callable[[], bytes]) -> None:
        """Begin anew from a snapshot: nobody can go on by patches from before it."""
        self._first += len(self._frames) + 1
        self._frames.clear()
        self._begun, self._dropped = seq, None
        self.refresh(make)

    def refresh(self, make: Callable[[], bytes]) -> None:
        """Nothing changed but the moment for which it is known; `make` makes the snapshot that says so."""
        self._make, self._snapshot = make, None

    def push(self, seq: int, frame: bytes, make: Callable[[], bytes]) -> None:
        """Add a patch; `make` makes the snapshot after it."""
        self._frames.append((seq, frame))
        if len(self._frames) > RING:
            self._dropped = self._frames.popleft()[0]
            self._first += 1
        self.refresh(make)

    def cursor_of(self, seq: int) -> int | None:
        """Where a screen goes on that has seen the board at a sequence number; None if it must have a
        snapshot."""
        if seq <= self._begun:
            return None
        if seq == self._dropped:
            return self._first
        for index, (held, _) in enumerate(self._frames):
            if held == seq:
                return self._first + index + 1
        return None

    def after(self, cursor: int | None) -> tuple[bytes, int] | None:
        """See `screen.Frames`."""
        newest = self._first + len(self._frames)
        if cursor is None or cursor < self._first:
            if self._make is None:
                return None
            if self._snapshot is None:
                self._snapshot = self._make()
            return self._snapshot, newest
        if cursor >= newest:
            return None
        return self._frames[cursor - self._first][1], cursor + 1
