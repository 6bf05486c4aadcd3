"""The feed of one query: what its subscribers are sent after each read of the board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from service.calendar import Period
from service.ledger.read.board import BoardRows
from service.live.board.patch import json_patch
from service.live.board.query import BoardQuery
from service.live.board.snapshot import Snapshot
from service.live.page import render
from service.live.stream.frames import Ring, event
from service.live.stream.subscriber import Subscriber


@dataclass(frozen=True, slots=True)
class Update:
    """What a read means for a feed.

    Args:
        board: The newest board, of `period`.
        sends: What every subscriber is sent.
        patch: The frame that leads to `board`, where that is a patch.
        whole: The frame of the whole board, where a subscriber needs it.
    """

    board: Snapshot
    period: Period
    sends: Literal["nothing", "patch", "snapshot"]
    patch: bytes = b""
    whole: bytes | None = None


class Feed:
    """The subscribers of one query, and the frames that they share."""

    def __init__(self, query: BoardQuery) -> None:
        self.query = query
        self.ring: Ring[Snapshot] = Ring()
        self.subscribers: set[Subscriber] = set()
        self.period: Period | None = None

    @property
    def needs_whole(self) -> bool:
        """Whether a subscriber cannot go on by patches."""
        return any(subscriber.needs_whole for subscriber in self.subscribers)

    def update(self, board: Snapshot, period: Period, rows: BoardRows, *, whole: bool) -> Update:
        """Decide what to send: nothing (only `as_of` moved), a patch, or a full snapshot (first read, or the
        period rolled over). Changes nothing, so that a thread may call it.

        Args:
            rows: What `board` was built from.
            whole: Encode the whole board in any case.
        """
        old = self.ring.board
        if old is None or period != self.period:
            return Update(board, period, "snapshot", whole=self._encode(board))
        encoded = self._encode(board) if whole else None
        if self.query.form == "html":
            patch = render.html_patch(old, board, self.query, rows.closed, rows.arrived)
        else:
            patch = json_patch(old, board, rows.closed)
        if old.seq == board.seq and not any(patch.get(part) for part in ("set", "remove", "hide", "order")):
            return Update(board, period, "nothing", whole=encoded)
        if rows.silent:
            patch["silent"] = True
        return Update(board, period, "patch", event("patch", patch, board.seq), encoded)

    def apply(self, update: Update) -> None:
        """Make an update the newest that subscribers read."""
        self.period = update.period
        if update.sends == "snapshot":
            self.ring.reset(update.board.seq, update.board, update.whole)
        elif update.sends == "patch":
            self.ring.push(update.board.seq, update.patch, update.board, update.whole)
        else:
            self.ring.refresh(update.board, update.whole)

    def restart(self) -> None:
        """Send everybody the whole board next."""
        self.period = None

    def end(self) -> None:
        """End the stream of every subscriber."""
        for subscriber in list(self.subscribers):
            subscriber.end()

    def _encode(self, board: Snapshot) -> bytes:
        whole = render.html_snapshot(board, self.query) if self.query.form == "html" else board
        return event("snapshot", whole, board.seq)
