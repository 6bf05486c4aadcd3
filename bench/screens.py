"""The time from a POST to the frame on the first and the last of 1, 100 and 1 000 open streams."""

from __future__ import annotations

import json
import selectors
import socket
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.load import answered, request
from bench.office import PROOF
from bench.service import lossboard

SCREENS: Final = (1, 100, 1_000)
MESSAGES: Final = 60
WARM_UP: Final = 5
PAUSE_SECONDS: Final = 0.12
"""The time between two webhooks, so that the board is idle before each."""


def main() -> None:
    """Print the latencies at each number of screens, and the ratio of the largest to one."""
    with tempfile.TemporaryDirectory() as folder, lossboard(Path(folder)) as port:
        firsts: dict[int, float] = {}
        for number in SCREENS:
            first, last = measure(port, port, number)
            firsts[number] = statistics.median(last)
            print(
                f"{number:>5} screens: first p50 {milliseconds(first, 50)} p99 {milliseconds(first, 99)}; "
                f"all p50 {milliseconds(last, 50)} p99 {milliseconds(last, 99)}"
            )
        print(f"all of {SCREENS[-1]} to one: {firsts[SCREENS[-1]] / firsts[1]:.1f}")


def milliseconds(seconds: list[float], percentile: int) -> str:
    """A percentile as text."""
    ordered = sorted(seconds)
    nth = ordered[min(len(ordered) - 1, len(ordered) * percentile // 100)]
    return f"{nth * 1000:5.1f} ms"


def measure(port: int, posted_to: int, number: int, run: str = "s") -> tuple[list[float], list[float]]:
    """Seconds until the first and until the last screen had the frame, for each message. The screens are on
    `port`, perhaps another node's than what is posted to."""
    selector = selectors.DefaultSelector()
    streams = [opened_on(port) for _ in range(number)]
    for stream in streams:
        stream.sendall(f"GET /boards/office/events HTTP/1.1\r\nHost: localhost\r\n{PROOF}".encode())
        selector.register(stream, selectors.EVENT_READ)
    _drain(selector, seconds=1.0)
    poster = opened_on(posted_to)
    first, last = [], []
    for message in range(MESSAGES + WARM_UP):
        _drain(selector, seconds=PAUSE_SECONDS)
        began = time.perf_counter()
        poster.sendall(request(message, f"{run}{number}-"))
        seq = json.loads(answered(poster))["seq"]
        arrived = _arrivals(selector, number, b"id: %d\n" % seq, began)
        if message >= WARM_UP:
            first.append(arrived[0])
            last.append(arrived[-1])
    for stream in [*streams, poster]:
        stream.close()
    return first, last


def opened_on(port: int) -> socket.socket:
    """A connection that sends without delay."""
    opened = socket.create_connection(("127.0.0.1", port))
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def _drain(selector: selectors.BaseSelector, seconds: float) -> None:
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0:
        for key, _ in selector.select(left):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.recv(1 << 20)


def _arrivals(selector: selectors.BaseSelector, number: int, wanted: bytes, began: float) -> list[float]:
    """Seconds until each stream had the wanted bytes, which may arrive in two pieces."""
    arrived: dict[int, float] = {}
    ends: dict[int, bytes] = {}
    while len(arrived) < number:
        ready = selector.select(10)
        if not ready:
            raise RuntimeError(f"{number - len(arrived)} screens were sent nothing")
        for key, _ in ready:
            assert isinstance(key.fileobj, socket.socket)
            received = ends.get(key.fd, b"") + key.fileobj.recv(1 << 20)
            ends[key.fd] = received[-len(wanted) :]
            if wanted in received:
                arrived.setdefault(key.fd, time.perf_counter() - began)
    return list(arrived.values())
