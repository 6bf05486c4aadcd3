"""5 000 screens lose their connections at once, and are back at once, while webhooks go on."""

from __future__ import annotations

import errno
import json
import multiprocessing
import re
import select
import socket
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NamedTuple

from bench.crowd import opened_on
from bench.load import answered, request
from bench.office import PROOF
from bench.rows import Goal, Row, median, number
from bench.screens import nth
from bench.service import node

ACCOUNTS: Final = tuple(f"office-{index}" for index in range(5))
SCREENS: Final = 1_000
"""Screens of each account: with one token, no account may have many more."""

ROUNDS: Final = 3
QUIET_SECONDS: Final = 10.0
STORM_SECONDS: Final = 8.0
PACE_SECONDS: Final = 0.02
"""Between two webhooks."""

_ALL: Final = len(ACCOUNTS) * SCREENS
_HOW: Final = (
    f"{_ALL} streams ({len(ACCOUNTS)} accounts, SQLite) are cut, each account changes, and all connect again "
    "at once with Last-Event-ID, while webhooks are posted one after another"
)
CURRENT: Final = Row(
    f"{_ALL} screens reconnect at once, s until all are current",
    Goal("≤", 5, "s", 2),
    f"{_HOW}: the time until the last one has what it missed.",
)
WEBHOOKS: Final = Row(
    f"{_ALL} screens reconnect at once, webhooks' p99, to quiet",
    Goal("≤", 10, "× quiet"),
    f"{_HOW}: those that are posted until all are current, to those with no screen.",
)
ROWS: Final = (CURRENT, WEBHOOKS)

_ID: Final = re.compile(rb"\nid: (\d+)\n")
_TAIL: Final = 16


class _Answered(NamedTuple):
    """When a webhook was posted, and the seconds until its answer."""

    at: float
    seconds: float


def run() -> Iterator[Row]:
    """Measure a quiet service, then some storms."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/lossboard.db"
        with node(Path(folder), url, accounts=ACCOUNTS) as (port, _):
            quiet = [one.seconds for one in _posted(port, QUIET_SECONDS, "q").recv()]
            storms = [_storm(port, turn) for turn in range(ROUNDS)]
    yield CURRENT.measured(f"webhooks every {PACE_SECONDS * 1000:.0f} ms", [seconds for seconds, _ in storms])
    slow = [nth(answers, 99) for _, answers in storms]
    value = f"p99 {median([seconds * 1000 for seconds in slow])} ms, quiet {number(nth(quiet, 99) * 1000)} ms"
    yield WEBHOOKS.measured(value, [seconds / nth(quiet, 99) for seconds in slow])


def _storm(port: int, turn: int) -> tuple[float, list[float]]:
    """Seconds until every screen was current, and those of the webhooks meanwhile."""
    before = _Screens(port, dict.fromkeys(ACCOUNTS, 0))
    seen = before.wait()
    before.close()
    wanted = {account: _changed(port, account, turn) for account in ACCOUNTS}
    answers = _posted(port, STORM_SECONDS, f"s{turn}-")
    began = time.monotonic()
    screens = _Screens(port, wanted, seen)
    screens.wait()
    ended = time.monotonic()
    posted = [one.seconds for one in answers.recv() if began <= one.at <= ended]
    screens.close()
    return ended - began, posted


def _changed(port: int, account: str, turn: int) -> int:
    """The sequence number after a change of an account."""
    with opened_on(port) as poster:
        poster.sendall(request(turn, "c", account))
        return int(json.loads(answered(poster))["seq"])


def _posted(port: int, seconds: float, run: str) -> Connection:
    """Post webhooks to the accounts in turns for a while, from a process that then sends their times."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=_post, args=(theirs, port, seconds, run), daemon=True)
    child.start()
    theirs.close()
    return ours


def _post(results: Connection, port: int, seconds: float, run: str) -> None:
    numbers = range(int(seconds / PACE_SECONDS))
    requests = [request(number, run, ACCOUNTS[number % len(ACCOUNTS)]) for number in numbers]
    posted = []
    end = time.monotonic() + seconds
    with opened_on(port) as poster:
        for webhook in requests:
            at = time.monotonic()
            if at > end:
                break
            poster.sendall(webhook)
            answered(poster)
            posted.append(_Answered(at, time.monotonic() - at))
            time.sleep(max(0.0, at + PACE_SECONDS - time.monotonic()))
    results.send(posted)


class _Screens:
    """Streams of every account, all opened at once.

    Args:
        wanted: By account, the sequence number at which a screen is current.
        seen: By account, the last one that its screens have seen.
    """

    def __init__(self, port: int, wanted: dict[str, int], seen: dict[str, int] | None = None) -> None:
        self._poll = select.epoll()
        self._wanted = wanted
        self._seen = seen
        self._accounts: dict[int, str] = {}
        self._streams: dict[int, socket.socket] = {}
        self._tails: dict[int, bytes] = {}
        self._current: dict[str, int] = {}
        for account in ACCOUNTS:
            for _ in range(SCREENS):
                self._connect(port, account)

    def _connect(self, port: int, account: str) -> None:
        stream = socket.socket()
        stream.setblocking(False)
        if stream.connect_ex(("127.0.0.1", port)) not in (0, errno.EINPROGRESS):
            raise RuntimeError("a connection is refused")
        self._streams[stream.fileno()] = stream
        self._accounts[stream.fileno()] = account
        self._poll.register(stream.fileno(), select.EPOLLOUT)

    def wait(self) -> dict[str, int]:
        """Wait until every screen is current; by account, the last sequence number that one has seen."""
        missing = set(self._streams)
        while missing:
            ready = self._poll.poll(60)
            if not ready:
                raise RuntimeError(f"{len(missing)} screens were sent nothing")
            for descriptor, event in ready:
                if event & select.EPOLLOUT:
                    self._ask(descriptor)
                elif self._read(descriptor):
                    missing.discard(descriptor)
        return self._current

    def _ask(self, descriptor: int) -> None:
        account = self._accounts[descriptor]
        seen = "" if self._seen is None else f"Last-Event-ID: {self._seen[account]}\r\n"
        head = f"GET /boards/{account}/events HTTP/1.1\r\nHost: localhost\r\n{seen}{PROOF}"
        self._streams[descriptor].sendall(head.encode())
        self._poll.modify(descriptor, select.EPOLLIN)

    def _read(self, descriptor: int) -> bool:
        """Read what has come; whether the screen is current."""
        received = self._streams[descriptor].recv(1 << 18)
        if not received:
            raise RuntimeError("the service closed a stream")
        text = self._tails.pop(descriptor, b"") + received
        ids = _ID.findall(text)
        if not ids:
            self._tails[descriptor] = text[-_TAIL:]
            return False
        account, seq = self._accounts[descriptor], int(ids[-1])
        self._current[account] = max(self._current.get(account, 0), seq)
        return seq >= self._wanted[account]

    def close(self) -> None:
        """Cut them all."""
        for stream in self._streams.values():
            stream.close()
        self._poll.close()
