"""Fan-out: one read and one encoding for all screens of a query (SPEC section 5, the event stream).

For each account that somebody watches, one task reads the board after commits (only what they touched),
makes one patch for each query, and writes the same bytes to every screen. The first frame after a quiet
moment goes at once; under a storm at most `FRAMES_PER_SECOND`. Commits, of this node or another, only wake
it: what a screen is shown is always read from the database, and every heartbeat reads too, so that a wake-up
that was lost costs a heartbeat's time and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol

from service.calendar import Period, iso, local_day
from service.clock import Clock
from service.config import Account
from service.ledger.database.outcome import Unavailable
from service.ledger.read.board import BoardRows, Selection
from service.live.board import build
from service.live.board import patch as difference
from service.live.board.query import BoardQuery
from service.live.board.ranges import ranges
from service.live.board.snapshot import Snapshot
from service.live.page import render
from service.live.stream.frames import Ring, event
from service.live.stream.subscriber import StreamSend, Subscriber
from service.model import SECOND, Instant

HEARTBEAT: Final = 5.0
"""Seconds between heartbeats."""

FRAMES_PER_SECOND: Final = 20
"""Patches of one account at most."""

LINGER: Final = 60 * SECOND
"""How long an account is still followed after its last screen left, so that a reload finds it warm."""

MAX_SCREENS: Final = 5_000
"""Streams that one process holds open."""

_log = logging.getLogger(__name__)


class BoardReader(Protocol):
    """Reads boards; `ledger.read.reader.Reader` does."""

    def read(
        self, account_id: str, selections: Sequence[Selection], since: BoardRows | None = None
    ) -> BoardRows:
        """The board of an account."""
        ...


@dataclass(slots=True, eq=False)
class _Feed:
    """What the screens of one query are shown."""

    query: BoardQuery
    period: Period | None = None
    shown: Snapshot | None = None
    ring: Ring = field(default_factory=Ring)
    screens: set[Subscriber] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class _Board:
    """One account that somebody watches."""

    account: Account
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    feeds: dict[BoardQuery, _Feed] = field(default_factory=dict)
    reading: BoardRows | None = None
    task: asyncio.Task[None] | None = None
    idle_since: Instant | None = None
    seq: int = 0


class TooManyScreens(Exception):
    """This process holds as many streams open as it may; another attempt may find room."""


class Hub:
    """Feeds screens.

    Args:
        accounts: By id.
    """

    def __init__(self, reader: BoardReader, accounts: Mapping[str, Account], clock: Clock) -> None:
        self._reader = reader
        self._accounts = accounts
        self._clock = clock
        self._boards: dict[str, _Board] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lossboard-boards")
        self._closing = False

    @property
    def screens(self) -> int:
        """Streams that are open."""
        return sum(len(feed.screens) for each in self._boards.values() for feed in each.feeds.values())

    @property
    def watched(self) -> Collection[str]:
        """The accounts that somebody watches."""
        return self._boards.keys()

    def moved(self, seqs: Mapping[str, int]) -> None:
        """Where boards are now: those that are watched and shown elsewhere are read soon."""
        for account_id, seq in seqs.items():
            watched = self._boards.get(account_id)
            if watched is not None and seq != watched.seq:
                watched.wake.set()

    async def show(self, query: BoardQuery, seen: int | None, send: StreamSend) -> None:
        """Feed a stream until it ends.

        Args:
            seen: The sequence number that the screen has seen last, if any.
            send: ASGI's, of a response that has begun.
        """
        watched = self._watched(query.account)
        feed = watched.feeds.setdefault(query, _Feed(query))
        screen = Subscriber(send, feed.ring, None if seen is None else feed.ring.cursor_of(seen))
        feed.screens.add(screen)
        watched.idle_since = None
        watched.wake.set()
        try:
            if self._closing:
                return
            await screen.ended.wait()
        finally:
            feed.screens.discard(screen)
            screen.end()

    def admit(self) -> None:
        """Raise `TooManyScreens` when there is no room for one more."""
        if self.screens >= MAX_SCREENS:
            raise TooManyScreens(f"{MAX_SCREENS} screens are open")

    def close(self) -> None:
        """End every stream; from now on each ends as soon as it begins."""
        self._closing = True
        for watched in self._boards.values():
            for feed in watched.feeds.values():
                for screen in feed.screens:
                    screen.end()

    async def stop(self) -> None:
        """End everything."""
        self.close()
        tasks = [watched.task for watched in self._boards.values() if watched.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._boards.clear()
        self._thread.shutdown(wait=True)

    def _watched(self, account_id: str) -> _Board:
        watched = self._boards.get(account_id)
        if watched is None:
            watched = self._boards[account_id] = _Board(self._accounts[account_id])
            watched.task = asyncio.get_running_loop().create_task(self._follow(watched))
        return watched

    async def _follow(self, watched: _Board) -> None:
        """Read the board whenever it may have changed, and at every heartbeat, as long as somebody
        watches."""
        beaten = self._clock.now()
        while not self._left(watched):
            until_beat = HEARTBEAT - (self._clock.now() - beaten) / SECOND
            await self._clock.wait(max(0.0, until_beat), watched.wake)
            watched.wake.clear()
            try:
                await self._update(watched)
            except Unavailable as error:
                _log.warning("the board of %s is not read now: %s", watched.account.id, error)
                await self._clock.wait(1.0, asyncio.Event())
                continue
            except Exception:  # whatever it is: screens see the age of their figures, and the next try may do
                _log.exception("the board of %s could not be read", watched.account.id)
                await self._clock.wait(1.0, asyncio.Event())
                continue
            if self._clock.now() - beaten >= HEARTBEAT * SECOND:
                beaten = self._clock.now()
                self._beat(watched)
            await self._clock.wait(1 / FRAMES_PER_SECOND, asyncio.Event())

    def _left(self, watched: _Board) -> bool:
        """Whether nobody has watched for a while; then the board is forgotten."""
        now = self._clock.now()
        for query in [query for query, feed in watched.feeds.items() if not feed.screens]:
            if len(watched.feeds) > 1:
                del watched.feeds[query]
        if any(feed.screens for feed in watched.feeds.values()):
            watched.idle_since = None
        elif watched.idle_since is None:
            watched.idle_since = now
        elif now - watched.idle_since > LINGER:
            del self._boards[watched.account.id]
            return True
        return False

    async def _update(self, watched: _Board) -> None:
        feeds = list(watched.feeds.values())
        # Who comes while the board is read waits for the next read: it may have seen, on another node, a
        # later board than this one.
        screens = [list(feed.screens) for feed in feeds]
        loop = asyncio.get_running_loop()
        reading, changes = await loop.run_in_executor(self._thread, self._read, watched, feeds)
        watched.reading, watched.seq = reading, reading.seq
        for change, waiting in zip(changes, screens, strict=True):
            change()
            for screen in waiting:
                screen.pump()

    def _read(self, watched: _Board, feeds: Sequence[_Feed]) -> tuple[BoardRows, list[Callable[[], None]]]:
        """In the thread: read, and make each query's frame. Returns what then changes each feed, on the
        loop."""
        account = watched.account
        today = local_day(self._clock.now(), account.zone)
        shown = [ranges(feed.query, today) for feed in feeds]
        wanted = dict.fromkeys(each for span in shown for each in span.selections)
        reading = self._reader.read(account.id, list(wanted), watched.reading)
        changes: list[Callable[[], None]] = []
        for feed, span in zip(feeds, shown, strict=True):
            new = build.build_snapshot(reading, account, feed.query, span)
            changes.append(_change(feed, new, span.period, reading))
        return reading, changes

    def _beat(self, watched: _Board) -> None:
        reading = watched.reading
        if reading is None:
            return
        zone, heard = watched.account.zone, reading.last_delivery_at
        data = {
            "seq": reading.seq,
            "as_of": iso(reading.as_of, zone),
            "last_delivery_at": None if heard is None else iso(heard, zone),
        }
        frame = event("heartbeat", data)
        for feed in watched.feeds.values():
            for screen in list(feed.screens):
                screen.say(frame)


def _change(feed: _Feed, new: Snapshot, period: Period, reading: BoardRows) -> Callable[[], None]:
    """What a new snapshot does to a feed: nothing but a later moment, a patch, or (another period, the first
    one) a snapshot."""
    old, query, closed = feed.shown, feed.query, reading.closed

    def make() -> bytes:
        whole = render.html_snapshot(new, query) if query.form == "html" else new
        return event("snapshot", whole, new.seq)

    if old is None or period != feed.period:

        def begin() -> None:
            feed.shown, feed.period = new, period
            feed.ring.reset(new.seq, make)

        return begin
    if query.form == "html":
        patch = render.html_patch(old, new, query, closed)
        news = bool(patch["set"] or patch["remove"] or patch["hide"] or patch["order"])
    else:
        patch = difference.json_patch(old, new, closed)
        news = bool(patch.get("set") or patch.get("remove") or patch.get("order"))
    if not news and old.seq == new.seq:

        def refresh() -> None:
            feed.shown = new
            feed.ring.refresh(make)

        return refresh
    if reading.silent:
        patch["silent"] = True
    frame = event("patch", patch, new.seq)

    def follow() -> None:
        feed.shown = new
        feed.ring.push(new.seq, frame, make)

    return follow
