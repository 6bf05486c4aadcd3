"""Streams in numbers: the time from a POST to the frame on the first and the last of them, frames a second,
and the memory of each. nchan, which publishes and does nothing else, gets the same bytes in the same run."""

from __future__ import annotations

import json
import re
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from bench.before import before
from bench.crowd import Publish, crowd, latencies, opened_on
from bench.load import answered, request
from bench.peers import nchan
from bench.rows import Goal, NotRun, Row, median, ratios
from bench.service import ROOT, lossboard, node
from service.live.stream.allowance import BURST, FRAMES_PER_SECOND

SCREENS: Final = (1, 100, 1_000)
MESSAGES: Final = 60
WARM_UP: Final = 5
PAUSE_SECONDS: Final = 0.12
"""The time between two webhooks, so that the board is idle before each."""

NUMBERS: Final = 300
"""Of the messages that are ready."""

ROUNDS: Final = 3


_MOST: Final = SCREENS[-1]
_HOW: Final = (
    f"{_MOST} streams in one epoll loop; from before the POST (its commit included) to the frame on the last "
    f"of them, {MESSAGES} messages a round"
)
LAST: Final = Row(
    f"POST to the last of {_MOST} screens, p99, to nchan",
    Goal("≤", 1.3, "× nchan publishing the same bytes", 1.0),
    f"{_HOW}; nchan publishes the bytes of such a frame in the same run.",
)
FRAMES: Final = Row(
    f"frames a second to {_MOST} screens, back to back",
    Goal("≥", 100_000, "a second", 143_000),
    "The next webhook follows as soon as every screen has the frame of the one before: so the commit, the "
    "read of the board and the client, which reads every stream, are in it, and no two messages share a "
    f"frame. It is a burst: {MESSAGES} messages, of the {BURST} that an account may send before it sends "
    f"{FRAMES_PER_SECOND} a second. nchan's figure comes from the same client and the same order.",
)
MEMORY: Final = Row(
    "memory for a screen, KiB",
    Goal("≤", 12, "KiB", 4),
    f"Private and shared memory (PSS) of the process with {_MOST} streams, less that with a tenth of them.",
)
FEW: Final = {
    number: Row(f"POST to the last of {number} screens, ms", None, f"The median of {MESSAGES} messages.")
    for number in SCREENS
}
ROWS: Final = (LAST, FRAMES, MEMORY, *FEW.values())


def run() -> Iterator[Row]:
    """Measure the most screens beside nchan and the commit before, then fewer ones."""
    seen = _in_turns(_MOST)
    mine, theirs = seen["ours"], seen["before"]
    if peer := seen.get("nchan"):
        yield LAST.measured(
            f"{_p99(mine)} ms, nchan {_p99(peer)} ms, before {_p99(theirs)} ms",
            ratios([nth(one.last, 99) for one in mine], [nth(one.last, 99) for one in peer]),
        )
    beside = f", nchan {median([one.frames for one in peer])} a second" if peer else ""
    yield FRAMES.measured(
        f"before {median([one.frames for one in theirs])}{beside}", [one.frames for one in mine]
    )
    beside = f", nchan {median([one.memory / 1024 for one in peer])} KiB" if peer else ""
    yield MEMORY.measured(
        f"before {median([one.memory / 1024 for one in theirs])} KiB{beside}",
        [one.memory / 1024 for one in mine],
    )
    with tempfile.TemporaryDirectory() as folder, lossboard(Path(folder)) as port:
        for number, row in FEW.items():
            first, last = measure(port, port, number)
            value = f"first {_percentiles(first)}, all {_percentiles(last)}"
            yield row.measured(value, [statistics.median(last) * 1000])
    if not peer:
        raise NotRun("nchan's packages cannot be downloaded, or nginx does not start")


def _p99(seen: Sequence[Seen]) -> str:
    return median([nth(one.last, 99) * 1000 for one in seen])


def _percentiles(seconds: list[float]) -> str:
    return f"p50 {milliseconds(seconds, 50)} p99 {milliseconds(seconds, 99)}"


def milliseconds(seconds: list[float], percentile: int) -> str:
    """A percentile as text."""
    return f"{nth(seconds, percentile) * 1000:.1f} ms"


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
    """Posts webhooks, which are signed before."""
    signed = [request(number, run) for number in range(NUMBERS)]

    def publish(number: int) -> bytes:
        poster.sendall(signed[number])
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


def _in_turns(number: int) -> dict[str, list[Seen]]:
    """What so many screens see of the service, of the commit before and of nchan, round by round; without
    nchan where it cannot be run."""
    body = _frame()
    seen: dict[str, list[Seen]] = {"ours": [], "before": [], "nchan": []}
    for turn in range(ROUNDS):
        seen["ours"].append(ours(number, f"n{turn}-"))
        seen["before"].append(ours(number, f"n{turn}-", before()))
        with suppress(nchan.NoPeer):
            seen["nchan"].append(theirs(number, body))
    return {name: rounds for name, rounds in seen.items() if rounds}


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
