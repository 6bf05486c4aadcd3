"""Fan-out: one read and one encoding for all subscribers of a query (SPEC section 5, the event stream).

For each account that somebody watches, one task reads the board after commits (only the rows that they made
stale), makes one patch for each query, and writes the same bytes to every subscriber. Frames go out at once,
and in a storm as many as `allowance` says. Commits, of this node or another, only wake the task: what it
sends is always read from the database. It also reads at every heartbeat, so that a lost wake-up costs one
heartbeat's time and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from service.calendar import local_day
from service.clock import Clock
from service.config import Account
from service.ledger.database.errors import Unavailable
from service.ledger.read.reader import BoardReader
from service.live.board.patch import moment
from service.live.board.query import BoardQuery
from service.live.stream.allowance import Allowance
from service.live.stream.feed import Feed, Update
from service.live.stream.frames import event
from service.live.stream.open_stream import OpenStream
from service.live.stream.places import Places
from service.live.stream.reading import Reading, read, updated
from service.live.stream.subscriber import Subscriber
from service.live.stream.turns import Turns
from service.live.stream.watch import Watch
from service.telemetry.tracing import UNTRACED, Tracing

HEARTBEAT_SECONDS: Final = 5.0
"""Between two heartbeats."""

RETRY_SECONDS: Final = 1.0
"""Until a board that could not be read is read again."""

LINGER_SECONDS: Final = 60.0
"""How long a board is still read after its last subscriber left, so that a reload finds it ready."""

MAX_STREAMS: Final = 5_000
"""Streams that one process holds open, if there are descriptors for them."""

AT_ONCE: Final = 64
"""Subscribers that are written to before others get their turn on the event loop: less than a millisecond."""

THREADS: Final = 2
"""Boards that are read at a time: with two, a board that takes long makes no other one wait for its end."""

_log = logging.getLogger(__name__)


class Hub:
    """Sends boards to subscribers.

    Args:
        accounts: By id.
        is_storing: Whether the service can store what comes in.
        streams: How many streams there are file descriptors for.
        tracing: Follows commits to their frames.

    Attributes:
        places: Who has which streams open.
    """

    def __init__(
        self,
        reader: BoardReader,
        accounts: Mapping[str, Account],
        clock: Clock,
        is_storing: Callable[[], bool] = lambda: True,
        streams: int = MAX_STREAMS,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self._tracing = tracing
        self.places = Places(min(streams, MAX_STREAMS))
        self._reader = reader
        self.is_storing = is_storing
        self._accounts = accounts
        self._clock = clock
        self._watches: dict[str, Watch] = {}
        self._turns = Turns("lossboard-boards", THREADS, waiting=1)
        self._closing = False

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return sum(len(watch.subscribers) for watch in self._watches.values())

    @property
    def watched(self) -> Collection[str]:
        """The accounts that somebody watches."""
        return self._watches.keys()

    def on_seq(self, seqs: Mapping[str, int]) -> None:
        """Note where boards are now: watched ones that were read at another number are read soon."""
        for account_id, seq in seqs.items():
            watch = self._watches.get(account_id)
            if watch is not None and (watch.sums is None or seq != watch.sums.rows.seq):
                watch.wake.set()

    def on_storing(self) -> None:
        """Have every board shown again, because it changed whether the service can store what comes in."""
        for watch in self._watches.values():
            watch.wake.set()

    def on_clock_set(self) -> None:
        """Send every screen a heartbeat soon, because only that takes its clock back."""
        for watch in self._watches.values():
            watch.beat = True
            watch.wake.set()

    def on_accounts(self, accounts: Mapping[str, Account]) -> None:
        """Show boards as their accounts are configured now, and end the streams of those that are gone."""
        for account_id, watch in list(self._watches.items()):
            account = accounts.get(account_id)
            if account is None:
                del self._watches[account_id]
                watch.end()
                if watch.task is not None:
                    watch.task.cancel()
            elif account is not watch.account:
                watch.follow(account)

    def subscribe(
        self,
        stream: OpenStream,
        query: BoardQuery,
        last_seq: int | None,
        channel: int | None = None,
        screen: str | None = None,
    ) -> Subscriber:
        """Send a stream the board of a query until it ends.

        Args:
            last_seq: The sequence number of the last frame that the subscriber has received, if any.
            channel: The number of the query, where the stream has several.
            screen: The digest of the named screen that it is for; None for the viewer token.
        """
        watch = self._watch(query.account)
        feed = watch.feeds.setdefault(query, Feed(query))
        cursor = None if last_seq is None else feed.ring.cursor_of(last_seq)
        subscriber = Subscriber(stream, channel, feed.ring, feed.subscribers, cursor, last_seq or 0, screen)
        watch.idle_since = None
        if self._closing:
            subscriber.end()
        elif cursor is None:
            watch.wake.set()
        else:  # what it missed is here: a crowd that comes back costs no reads
            subscriber.pump()
        return subscriber

    def close(self) -> None:
        """End every stream; from now on each ends as soon as it begins."""
        self._closing = True
        for watch in self._watches.values():
            watch.end()

    async def stop(self) -> None:
        """End every stream, task and thread."""
        self.close()
        tasks = [watch.task for watch in self._watches.values() if watch.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._watches.clear()
        self._turns.stop()

    def _watch(self, account_id: str) -> Watch:
        watch = self._watches.get(account_id)
        if watch is None:
            watch = self._watches[account_id] = Watch(self._accounts[account_id])
            watch.task = asyncio.get_running_loop().create_task(self._follow(watch))
        return watch

    async def _follow(self, watch: Watch) -> None:
        """Read the board whenever it may have changed, and at every heartbeat, while somebody watches."""
        last_beat = self._clock.monotonic()
        allowance = Allowance(last_beat)
        while not self._forget_if_idle(watch):
            until_beat = last_beat + HEARTBEAT_SECONDS - self._clock.monotonic()
            await self._clock.wait(max(0.0, until_beat), watch.wake)
            watch.wake.clear()
            began = self._clock.monotonic()
            pause_seconds = RETRY_SECONDS  # without heartbeats, subscribers see the age of their figures
            try:
                with self._tracing.showing(watch.account.id):
                    await self._update(watch)
            except Unavailable as error:
                _log.warning(
                    "cannot read the board of %s now: %s",
                    watch.account.id,
                    error,
                    extra={"account": watch.account.id},
                )
                await self._tell_storing(watch)
            except Exception:  # a bug must not end the streams: the next read may succeed
                _log.exception(
                    "cannot read the board of %s", watch.account.id, extra={"account": watch.account.id}
                )
            else:
                now = self._clock.monotonic()
                pause_seconds = allowance.pause(now, now - began)
                if watch.beat or now - last_beat >= HEARTBEAT_SECONDS:
                    watch.beat, last_beat = False, now
                    await _beat(watch)
            if pause_seconds:
                await self._clock.wait(pause_seconds, asyncio.Event())

    def _forget_if_idle(self, watch: Watch) -> bool:
        """Forget the board if nobody has watched it for a while, and queries that nobody watches at once."""
        now = self._clock.monotonic()
        for query in [query for query, feed in watch.feeds.items() if not feed.subscribers]:
            if len(watch.feeds) > 1:
                del watch.feeds[query]
        if watch.subscribers:
            watch.idle_since = None
        elif watch.idle_since is None:
            watch.idle_since = now
        elif now - watch.idle_since > LINGER_SECONDS:
            del self._watches[watch.account.id]
            return True
        return False

    async def _update(self, watch: Watch) -> None:
        # A subscriber that comes during the read waits for the next one: on another node it may have seen a
        # later board than this read.
        waiting = {feed: set(feed.subscribers) for feed in watch.feeds.values()}
        feeds = {feed: feed.needs_whole for feed in waiting}
        account = watch.account
        today = local_day(self._clock.now(), account.zone)

        def work() -> Reading:
            return read(self._reader, account, feeds, watch.sums, today, storing=self.is_storing())

        reading = await self._turns.run(account.id, account.id, work)
        if watch.account is not account:  # it was read by the old configuration; the next read is due already
            return
        watch.sums = reading.sums
        for feed, subscribers in waiting.items():
            await _show(feed, reading.updates.get(feed), [*subscribers])
        if any(feed.subscribers - subscribers for feed, subscribers in waiting.items()):
            watch.wake.set()

    async def _tell_storing(self, watch: Watch) -> None:
        """Of a board that cannot be read, tell at least that nothing can be stored. A subscriber that saw a
        later board on another node waits until that can be read."""
        rows = None if watch.sums is None else replace(watch.sums.rows, closed=frozenset())
        storing = self.is_storing()
        for feed in list(watch.feeds.values()):
            board = feed.ring.board
            if rows is None or board is None or feed.period is None:
                continue
            subscribers = [subscriber for subscriber in feed.subscribers if subscriber.seen <= board.seq]
            whole = any(subscriber.needs_whole for subscriber in subscribers)
            if whole or board.storing != storing:
                board = msgspec.structs.replace(board, storing=storing)
                await _show(feed, updated(feed, board, feed.period, rows, whole=whole), subscribers)


async def _show(feed: Feed, update: Update | None, subscribers: Sequence[Subscriber]) -> None:
    """Send subscribers of a feed what is new; None: the feed has failed, and its streams end."""
    if update is None:
        feed.end()
        return
    feed.apply(update)
    if update.sends != "nothing" and _log.isEnabledFor(logging.DEBUG):
        account_id, seq = feed.query.account, update.board.seq
        about = {"account": account_id, "seq": seq}
        _log.debug("%s: seq %d to %d streams", account_id, seq, len(subscribers), extra=about)
    async for some in _in_turns(subscribers):
        for subscriber in some:
            subscriber.pump()


async def _beat(watch: Watch) -> None:
    """Send a heartbeat to every subscriber that has been sent a board."""
    for feed in list(watch.feeds.values()):
        if feed.ring.board is not None:
            frame = event("heartbeat", {**moment(feed.ring.board), "storing": feed.ring.board.storing})
            async for some in _in_turns(list(feed.subscribers)):
                for subscriber in some:
                    subscriber.send_if_ready(frame)


async def _in_turns(subscribers: Sequence[Subscriber]) -> AsyncIterator[Sequence[Subscriber]]:
    """Some subscribers at a time, with a turn for others in between."""
    for begin in range(0, len(subscribers), AT_ONCE):
        if begin:
            await asyncio.sleep(0)
        yield subscribers[begin : begin + AT_ONCE]
