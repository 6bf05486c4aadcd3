"""Open streams in numbers, read by one epoll loop: asyncio's client would cost more than the servers."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from bench.office import PROOF

EVENTS: Final = f"GET /boards/office/events HTTP/1.1\r\nHost: localhost\r\n{PROOF}".encode()
"""The request of a screen."""

WAIT_SECONDS: Final = 10.0
"""Until a stream that was sent nothing is a failure."""

_SIZE: Final = 1 << 20


def opened_on(port: int) -> socket.socket:
    """A connection that sends without delay."""
    opened = socket.create_connection(("127.0.0.1", port))
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


class Crowd:
    """Open streams of one address."""

    def __init__(self) -> None:
        self.streams: dict[int, socket.socket] = {}
        self._epoll = select.epoll()
        self._ends: dict[int, bytes] = {}

    def join(self, port: int, number: int, asked: bytes = EVENTS) -> None:
        """Open so many more."""
        for _ in range(number):
            stream = opened_on(port)
            stream.sendall(asked)
            self.streams[stream.fileno()] = stream
            self._epoll.register(stream.fileno(), select.EPOLLIN)

    def drain(self, seconds: float) -> None:
        """Read what comes within a time."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            for number, _ in self._epoll.poll(left):
                self.streams[number].recv(_SIZE)

    def arrivals(self, wanted: bytes, began: float) -> list[float]:
        """Seconds from a moment until each stream has had the wanted bytes, in order. They may come in two
        pieces.

        Raises:
            RuntimeError: A stream was sent nothing.
        """
        arrived: dict[int, float] = {}
        ends = self._ends
        while len(arrived) < len(self.streams):
            ready = self._epoll.poll(WAIT_SECONDS)
            if not ready:
                raise RuntimeError(f"{len(self.streams) - len(arrived)} screens were sent nothing")
            for number, _ in ready:
                received = self.streams[number].recv(_SIZE)
                if wanted in received or wanted in ends.pop(number, b"") + received:
                    arrived.setdefault(number, time.perf_counter() - began)
                else:
                    ends[number] = received[-len(wanted) :]
        return list(arrived.values())

    def close(self) -> None:
        """Close them all."""
        for stream in self.streams.values():
            stream.close()
        self._epoll.close()


@contextmanager
def crowd(port: int, number: int, asked: bytes = EVENTS) -> Iterator[Crowd]:
    """Streams that are open until the end of the block, and have been sent what they begin with."""
    opened = Crowd()
    try:
        opened.join(port, number, asked)
        opened.drain(1.0)
        yield opened
    finally:
        opened.close()


Publish = Callable[[int], bytes]
"""Publishes the message of a number, and returns bytes that its frame has, and no frame before it."""


def latencies(
    opened: Crowd, publish: Publish, messages: range, pause_seconds: float
) -> tuple[list[float], list[float]]:
    """Seconds from before the publishing of each message until the first and the last stream has it.

    Args:
        pause_seconds: The time between two messages; 0: the next one follows as soon as all have the one
            before.
    """
    first, last = [], []
    for number in messages:
        opened.drain(pause_seconds)
        began = time.perf_counter()
        arrived = opened.arrivals(publish(number), began)
        first.append(arrived[0])
        last.append(arrived[-1])
    return first, last
