"""One account that somebody watches: its feeds, and what the last read of its board left for the next one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from service.config import Account
from service.live.board.loss_sums import LossSums
from service.live.board.query import BoardQuery
from service.live.stream.feed import Feed
from service.live.stream.subscriber import Subscriber


@dataclass(slots=True, eq=False)
class Watch:
    """One account that somebody watches.

    Args:
        sums: Those of the newest read, from which the next one takes what did not change.
        idle_since: When the last subscriber was found to have left, by the monotonic clock.
        beat: Whether a heartbeat is due after the next read, whatever the time.
    """

    account: Account
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    feeds: dict[BoardQuery, Feed] = field(default_factory=dict)
    sums: LossSums | None = None
    task: asyncio.Task[None] | None = None
    idle_since: float | None = None
    beat: bool = False

    @property
    def subscribers(self) -> list[Subscriber]:
        """Of all feeds."""
        return [subscriber for feed in self.feeds.values() for subscriber in feed.subscribers]

    def follow(self, account: Account) -> None:
        """Read and send the whole board by another configuration. A new viewer token ends what was opened by
        the old one."""
        if account.viewer_token != self.account.viewer_token:
            for subscriber in self.subscribers:
                if subscriber.screen is None:
                    subscriber.end()
        self.account, self.sums = account, None
        for feed in self.feeds.values():
            feed.restart()
        self.wake.set()

    def end(self) -> None:
        """End every stream."""
        for subscriber in self.subscribers:
            subscriber.end()
