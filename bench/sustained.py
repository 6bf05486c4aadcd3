"""Held: 2 000 webhooks a second with repeats and late ones, 200 screens, one core for the service.

Webhooks are due at a steady pace, and the time of an answer counts from the moment at which its webhook was
due, so that a service that falls behind is not flattered by being asked less. Each id is then looked for in
the database, and the figures are recomputed by `lossboard verify`.
"""

from __future__ import annotations

import json
import os
import random
import re
import select
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from bench.crowd import EVENTS, opened_on
from bench.load import signed
from bench.rows import Goal, NotRun, Row, number
from bench.service import ROOT, node, python

PER_SECOND: Final = 2_000
SECONDS: Final = 30
LONG_SECONDS: Final = 300
SCREENS: Final = 200
CONNECTIONS: Final = 64
REPEATED: Final = 0.3
LATE: Final = 0.2
DEALS: Final = 20_000
TASKS: Final = 300
TICK_SECONDS: Final = 0.002
"""How often webhooks that are due are looked for, at least."""

_ID: Final = re.compile(rb"\nid: (\d+)\n")
_LONGEST_ID: Final = 16
_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)

_HOW: Final = (
    f"{PER_SECOND} webhooks a second are due, {REPEATED:.0%} of them repeats, {LATE:.0%} of the others late, "
    f"with {SCREENS} screens, and the service on one core (SQLite). The figure is what was answered with "
    "200, from the first that was due to the last answer. Every id is then in the database, once."
)
_GOAL: Final = Goal("≥", 0.99 * PER_SECOND, "a second")


def _row(seconds: int) -> Row:
    return Row(f"sustained for {seconds} s, webhooks a second", _GOAL, _HOW)


ROWS: Final = (_row(SECONDS),)
LONG_ROWS: Final = (_row(LONG_SECONDS),)


def run() -> Iterator[Row]:
    """Half a minute."""
    yield _measured(ROWS[0], SECONDS)


def run_long() -> Iterator[Row]:
    """Five minutes."""
    yield _measured(LONG_ROWS[0], LONG_SECONDS)


def _measured(row: Row, seconds: int) -> Row:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise NotRun("the service needs a core, and the load another one")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with node(folder, f"sqlite:///{folder}/lossboard.db") as (port, pid):
            service = psutil.Process(pid)
            for thread in service.threads():
                os.sched_setaffinity(thread.id, cores[:1])  # the threads that it starts later inherit it
            os.sched_setaffinity(0, cores[1:])
            try:
                due, load = list(_due(seconds)), _Load(port)
                spent = sum(service.cpu_times()[:2])
                lasted, lag = load.hold(due)
                busy = (sum(service.cpu_times()[:2]) - spent) / (lasted + lag)
            finally:
                os.sched_setaffinity(0, cores)
        _check_ids(folder / "lossboard.db", {one.name for one in due}, load.stored)
        _verify(folder)
    slow = sorted(load.answers)
    return row.measured(
        f"answers p50 {slow[len(slow) // 2] * 1000:.1f} ms, p99 {slow[len(slow) * 99 // 100] * 1000:.1f} ms, "
        f"longest {slow[-1] * 1000:.0f} ms after it was due; {load.refused} refused; "
        f"{load.frames / SCREENS:.0f} frames a screen, the last {lag * 1000:.0f} ms after the last answer; "
        f"{busy:.2f} of the core; "
        f"{number(len(load.stored))} ids found",
        [len(load.answers) / lasted],
    )


def _check_ids(database: Path, posted: AbstractSet[str], stored: AbstractSet[str]) -> None:
    """Every id that was acknowledged is in the log once, and none that was not posted."""
    with closing(sqlite3.connect(database)) as connection:
        counts = Counter(key for (key,) in connection.execute("SELECT key FROM deliveries"))
    if lost := stored - counts.keys():
        raise RuntimeError(f"{len(lost)} acknowledged webhooks are not in the database")
    if counts.keys() - posted or max(counts.values()) > 1:
        raise RuntimeError("the database has webhooks that were not posted, or one twice")


def _verify(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment["LOSSBOARD_DATABASE_URL"] = f"sqlite:///{folder}/lossboard.db"
    command = [python(ROOT), "-m", "service", "verify"]
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


class _Due(NamedTuple):
    """A webhook, and the second after the start at which it is due."""

    at: float
    name: str
    request: bytes


def _due(seconds: int) -> Iterator[_Due]:
    """The webhooks, in the order in which they are due."""
    chance, known, start = random.Random(14), deque[tuple[str, bytes]](maxlen=PER_SECOND), datetime.now(UTC)
    for index in range(seconds * PER_SECOND):
        at = index / PER_SECOND
        if known and chance.random() < REPEATED:
            name, request = chance.choice(known)
        else:
            name = f"s{index}"
            moment = start + timedelta(seconds=at)  # until it is posted, less than the tolerated five minutes
            request = signed(name, moment, _body(chance, index, moment))
            known.append((name, request))
        yield _Due(at, name, request)


def _body(chance: random.Random, index: int, moment: datetime) -> str:
    """A deal re-priced, lost, won or opened; every fourth time a task set or completed."""
    if chance.random() < LATE:
        moment -= timedelta(seconds=chance.random() * 3600)
    if index % 4 == 0:
        task = chance.randrange(TASKS)
        due_at = (moment - timedelta(hours=1)).isoformat()
        completed = chance.random() < 0.5
        data = {
            "id": f"t{task}",
            "deal_id": f"d{task}",
            "text": "call",
            "due_at": due_at,
            "completed": completed,
        }
        return json.dumps({"type": "task.changed", "timestamp": moment.isoformat(), "data": data})
    deal = chance.randrange(DEALS)
    data = {
        "id": f"d{deal}",
        "name": f"Deal {deal}",
        "status": chance.choice(("open", "lost", "won")),
        "reason": f"Reason {chance.randrange(8)}",
        "amount": f"{chance.randrange(100_000)}.00",
        "client": {"id": f"{deal % 5000}", "name": "Client"},
        "manager": {"id": f"{deal % 20}", "name": "Manager"},
    }
    return json.dumps({"type": "deal.changed", "timestamp": moment.isoformat(), "data": data})


class _Load:
    """Posts what is due, and reads answers and frames, in one loop.

    Args:
        port: The service's.
    """

    def __init__(self, port: int) -> None:
        self._poll = select.epoll()
        self._port = port
        self._screens = self._opened(SCREENS)
        for stream in self._screens.values():
            stream.sendall(EVENTS)
        self._senders: dict[int, socket.socket] = {}
        self._free: deque[int] = deque()
        self._asked: dict[int, _Due] = {}
        self._received: defaultdict[int, bytes] = defaultdict(bytes)
        self._seen = dict.fromkeys(self._screens, -1)
        self._seq = 0
        self._began = time.perf_counter()
        self.frames = self.refused = 0
        self.answers: list[float] = []
        self.stored: set[str] = set()

    def _opened(self, number: int) -> dict[int, socket.socket]:
        """Connections by their descriptors."""
        opened = {stream.fileno(): stream for stream in (opened_on(self._port) for _ in range(number))}
        for descriptor in opened:
            self._poll.register(descriptor, select.EPOLLIN)
        return opened

    def hold(self, due: Sequence[_Due]) -> tuple[float, float]:
        """Post it all.

        Returns:
            Seconds until the last answer, and from then until every screen had the last frame.
        """
        while min(self._seen.values()) < 0:
            self._read()
        self._senders = self._opened(CONNECTIONS)
        self._free.extend(self._senders)
        waiting = deque(due)
        self._began, self.frames = time.perf_counter(), 0
        while waiting or self._asked:
            self._post(waiting)
            self._read()
        lasted = self._now()
        while min(self._seen.values()) < self._seq:
            self._read()
        return lasted, self._now() - lasted

    def _now(self) -> float:
        return time.perf_counter() - self._began

    def _post(self, waiting: deque[_Due]) -> None:
        now = self._now()
        while waiting and self._free and waiting[0].at <= now:
            sender, one = self._free.popleft(), waiting.popleft()
            self._asked[sender] = one
            self._senders[sender].sendall(one.request)

    def _read(self) -> None:
        """Read what has come; wait for a moment if nothing has."""
        for descriptor, _ in self._poll.poll(TICK_SECONDS):
            if descriptor in self._screens:
                self._frame(descriptor, self._screens[descriptor].recv(1 << 18))
            else:
                self._answer(descriptor, self._senders[descriptor].recv(65536))

    def _frame(self, screen: int, received: bytes) -> None:
        text = self._received[screen] + received
        self._received[screen] = received[-_LONGEST_ID:]
        if ids := _ID.findall(text):
            self.frames += len(ids)
            self._seen[screen] = int(ids[-1])
        elif not received:
            raise RuntimeError("the service closed a stream")

    def _answer(self, sender: int, received: bytes) -> None:
        self._received[sender] += received
        head, separator, body = self._received[sender].partition(b"\r\n\r\n")
        if not received:
            raise RuntimeError("the service closed a connection")
        if not separator or len(body) < int(_LENGTH.findall(head)[0]):
            return
        self._received[sender] = b""
        self._free.append(sender)
        one = self._asked.pop(sender)
        if b" 503 " in head[:16]:
            self.refused += 1
            return
        self.answers.append(self._now() - one.at)
        self.stored.add(one.name)
        self._seq = max(self._seq, json.loads(body)["seq"])
