"""One open response: its subscribers, one for each channel, and the sink that they share."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from service.live.stream.frames import event
from service.live.stream.places import Place
from service.live.stream.sinks import Sink
from service.live.stream.subscriber import Subscriber
from service.live.stream.wire import Wire

RETRY_MS: Final = (2_000, 8_000)
"""A page that lost the stream waits for a random time within these bounds, so that not all return at once."""


class OpenStream:
    """See the module. It ends with its last subscriber, or with its connection.

    Args:
        wire: How the connection takes frames.
        places: One for each subscriber that it will have, held until it has ended.

    Attributes:
        wire: The same, as the sink needs it; of no channel.
    """

    __slots__ = ("_expected", "_is_lost", "_places", "_subscribers", "sink", "wire")

    def __init__(self, sink: Sink, wire: Wire, places: Sequence[Place]) -> None:
        self.sink = sink
        self.wire = wire._replace(chunked=sink.chunked)
        self._places = places
        self._expected = len(places)
        self._subscribers: list[Subscriber] = []
        self._is_lost = False
        sink.on_room, sink.on_lost = self._pump, self._lose
        retry = b"retry: %d\n\n" % random.randint(*RETRY_MS)  # noqa: S311  # spreads load, protects nothing
        sink.write(self.wire.head + self.wire(retry))

    def add(self, subscriber: Subscriber) -> None:
        """Note one of its subscribers, which ends at once if the connection has."""
        self._subscribers.append(subscriber)
        if self._is_lost:
            subscriber.end()

    def remove(self, subscriber: Subscriber) -> None:
        """Note that one has ended."""
        self._subscribers.remove(subscriber)
        self._expected -= 1
        if subscriber.wire.channel is not None:
            self.tell_ended(subscriber.wire.channel, 200)
        if not self._expected and not self._is_lost:
            self.sink.close()

    def tell_ended(self, channel: int, status: int) -> None:
        """Tell the client that a channel has ended, or never began."""
        if not self._is_lost:
            self.sink.write(self.wire._replace(channel=channel)(event("ended", {"status": status})))

    def _pump(self) -> None:
        for subscriber in self._subscribers:
            subscriber.pump()

    def _lose(self) -> None:
        self._is_lost = True
        for subscriber in list(self._subscribers):
            subscriber.end()
        for place in self._places:
            place.leave()
