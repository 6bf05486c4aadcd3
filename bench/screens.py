"""Streams in numbers: the time from a POST to the frame on the first and the last of them, frames a second,
and the memory of each. nchan, which publishes and does nothing else, gets the same bytes in the same run."""

from __future__ import annotations

import json
import re
import socket
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench.crowd import Publish, crowd, latencies, opened_on
from bench.load import answered, request
from bench.peers import nchan
from bench.service import ROOT, lossboard, node

SCREENS: Final = (1, 100, 1_000)
MESSAGES: Final = 60
WARM_UP: Final = 5
PAUSE_SECONDS: Final = 0.12
"""The time between two webhooks, so that the board is idle before each."""

ROUNDS: Final = 3


def main() -> None:
    """Print the latencies at each number of screens, and of the most beside nchan's."""
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
    for name, seen in beside_nchan().items():
        print(name, *seen, sep="\n  ")


def milliseconds(seconds: list[float], percentile: int) -> str:
    """A percentile as text."""
    return f"{nth(seconds, percentile) * 1000:5.1f} ms"


def nth(figures: Sequence[float], percentile: int) -> float:
    """A percentile."""
    return sorted(figures)[min(len(figures) - 1, len(figures) * percentile // 100)]


def measure(port: int, posted_to: int, number: int, run: str = "s") -> tuple[list[float], list[float]]:
    """Seconds until the first and until the last screen had the frame, for each message. The screens are on
    `port`, perhaps another node's than what is posted to."""
    with crowd(port, number) as screens, opened_on(posted_to) as poster:
        publish = posting(poster, f"{run}{number}-")
        latencies(screens, publish, range(WARM_UP), PAUSE_SECONDS)
        return latencies(screens, publish, range(WARM_UP, WARM_UP + MESSAGES), PAUSE_SECONDS)


def posting(poster: socket.socket, run: str) -> Publish:
    """Posts webhooks."""

    def publish(number: int) -> bytes:
        poster.sendall(request(number, run))
        return b"id: %d\n" % json.loads(answered(poster))["seq"]

    return publish


class Seen(NamedTuple):
    """What a crowd saw of a server.

    Args:
        last: Seconds from each POST until the last screen had its frame; `first` likewise.
        frames: Frames a second, where the next message follows as soon as all have the one before.
        memory: Bytes of the server's memory for each screen.
    """

    first: list[float]
    last: list[float]
    frames: float
    memory: float

    def __str__(self) -> str:
        return (
            f"first p50 {milliseconds(self.first, 50)}; all p50 {milliseconds(self.last, 50)} "
            f"p99 {milliseconds(self.last, 99)}; {self.frames:,.0f} frames a second back to back; "
            f"{self.memory / 1024:.1f} KiB a screen"
        )


def beside_nchan(number: int = SCREENS[-1], rounds: int = ROUNDS) -> dict[str, list[Seen]]:
    """What so many screens see of the service and of nchan, round by round in turns.

    Raises:
        NoPeer: nchan cannot be run here.
    """
    body = _frame()
    seen: dict[str, list[Seen]] = {"lossboard": [], "nchan": []}
    for turn in range(rounds):
        seen["lossboard"].append(ours(number, f"n{turn}-"))
        seen["nchan"].append(theirs(number, body))
    return seen


def ours(number: int, run: str, checkout: Path = ROOT) -> Seen:
    """What so many screens see of the service, which has just started."""
    with (
        tempfile.TemporaryDirectory() as folder,
        node(Path(folder), f"sqlite:///{folder}/lossboard.db", checkout=checkout) as (port, pid),
        opened_on(port) as poster,
    ):
        return _seen(port, [pid], number, posting(poster, run))


def theirs(number: int, body: bytes) -> Seen:
    """What so many screens see of nchan, which publishes these bytes."""
    with nchan.nchan() as (port, processes), opened_on(port) as poster:

        def publish(message: int) -> bytes:
            marked = b"message-%d;" % message
            nchan.publish(poster, marked + body[len(marked) :])
            return marked

        publish(10**6)  # of a channel without a message streams wait even for their heads
        return _seen(port, processes, number, publish, nchan.EVENTS)


def _seen(port: int, processes: Sequence[int], number: int, publish: Publish, *asked: bytes) -> Seen:
    with crowd(port, number // 10, *asked) as screens:
        few = _memory(processes)
        screens.join(port, number - number // 10, *asked)
        screens.drain(2.0)
        memory = (_memory(processes) - few) / (number - number // 10)
        latencies(screens, publish, range(WARM_UP), PAUSE_SECONDS)
        first, last = latencies(screens, publish, range(100, 100 + MESSAGES), PAUSE_SECONDS)
        screens.drain(PAUSE_SECONDS)
        began = time.perf_counter()
        latencies(screens, publish, range(200, 200 + MESSAGES), 0.0)
        return Seen(first, last, number * MESSAGES / (time.perf_counter() - began), memory)


def _frame() -> bytes:
    """What a webhook makes the service send to a screen, on one line."""
    with (
        tempfile.TemporaryDirectory() as folder,
        lossboard(Path(folder)) as port,
        crowd(port, 1) as screens,
        opened_on(port) as poster,
    ):
        wanted = posting(poster, "f")(1)
        (stream,) = screens.streams.values()
        received = b""
        while wanted not in received or not received.endswith(b"\n\n\r\n"):
            received += stream.recv(65536)
    return received[received.index(b"data: ", received.index(wanted)) + 6 :].split(b"\n")[0]


def _memory(processes: Sequence[int]) -> int:
    """Bytes that some processes alone have in memory."""
    total = 0
    for pid in processes:
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        assert found is not None
        total += int(found[1]) * 1024
    return total
