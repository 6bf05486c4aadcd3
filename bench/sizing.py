"""What an installation needs on PostgreSQL: CPU seconds, bytes of memory, log and tables for a webhook, a
screen and an account.

docs/explanation/scale.md has these figures.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import psycopg

from bench.crowd import opened_on
from bench.load import rate
from bench.nodes import ACCOUNTS
from bench.office import PROOF
from bench.rows import Row
from bench.service import node
from tests.databases import Postgres, own_postgres

WEBHOOKS: Final = 3_000
SCREENS: Final = 1_000
FRAMES: Final = 100
MANY: Final = 5_000
WATCHED: Final = 64
SETTLING_SECONDS: Final = 3.0
"""The time after which the work of a start, or of new connections, is over."""

IDLE_SECONDS: Final = 15.0
"""How long the load of an idle service is measured."""

KINDS: Final = {
    "one account, one at a time": (("office",), 1),
    "one account, 64 at a time": (("office",), 64),
    "64 accounts, 64 at a time": (ACCOUNTS, 64),
}
"""Accounts that webhooks are posted to, and connections."""

_WEBHOOK: Final = (
    "CPU time of a node and of PostgreSQL (fsync on) for a webhook, and the bytes that it leaves in its "
    "log and tables."
)
WEBHOOK: Final = {
    kind: {
        what: Row(f"a webhook, {kind}, {what}", None, _WEBHOOK)
        for what in ("ms of a node's core", "ms of the database's core", "bytes of log", "bytes of tables")
    }
    for kind in KINDS
}
MEMORY: Final = Row(
    "a screen, KiB of a node's memory", None, f"Resident memory that {SCREENS} open streams add, for each."
)
FRAME: Final = Row(
    "a frame to a screen, µs of a node's core",
    None,
    f"CPU time for webhooks with {SCREENS} screens, without that for the same webhooks with none.",
)
_IDLE: Final = "CPU time a second of a node and of the database, while nothing changes."
IDLE: Final = Row(f"{MANY} accounts without changes, ms of a node's core a second", None, _IDLE)
IDLE_DATABASE: Final = Row(
    f"{MANY} accounts without changes, ms of the database's core a second", None, _IDLE
)
NODE: Final = Row("a node with one account, MiB", None, "Resident memory after the start.")
ACCOUNT: Final = Row(
    "an account, KiB of a node's memory",
    None,
    f"Resident memory with {MANY} accounts and with one.",
)
BOARD: Final = Row("a watched board without changes, ms of a node's core a second", None, _IDLE)
BOARD_DATABASE: Final = Row(
    "a watched board without changes, ms of the database's core a second", None, _IDLE
)
ROWS: Final = (
    *(row for rows in WEBHOOK.values() for row in rows.values()),
    *(MEMORY, FRAME, IDLE, IDLE_DATABASE, NODE, ACCOUNT, BOARD, BOARD_DATABASE),
)


def run() -> Iterator[Row]:
    """Measure each cost."""
    with own_postgres("max_connections = 200\n") as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from _webhooks(folder, server)
        yield from _screens(folder, server)
        yield from _accounts(folder, server)
        yield from _watched(folder, server)


class _Cost:
    """What a node and its database have used since this was created."""

    def __init__(self, pid: int, server: Postgres, database: str) -> None:
        self._node = psutil.Process(pid)
        self._server = server
        self._database = database
        self._began = self._now()

    def _now(self) -> tuple[float, float, int, int]:
        spent = self._node.cpu_times()
        with psycopg.connect(self._server.uri) as connection:
            row = connection.execute(
                "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, pg_database_size(%s::text)", (self._database,)
            ).fetchone()
        assert row is not None
        return spent.user + spent.system, self._server.processor_seconds(), int(row[0]), int(row[1])

    def spent(self) -> tuple[float, float, int, int]:
        """CPU seconds of the node and of the database, bytes of its log and of its tables."""
        node, database, wal, size = (now - then for now, then in zip(self._now(), self._began, strict=True))
        return node, database, int(wal), int(size)


def _webhooks(folder: Path, server: Postgres) -> Iterator[Row]:
    for kind, (accounts, connections) in KINDS.items():
        url = server.databases.migrated()
        with node(folder, url, accounts=accounts) as (port, pid):
            rate(port, 300, connections, "w", accounts)
            cost = _Cost(pid, server, _name(url))
            rate(port, WEBHOOKS, connections, "x", accounts)
            ours, theirs, wal, size = cost.spent()
        figures = (ours * 1e3, theirs * 1e3, wal, size)
        for row, figure in zip(WEBHOOK[kind].values(), figures, strict=True):
            yield row.measured(f"{WEBHOOKS} webhooks", [figure / WEBHOOKS])


def _screens(folder: Path, server: Postgres) -> Iterator[Row]:
    url = server.databases.migrated()
    with node(folder, url) as (port, pid):
        rate(port, 100, 1, "s")
        process = psutil.Process(pid)
        before = process.memory_info().rss
        streams = [opened_on(port) for _ in range(SCREENS)]
        for stream in streams:
            stream.sendall(f"GET /boards/office/events HTTP/1.1\r\nHost: localhost\r\n{PROOF}".encode())
        time.sleep(SETTLING_SECONDS)
        memory = (process.memory_info().rss - before) / SCREENS
        few = _frames(port, pid, server, _name(url))
        for stream in streams:
            stream.close()
        time.sleep(1)
        none = _frames(port, pid, server, _name(url), run="n")
    yield MEMORY.measured(f"{SCREENS} screens", [memory / 1024])
    yield FRAME.measured(f"{FRAMES} frames", [(few - none) / FRAMES / SCREENS * 1e6])


def _frames(port: int, pid: int, server: Postgres, database: str, run: str = "f") -> float:
    """CPU seconds of the node for a number of webhooks, each with a frame of its own."""
    cost = _Cost(pid, server, database)
    for index in range(FRAMES):
        rate(port, 1, 1, f"{run}{index}-")
        time.sleep(0.06)
    return cost.spent()[0]


def _accounts(folder: Path, server: Postgres) -> Iterator[Row]:
    memory: dict[int, int] = {}
    spent: tuple[float, float] = 0.0, 0.0
    for many in (1, MANY):
        accounts = tuple(f"office-{index}" for index in range(many))
        url = server.databases.migrated()
        with node(folder, url, accounts=accounts) as (_, pid):
            time.sleep(SETTLING_SECONDS)
            memory[many] = psutil.Process(pid).memory_info().rss
            spent = _idle(pid, server, url)
    yield IDLE.measured(f"{IDLE_SECONDS:.0f} s", [spent[0]])
    yield IDLE_DATABASE.measured(f"{IDLE_SECONDS:.0f} s", [spent[1]])
    yield NODE.measured("", [memory[1] / 2**20])
    yield ACCOUNT.measured(f"{MANY} accounts", [(memory[MANY] - memory[1]) / (MANY - 1) / 1024])


def _idle(pid: int, server: Postgres, url: str) -> tuple[float, float]:
    """Milliseconds of CPU time a second, of the node and of the database."""
    cost = _Cost(pid, server, _name(url))
    time.sleep(IDLE_SECONDS)
    ours, theirs, *_ = cost.spent()
    return ours / IDLE_SECONDS * 1e3, theirs / IDLE_SECONDS * 1e3


def _watched(folder: Path, server: Postgres) -> Iterator[Row]:
    url = server.databases.migrated()
    with node(folder, url, accounts=ACCOUNTS) as (port, pid):
        streams = [opened_on(port) for _ in range(WATCHED)]
        for stream, account in zip(streams, ACCOUNTS, strict=True):
            stream.sendall(f"GET /boards/{account}/events HTTP/1.1\r\nHost: localhost\r\n{PROOF}".encode())
        time.sleep(SETTLING_SECONDS)
        ours, theirs = (milliseconds / WATCHED for milliseconds in _idle(pid, server, url))
        for stream in streams:
            stream.close()
    yield BOARD.measured(f"{WATCHED} boards", [ours])
    yield BOARD_DATABASE.measured(f"{WATCHED} boards", [theirs])


def _name(url: str) -> str:
    return url.rpartition("/")[2] if "?" not in url else url.partition("?")[0].rpartition("/")[2]
