"""PgBouncer in transaction mode: everything works through it but LISTEN, which is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from service.ledger.database.database import Database
from service.ledger.database.engine import DEADLINES, READERS, WRITERS, Role, open_engine
from service.ledger.read.reader import BoardReader
from service.ledger.upkeep import follow, recompute
from service.ledger.write import heads
from service.ledger.write.committer import Committer
from service.ledger.write.outcome import Outcome
from tests.databases import PostgresDatabases
from tests.ledger.offices import OFFICE, FixedClock, configured
from tests.ledger.upkeep.test_follow import Node, running, until
from tests.ledger.write.test_committer import NOW, delivery
from tests.pooling import pooled

ROUNDS = 12
"""More than the driver needs to take a statement for worth preparing."""


@pytest.fixture
def postgres(postgres_databases: PostgresDatabases) -> Iterator[str]:
    url = postgres_databases.migrated()
    yield url
    postgres_databases.drop(url)


@pytest.fixture
def pooler(postgres: str) -> Iterator[str]:
    with pooled(postgres) as url:
        yield url


def test_several_nodes_write_and_read_through_it(pooler: str, postgres: str) -> None:
    url = configured(pooler, listen_url=postgres)
    offices = [replace(OFFICE, id=f"office-{number}") for number in range(4)]
    databases = [Database(url, serving=True) for _ in offices]
    with databases[0].writing() as connection:
        for office in offices:
            heads.ensure(connection, office, NOW)

    def work(number: int) -> list[object]:
        node = Committer(databases[number], {office.id: office for office in offices}, FixedClock(NOW))
        office_id = offices[number].id
        return [node.commit([delivery(f"k{turn}", office_id)])[0][0] for turn in range(ROUNDS)]

    with ThreadPoolExecutor(len(offices)) as threads:
        results = [result for results in threads.map(work, range(len(offices))) for result in results]
    assert [result.status for result in results if isinstance(result, Outcome)] == ["applied"] * len(results)
    reader = BoardReader(databases[0], {office.id: office for office in offices}, FixedClock(NOW))
    assert {reader.read(office.id, ()).seq for office in offices for _ in range(ROUNDS)} == {ROUNDS}
    with databases[0].reading() as connection:
        assert list(recompute.differences_from_state(connection, offices[0], lambda _: None)) == []
        assert connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar() == 0
    for database in databases:
        database.close()


@pytest.mark.parametrize("through_pooler", [False, True])
@pytest.mark.parametrize("role", ["writer", "reader"])
def test_a_serving_process_has_deadlines_and_a_pool_of_its_size(
    pooler: str, postgres: str, role: Role, through_pooler: bool
) -> None:
    engine = open_engine(
        configured(pooler, listen_url=postgres) if through_pooler else postgres, role, serving=True
    )
    with engine.begin() as connection:
        for name, value in DEADLINES.items():
            assert connection.exec_driver_sql(f"SHOW {name}").scalar() == value
    assert engine.pool.size() == (WRITERS if role == "writer" else READERS)  # type: ignore[attr-defined]
    engine.dispose()
    with psycopg.connect(postgres.replace("+psycopg", "")) as plain:
        assert plain.execute("SHOW lock_timeout").fetchone() == ("0",)


def test_a_command_takes_the_time_that_it_needs(postgres: str) -> None:
    engine = open_engine(postgres, "writer")
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "0"
    engine.dispose()


async def test_notifications_that_a_pooler_swallows_are_missed_aloud(
    pooler: str, postgres: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(follow, "ECHO_SECONDS", 0.3)
    monkeypatch.setattr(follow, "ECHOES", 2)
    url = configured(pooler, listen_url=postgres)
    deaf, hearing = Node(url, listen=pooler), Node(url, listen=postgres)

    async with running(deaf, hearing, listening=False):
        await until(lambda: "set listen_url to the server itself" in caplog.text)
        await until(lambda: hearing.follower.listening)
        assert not deaf.follower.listening
        deaf.follower.announce({"office": 3})  # telling goes through it; hearing does not
        await until(hearing.knows(3))
