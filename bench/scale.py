"""The costs of a webhook, a screen and an account on PostgreSQL: CPU seconds, bytes of memory, log and
tables.

docs/scale.md has these figures.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

import psutil
import psycopg

from bench.crowd import opened_on
from bench.load import rate
from bench.nodes import ACCOUNTS
from bench.office import PROOF
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


def main() -> None:
    """Print each cost."""
    with own_postgres("max_connections = 200\n") as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _webhooks(folder, server)
        _screens(folder, server)
        _accounts(folder, server)


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


def _webhooks(folder: Path, server: Postgres) -> None:
    for kind, accounts, connections in (
        ("one account, one at a time", ("office",), 1),
        ("one account, 64 at a time", ("office",), 64),
        ("64 accounts, 64 at a time", ACCOUNTS, 64),
    ):
        url = server.databases.migrated()
        with node(folder, url, accounts=accounts) as (port, pid):
            rate(port, 300, connections, "w", accounts)
            cost = _Cost(pid, server, _name(url))
            second = rate(port, WEBHOOKS, connections, "x", accounts)
            ours, theirs, wal, size = cost.spent()
        print(
            f"a webhook, {kind}: {second:5,.0f} a second; {ours / WEBHOOKS * 1e3:.2f} ms of a node's core, "
            f"{theirs / WEBHOOKS * 1e3:.2f} ms of the database's; {wal / WEBHOOKS:,.0f} bytes of log, "
            f"{size / WEBHOOKS:,.0f} of tables"
        )


def _screens(folder: Path, server: Postgres) -> None:
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
        print(f"a screen: {memory / 1024:.1f} KiB of a node's memory")
        for stream in streams:
            stream.close()
        time.sleep(1)
        none = _frames(port, pid, server, _name(url), run="n")
    print(f"a frame to a screen: {(few - none) / FRAMES / SCREENS * 1e6:.0f} µs of a node's core")


def _frames(port: int, pid: int, server: Postgres, database: str, run: str = "f") -> float:
    """CPU seconds of the node for a number of webhooks, each with a frame of its own."""
    cost = _Cost(pid, server, database)
    for number in range(FRAMES):
        rate(port, 1, 1, f"{run}{number}-")
        time.sleep(0.06)
    return cost.spent()[0]


def _accounts(folder: Path, server: Postgres) -> None:
    memory: dict[int, int] = {}
    for number in (1, MANY):
        accounts = tuple(f"office-{index}" for index in range(number))
        url = server.databases.migrated()
        with node(folder, url, accounts=accounts) as (_, pid):
            time.sleep(SETTLING_SECONDS)
            memory[number] = psutil.Process(pid).memory_info().rss
            cost = _Cost(pid, server, _name(url))
            time.sleep(IDLE_SECONDS)
            ours, theirs, *_ = (spent / IDLE_SECONDS * 1e3 for spent in cost.spent())
        print(
            f"{number:5,} accounts without changes: {memory[number] / 2**20:.0f} MiB; each second "
            f"{ours:.1f} ms of a node's CPU, {theirs:.1f} ms of the database's"
        )
    print(f"an account: {(memory[MANY] - memory[1]) / (MANY - 1) / 1024:.1f} KiB of a node's memory")
    url = server.databases.migrated()
    with node(folder, url, accounts=ACCOUNTS) as (port, pid):
        streams = [opened_on(port) for _ in range(WATCHED)]
        for stream, account in zip(streams, ACCOUNTS, strict=True):
            stream.sendall(f"GET /boards/{account}/events HTTP/1.1\r\nHost: localhost\r\n{PROOF}".encode())
        time.sleep(SETTLING_SECONDS)
        cost = _Cost(pid, server, _name(url))
        time.sleep(IDLE_SECONDS)
        ours, theirs, *_ = (spent / IDLE_SECONDS / WATCHED * 1e3 for spent in cost.spent())
        for stream in streams:
            stream.close()
    print(
        f"a watched board without changes: each second {ours:.2f} ms of a node's CPU, "
        f"{theirs:.2f} ms of the database's"
    )


def _name(url: str) -> str:
    return url.rpartition("/")[2] if "?" not in url else url.partition("?")[0].rpartition("/")[2]
