"""What somebody without a secret, and with one machine, does to a service."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from service.http.descriptors import shares
from tests.e2e.running import VIEWER, signed

DESCRIPTORS: Final = 1024
"""The service's hard limit, so that strangers can meet it; fewer at a small scale."""

FEWEST: Final = 256

MB: Final = 10**6


@dataclass(frozen=True)
class Stranger:
    """Where to, how much of the full length, and the dice."""

    port: int
    scale: float
    rng: random.Random

    @property
    def descriptors(self) -> int:
        """How many file descriptors the service has."""
        return max(FEWEST, round(DESCRIPTORS * self.scale))

    def part(self, full: int) -> int:
        """That much of a full number."""
        return max(4, round(full * self.scale))

    def connect(self, receive: int = 2**16) -> socket.socket:
        """A connection to the service, with so many bytes for what is received."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", self.port))
        return connection


def names(stranger: Stranger) -> int:
    """Ask for files that do not exist, each by another name."""
    number = stranger.part(30_000)
    with stranger.connect() as connection, connection.makefile("rb") as answers:
        for _ in range(number):
            name = f"{stranger.rng.getrandbits(128):032x}" * 250
            connection.sendall(f"GET /static/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            _read_answer(answers)
    return number


def heads(stranger: Stranger) -> int:
    """Send header lines without end on four connections at a time."""
    return _pour(stranger, b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"a:b\r\n" * 20_000)


def trailers(stranger: Stranger) -> int:
    """The same after a body."""
    head = b"POST /webhooks/office HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\n"
    return _pour(stranger, head + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"a:b\r\n" * 20_000)


def extensions(stranger: Stranger) -> int:
    """Send an extension of a chunk that never ends."""
    head = b"POST /webhooks/office HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\n"
    return _pour(stranger, head + b"transfer-encoding: chunked\r\n\r\n1;a=", b"b" * 100_000)


def pipelines(stranger: Stranger) -> int:
    """Send requests without end, and read no answer."""
    return _pour(stranger, b"", b"GET /healthz HTTP/1.1\r\n\r\n" * 4_000)


def bodies(stranger: Stranger) -> int:
    """Hold bodies of 1 MiB open that lack their last byte, with a head that proves nothing and disproves
    nothing; every other one does not say how long it is."""
    number = stranger.part(600)
    sized = _forged(b"content-length: %d\r\n\r\n" % 2**20) + b"x" * (2**20 - 1)
    unsized = _forged(b"transfer-encoding: chunked\r\n\r\n%x\r\n" % 2**20) + b"x" * (2**20 - 1)
    with contextlib.ExitStack() as stack:
        for turn in range(number):
            connection = stack.enter_context(stranger.connect())
            connection.settimeout(0.5)  # a service that has enough does not read on
            with contextlib.suppress(OSError):
                connection.sendall(unsized if turn % 2 else sized)
    return number


def forgeries(stranger: Stranger) -> int:
    """Send whole bodies of 1 MiB, of which only a signature over all of it tells that they are forged."""
    return _pour(stranger, b"", _forged(b"content-length: %d\r\n\r\n" % 2**20) + b"x" * 2**20)


def deaf(stranger: Stranger) -> int:
    """Ask for files on as many connections as there are, and read nothing."""
    number = stranger.descriptors
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            connection = stack.enter_context(stranger.connect(receive=4096))
            connection.setblocking(False)
            with contextlib.suppress(OSError):
                connection.sendall(b"GET /static/board.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 9)
        time.sleep(stranger.scale)
    return number


def descriptors(stranger: Stranger) -> int:
    """Open twice as many connections as the service has descriptors, and ask for nothing."""
    number = 2 * stranger.descriptors
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(stranger.connect())
        time.sleep(stranger.scale)
    return number


def screens(stranger: Stranger) -> int:
    """Open more streams than there is room for: with a viewer's token, so no stranger; returns how many were
    shown a board."""
    shown = 0
    with contextlib.ExitStack() as stack:
        for _ in range(stranger.descriptors):
            connection = stack.enter_context(stranger.connect())
            connection.sendall(
                b"GET /boards/office/events HTTP/1.1\r\nHost: localhost\r\n"
                b"Authorization: Bearer %s\r\n\r\n" % VIEWER.encode()
            )
            shown += connection.recv(12).endswith(b"200")
    room = shares(stranger.descriptors).streams
    assert shown == room, f"{shown} streams, and room for {room}"
    return shown


def guesses(stranger: Stranger) -> int:
    """Guess an amoCRM's token and a viewer's."""
    number = stranger.part(7_000)
    braked = 0
    for _ in range(number):
        with stranger.connect() as connection, connection.makefile("rb") as answers:
            way = stranger.rng.choice(("POST /webhooks/amo", "GET /boards/office"))
            connection.sendall(
                f"{way}?token={stranger.rng.getrandbits(128):032x} HTTP/1.1\r\nHost: localhost\r\n"
                "content-type: application/x-www-form-urlencoded\r\ncontent-length: 0\r\n\r\n".encode()
            )
            braked += _read_answer(answers) == 429
    assert braked > number // 2, f"{braked} of {number} guesses were braked"
    return braked


ATTACKS: Final[dict[Callable[[Stranger], int], tuple[str, int]]] = {
    names: ("files asked for", 60),
    heads: ("MB sent", 120),
    trailers: ("MB sent", 120),
    extensions: ("MB sent", 120),
    pipelines: ("MB sent", 120),
    bodies: ("held open", 250),
    forgeries: ("MB sent", 120),
    deaf: ("connections", 60),
    descriptors: ("connections", 60),
    screens: ("shown", 120),
    guesses: ("braked", 60),
}
"""Each with what it counts, and the megabytes that it may cost."""


def _forged(rest: bytes) -> bytes:
    """The head of a request to the office that is signed, but not for the body that follows."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in signed("forged", "another body").items())
    return f"POST /webhooks/office HTTP/1.1\r\nHost: localhost\r\n{headers}".encode() + rest


def _read_answer(answers: object) -> int:
    """Read one answer with a Content-Length; returns its status."""
    readline = answers.readline  # type: ignore[attr-defined]
    status = int(readline().split()[1])
    length = 0
    while (line := readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    answers.read(length)  # type: ignore[attr-defined]
    return status


def _pour(stranger: Stranger, first: bytes, then: bytes) -> int:
    """For ten seconds, on four connections: send one text and then another one again and again, and begin
    again when the service closes. Returns the megabytes sent."""
    end = time.monotonic() + 10 * stranger.scale
    sent = [0] * 4

    def pour(place: int) -> None:
        while time.monotonic() < end:
            with stranger.connect() as connection, contextlib.suppress(OSError):
                connection.settimeout(0.2)
                connection.sendall(first)
                while time.monotonic() < end:
                    connection.sendall(then)
                    sent[place] += len(then)

    threads = [threading.Thread(target=pour, args=(place,)) for place in range(len(sent))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(sent) // MB
