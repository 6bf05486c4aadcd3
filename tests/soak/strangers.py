"""Attacks of somebody who has no secret, on a served office, and what they cost: memory, and the time that an
honest webhook takes meanwhile as a ratio to its time before."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.e2e.running import PROGRAM, Service, iso, running, signed, soon, until

DESCRIPTORS: Final = 1024
"""The service's hard limit, so that strangers can meet it."""

WITH_FEW: Final = ("sh", "-c", f'ulimit -n {DESCRIPTORS} && exec "$@"', "sh", *PROGRAM)

MB: Final = 10**6
PAUSE_SECONDS: Final = 0.02
"""Between two honest webhooks."""

LOG_LINES: Final = 40
"""The most that one attack may add to the service's log."""


@dataclass(frozen=True)
class Stranger:
    """Where to, how much of the full length, and the dice."""

    port: int
    scale: float
    rng: random.Random

    def part(self, full: int) -> int:
        """That much of a full number."""
        return max(4, round(full * self.scale))

    def connect(self) -> socket.socket:
        """A connection to the service."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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


def guesses(stranger: Stranger) -> int:
    """Guess the token of an address, over a connection for each guess. Returns how many were answered."""
    end, answered = time.monotonic() + 10 * stranger.scale, 0
    while time.monotonic() < end:
        token = f"{stranger.rng.getrandbits(128):032x}"
        head = f"POST /webhooks/amo?token={token} HTTP/1.1\r\nHost: localhost\r\ncontent-length: 3\r\n"
        with stranger.connect() as connection, connection.makefile("rb") as answers:
            connection.sendall(f"{head}content-type: application/x-www-form-urlencoded\r\n\r\na=1".encode())
            assert _read_answer(answers) in (401, 429)
            answered += 1
    return answered


def descriptors(stranger: Stranger) -> int:
    """Open three times as many connections as the service has descriptors, and ask for nothing."""
    number = max(DESCRIPTORS + 200, stranger.part(3 * DESCRIPTORS))
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(stranger.connect())
        time.sleep(stranger.scale)
    return number


ATTACKS: Final[dict[Callable[[Stranger], int], int]] = {
    names: 60,
    heads: 120,
    trailers: 120,
    extensions: 120,
    pipelines: 120,
    bodies: 250,
    forgeries: 120,
    guesses: 60,
    descriptors: 60,
}
"""Each with the megabytes that it may cost."""


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
    anew when the service closes. Returns the megabytes sent."""
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


@dataclass
class Control:
    """An honest sender: one webhook after another, each over a connection of its own."""

    address: str
    seconds: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    posted: int = 0

    @contextlib.contextmanager
    def posting(self) -> Iterator[None]:
        """Post until the end of the block, and at least five times."""
        done = threading.Event()
        self.seconds, self.refused = [], []
        thread = threading.Thread(target=self._post_until, args=(done,))
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _post_until(self, done: threading.Event) -> None:
        while not done.wait(PAUSE_SECONDS) or len(self.seconds) + len(self.refused) < 5:
            self.posted += 1
            data = {"id": "1", "amount": "1.00"}
            body = json.dumps({"type": "deal.changed", "timestamp": iso(soon(0)), "data": data})
            headers = signed(f"control-{self.posted}", body)
            began = time.monotonic()
            try:
                with contextlib.closing(HTTPConnection(self.address, timeout=10)) as connection:
                    connection.request("POST", "/webhooks/office", body, headers)
                    answer = connection.getresponse()
                    text = answer.read()
            except OSError as error:
                self.refused.append(repr(error))
                continue
            if answer.status == 200:
                self.seconds.append(time.monotonic() - began)
            else:
                self.refused.append(f"{answer.status} {text.decode()}")


@dataclass
class Memory:
    """The resident memory of a process, in bytes, as Linux counts it."""

    pid: int

    def forget_peak(self) -> None:
        """Begin a new peak."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def now(self) -> int:
        """What it has now."""
        return self._field("VmRSS")

    def peak(self) -> int:
        """The most that it had since the last `forget_peak`."""
        return self._field("VmHWM")

    def _field(self, name: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Every attack in turn, on one service."""
    rng = random.Random(seed)
    counts: dict[str, int | float | str] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), program=WITH_FEW) as service,
    ):
        control = Control(urlsplit(service.url).netloc)
        with control.posting():
            time.sleep(5 * scale)
        alone = statistics.median(control.seconds)
        port = urlsplit(service.url).port
        assert port is not None
        for attack, limit in ATTACKS.items():
            counts |= _attacked(service, control, alone, attack, limit, Stranger(port, scale, rng))
    return counts


def _attacked(
    service: Service,
    control: Control,
    alone: float,
    attack: Callable[[Stranger], int],
    limit: int,
    stranger: Stranger,
) -> dict[str, int | float | str]:
    name = attack.__name__
    memory = Memory(service.process.pid)
    memory.forget_peak()
    before, lines = memory.now(), len(service.lines)
    with control.posting():
        number = attack(stranger)
    cost, logged = (memory.peak() - before) // MB, len(service.lines) - lines
    assert cost < limit, f"{name}: {cost} MB"
    assert control.refused == [], f"{name}: {control.refused[:3]}"
    assert logged < LOG_LINES, f"{name}: {logged} lines: {service.lines[-1]}"
    until(lambda: service.client.get(f"{service.url}/readyz").status_code == 200)
    ratio = statistics.median(control.seconds) / alone
    return {
        name: number,
        f"{name}: peak, MB": cost,
        f"{name}: kept, MB": (memory.now() - before) // MB,
        f"{name}: control, ratio": round(ratio, 1),
    }
