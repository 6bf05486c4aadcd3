"""All screens come back at once, as after a restart: until each has the board, and what a webhook waits
meanwhile."""

from __future__ import annotations

import contextlib
import errno
import json
import multiprocessing
import select
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NamedTuple

from bench.crowd import WAIT_SECONDS, opened_on
from bench.load import answered, request
from bench.office import PROOF
from bench.rows import Goal, Row, median, ratios
from bench.screens import nth
from bench.service import node

SCREENS: Final = 5_000
ACCOUNTS: Final = ("office", "office-1", "office-2")
"""One token may open two thousand streams of an account."""

WEBHOOKS_PER_SECOND: Final = 50
QUIET_SECONDS: Final = 4.0
ROUNDS: Final = 3

_HOW: Final = (
    f"{SCREENS} screens connect at once, each by a connection of its own, while {WEBHOOKS_PER_SECOND} "
    "webhooks a second come; after a restart, so that each needs the whole board."
)
CURRENT: Final = Row(
    f"{SCREENS} screens reconnect at once, s until all are current", Goal("≤", 5, "s", 2), _HOW
)
WAITING: Final = Row(
    f"webhooks' p99 while {SCREENS} screens reconnect",
    Goal("≤", 10, "× the p99 of quiet seconds before"),
    _HOW,
)
ROWS: Final = (CURRENT, WAITING)


_Posts = Callable[[], Sequence[tuple[float, float]]]
"""Ends the posting; returns when each webhook was posted, and how many seconds it took."""


class Returned(NamedTuple):
    """What became of a crowd that came back.

    Args:
        seconds: Until each had the board.
        quiet: Seconds that each webhook took before; `storm` likewise, meanwhile.
    """

    seconds: float
    quiet: list[float]
    storm: list[float]


def run() -> Iterator[Row]:
    """Measure both rows."""
    seen = [returned(SCREENS) for _ in range(ROUNDS)]
    seconds = [one.seconds for one in seen]
    yield CURRENT.measured(f"{median(seconds)} s", seconds)
    storm, quiet = (
        [nth(part, 99) for part in parts] for parts in zip(*(one[1:] for one in seen), strict=True)
    )
    value = f"{median([one * 1000 for one in storm])} ms, quiet {median([one * 1000 for one in quiet])} ms"
    yield WAITING.measured(value, ratios(storm, quiet))


def returned(number: int) -> Returned:
    """So many screens come at once to a service that has just started."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            node(folder, f"sqlite:///{folder}/lossboard.db", accounts=ACCOUNTS) as (port, _),
            _posting(port) as posts,
        ):
            time.sleep(QUIET_SECONDS)
            with contextlib.ExitStack() as opened:
                began = time.perf_counter()
                _come_all(port, number, opened)
                seconds = time.perf_counter() - began
                ended = began + seconds
                times = posts()
    quiet = [took for at, took in times if at + took < began]
    return Returned(seconds, quiet, [took for at, took in times if at + took >= began and at < ended])


def _come_all(port: int, number: int, opened: contextlib.ExitStack) -> None:
    """Open all streams without waiting for any, and read until each has had the board."""
    epoll = opened.enter_context(contextlib.closing(select.epoll()))
    streams: dict[int, tuple[socket.socket, bytes]] = {}
    for index in range(number):
        stream = opened.enter_context(socket.socket())
        stream.setblocking(False)
        if stream.connect_ex(("127.0.0.1", port)) not in (0, errno.EINPROGRESS):
            raise RuntimeError("a screen cannot connect")
        path = f"/boards/{ACCOUNTS[index % len(ACCOUNTS)]}/events"
        asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 1\r\n{PROOF}".encode()
        streams[stream.fileno()] = stream, asked
        epoll.register(stream.fileno(), select.EPOLLOUT)
    heard: dict[int, bytes] = {}
    while streams:
        ready = epoll.poll(WAIT_SECONDS)
        if not ready:
            raise RuntimeError(f"{len(streams)} screens were sent nothing")
        for one, event in ready:
            stream, asked = streams[one]
            if event & select.EPOLLOUT:
                stream.sendall(asked)
                epoll.modify(one, select.EPOLLIN)
                continue
            heard[one] = heard.get(one, b"") + stream.recv(65536)
            if b"event: snapshot" in heard[one] and heard[one].endswith(b"\n\n\r\n"):
                epoll.unregister(one)
                del streams[one], heard[one]


@contextlib.contextmanager
def _posting(port: int) -> Iterator[_Posts]:
    """Webhooks at a steady pace, from a process of its own, until they are asked for."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=_post, args=(theirs, port))
    child.start()
    theirs.close()
    assert ours.recv() == "ready"

    def posts() -> Sequence[tuple[float, float]]:
        ours.send("stop")
        times: list[tuple[float, float]] = ours.recv()
        return times

    try:
        yield posts
    finally:
        child.terminate()
        child.join()


def _post(asked: Connection, port: int) -> None:
    poster = opened_on(port)
    made = [
        request(number, "r", ACCOUNTS[number % len(ACCOUNTS)]) for number in range(40 * WEBHOOKS_PER_SECOND)
    ]
    for one in made[:20]:  # the first ones find a cold service
        poster.sendall(one)
        answered(poster)
    asked.send("ready")
    times: list[tuple[float, float]] = []
    for one in made[20:]:
        if asked.poll(max(0.0, 1 / WEBHOOKS_PER_SECOND - (times[-1][1] if times else 0.0))):
            break
        at = time.perf_counter()
        poster.sendall(one)
        assert json.loads(answered(poster))["status"] == "applied"
        times.append((at, time.perf_counter() - at))
    asked.send(times)
