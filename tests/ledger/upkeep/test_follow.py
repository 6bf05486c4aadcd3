"""Following other nodes' commits, on a real PostgreSQL: told at once, found when nobody tells."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, func, update

from service.clock import SystemClock
from service.ledger.database.database import Database
from service.ledger.database.engine import listening, open_engine
from service.ledger.database.tables import HEADS
from service.ledger.upkeep import follow
from service.ledger.upkeep.follow import CHANNEL, Follower
from service.ledger.write import heads
from service.model import Instant
from tests.databases import PostgresDatabases
from tests.ledger.offices import OFFICE

NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:9/nothing"


class StandingClock:
    """Waits until it is woken: what is seen was told, not found."""

    def __init__(self) -> None:
        self.reconnect = asyncio.Event()

    def now(self) -> Instant:
        return Instant(0)

    def monotonic(self) -> float:
        return 0.0

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        if seconds == follow.LOOK_SECONDS:
            await wake.wait()
        elif seconds == follow.RECONNECT_SECONDS:
            await self.reconnect.wait()
        else:
            await asyncio.sleep(min(seconds, 0.01))


class Node:
    """A follower, and what it published."""

    def __init__(self, url: str, clock: SystemClock | StandingClock | None = None, listen: str = "") -> None:
        self.database = Database(url, serving=True)
        self.published: list[Mapping[str, int]] = []
        self.follower = Follower(self.database, listen or url, lambda: ["office"], clock or StandingClock())
        self.follower.on_seq.append(self.published.append)

    def knows(self, seq: int) -> Callable[[], bool]:
        return lambda: any(seqs.get("office") == seq for seqs in self.published)


@asynccontextmanager
async def running(*nodes: Node, listening: bool = True) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(node.follower.run()) for node in nodes]
    try:
        async with asyncio.timeout(30):
            if listening:
                await until(lambda: all(node.follower.listening for node in nodes))
            yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for node in nodes:
            node.database.close()
        await asyncio.get_running_loop().shutdown_default_executor()  # a call under way ends by itself


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.005)


@pytest.fixture
def postgres(postgres_databases: PostgresDatabases) -> Iterator[str]:
    url = postgres_databases.migrated()
    yield url
    postgres_databases.drop(url)


@pytest.fixture
def engine(postgres: str) -> Iterator[Engine]:
    opened = open_engine(postgres, "writer")
    with opened.begin() as connection:
        heads.ensure(connection, OFFICE, Instant(0))
    yield opened
    opened.dispose()


def move(engine: Engine, seq: int) -> None:
    with engine.begin() as connection:
        connection.execute(update(HEADS).where(HEADS.c.account == "office").values(seq=seq))


async def test_a_notification_that_is_under_way_at_the_end_leaves_no_connection(postgres: str) -> None:
    node = Node(postgres)
    async with running(node, listening=False):
        await asyncio.sleep(0)
        connection = node.follower._announcer.connect()
        driver: Any = connection.connection.dbapi_connection
    assert not driver.closed
    connection.close()
    assert driver.closed


async def test_a_commit_is_told_to_other_nodes_and_is_no_news_to_its_own(
    engine: Engine, postgres: str
) -> None:
    here, there = Node(postgres), Node(postgres)

    async with running(here, there):
        await until(here.knows(0))
        here.follower.announce({"office": 7})
        await until(there.knows(7))
        there.follower.announce({"office": 8})
        await until(here.knows(8))
    assert not here.knows(7)()
    assert not there.knows(8)()


async def test_what_nobody_told_of_is_found(engine: Engine, postgres: str) -> None:
    deaf = Node(postgres, SystemClock(), listen=NOWHERE)

    async with running(deaf, listening=False):
        await until(deaf.knows(0))
        move(engine, 5)
        await until(deaf.knows(5))
        assert not deaf.follower.listening


async def test_a_listener_that_was_cut_off_listens_again_and_looks_for_what_it_missed(
    engine: Engine, postgres: str, caplog: pytest.LogCaptureFixture
) -> None:
    clocks = StandingClock(), StandingClock()
    here, there = (Node(postgres, clock) for clock in clocks)

    def cut() -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'lossboard listener' AND datname = current_database()"
            )

    async with running(here, there):
        cut()
        await until(lambda: caplog.text.count("the listening connection is lost") == 2)
        move(engine, 11)  # nobody tells
        for clock in clocks:
            clock.reconnect.set()
        await until(there.knows(11))
        await until(here.knows(11))
        here.follower.announce({"office": 12})
        await until(there.knows(12))


async def test_a_storm_of_commits_is_a_few_notifications_of_the_newest(engine: Engine, postgres: str) -> None:
    here = Node(postgres, SystemClock())
    heard: list[str] = []

    async with await psycopg.AsyncConnection.connect(**listening(postgres), autocommit=True) as other:
        await other.execute(f"LISTEN {CHANNEL}")
        async with running(here):
            for seq in range(1, 1_001):
                here.follower.announce({"office": seq})
                if seq % 100 == 0:
                    await asyncio.sleep(0)
            async for notification in other.notifies():
                heard.append(notification.payload)
                if notification.payload.endswith(":1000"):
                    break
    assert len([payload for payload in heard if payload]) <= 3


async def test_many_accounts_go_into_as_many_notifications_as_it_takes(postgres: str) -> None:
    seqs = {f"{'account' * 5}-{number}": 10**18 + number for number in range(500)}
    here, there = Node(postgres), Node(postgres)

    async with running(here, there):
        here.follower.announce(seqs)
        await until(lambda: sum(map(len, there.published)) >= len(seqs))
    assert {account: seq for news in there.published for account, seq in news.items()} == seqs


@pytest.mark.parametrize(
    "payload", ["", "office", "office:", "office:-1", "office:١", "office:" + "9" * 30, "::"]
)
def test_a_notification_that_says_nothing_is_passed_over(postgres: str, payload: str) -> None:
    here = Node(postgres)
    here.follower._hint(payload)
    here.follower._hint(f"{payload} office:3")
    assert here.published == [{"office": 3}]


def test_a_notification_waits_for_no_disk(postgres: str) -> None:
    """Its commit is asynchronous, whatever the server's default is; the next statement's is the default's."""
    here = Node(postgres)
    here.follower._notify(["office:1"])
    with here.follower._announcer.connect() as connection:
        statement = follow._NOTIFY.add_columns(func.current_setting("synchronous_commit").label("now"))
        assert connection.execute(statement, {"payloads": ["office:2"]}).one().now == "off"
        reset = connection.exec_driver_sql(
            "SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'"
        )
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == reset.scalar()
    here.follower._announcer.dispose()


async def test_a_silent_listener_makes_sure_that_it_can_hear(
    engine: Engine, postgres: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(follow, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(follow, "ECHO_SECONDS", 0.3)
    here = Node(postgres)
    mute: list[str] = []

    with caplog.at_level(logging.WARNING):
        async with running(here):
            monkeypatch.setattr(here.follower, "_notify", mute.extend)  # what it sends is lost
            await until(lambda: not here.follower.listening)
    assert mute != []
    assert "set listen_url to the server itself" in caplog.text
