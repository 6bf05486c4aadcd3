"""A batch that fails: what runs again, what is refused, what is isolated; and ticks of several nodes at
once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import Connection, event, make_url, update
from sqlalchemy.exc import OperationalError

from service.config import Account, zone
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.database.tables import HEADS
from service.ledger.upkeep import recompute
from service.ledger.write import committer as committer_module
from service.ledger.write import heads, log
from service.ledger.write.apply import Work, apply_all
from service.ledger.write.committer import Committer
from service.ledger.write.heads import OtherRules
from service.ledger.write.outcome import Outcome
from service.model import SECOND, Change, Decoded, Delivery, Instant, later
from service.projections import REVISION
from tests.clocks import StandingClock
from tests.databases import PostgresDatabases, own_postgres
from tests.histories import HOUR, MINUTE, at
from tests.ledger.lossy import lossy
from tests.ledger.offices import OFFICE, Ledger
from tests.ledger.statements import counted

NOW = at("2026-11-23T12:00:00+03:00")
SHOP = replace(OFFICE, id="shop")


def delivery(key: str, account: str = "office", amount: int = 100) -> Delivery:
    change = Change("deal", key, NOW, {"known": True, "status": "lost", "amount": amount, "closed_at": NOW})
    return Delivery(account, NOW, {}, key.encode(), Decoded(key, (change,)))


def overdue_at(moment: int) -> Delivery:
    changes = (
        Change("deal", "42", NOW, {"known": True, "amount": 500, "client_id": "7"}),
        Change("task", "t", NOW, {"deal_id": "42", "due_at": moment}),
    )
    return Delivery("office", NOW, {}, b"task", Decoded("task", changes))


def committer(
    database: Database, *accounts: Account, now: int = NOW, clock: StandingClock | None = None
) -> Committer:
    return Committer(
        database,
        {account.id: account for account in accounts or (OFFICE,)},
        clock or StandingClock(Instant(now)),
    )


def keys(database: Database, account: str = "office") -> list[str]:
    with database.committing() as connection:
        return [row.key for row in log.everything(connection, account)]


@pytest.fixture
def postgres(postgres_databases: PostgresDatabases) -> Iterator[str]:
    url = postgres_databases.migrated()
    yield url
    postgres_databases.drop(url)


@pytest.fixture
def database(postgres: str) -> Iterator[Database]:
    """On PostgreSQL, with two accounts."""
    opened = Database(postgres, serving=True)
    with opened.committing() as connection:
        for account in (OFFICE, SHOP):
            heads.ensure(connection, account, NOW)
    yield opened
    opened.close()


@pytest.mark.parametrize("lost", [1, 2])
def test_a_commit_whose_answer_is_lost_is_applied_once_and_acknowledged_if_that_can_be_known(
    lost: int,
) -> None:
    with own_postgres() as server, lossy(server.socket) as network:
        inside = make_url(server.databases.migrated())
        through = inside.set(host="127.0.0.1", port=network.port).difference_update_query(["host"])
        database = Database(through.render_as_string(hide_password=False), serving=True)
        with database.committing() as connection:
            heads.ensure(connection, OFFICE, NOW)
        network.lose_commits = lost
        results, _ = committer(database).commit([delivery("a"), delivery("b")])
        if lost == 1:
            assert results == [Outcome("duplicate", 1, 1), Outcome("duplicate", 2, 1)]
        else:
            assert all(isinstance(result, Unavailable) for result in results)
            again, _ = committer(database).commit([delivery("a"), delivery("b")])
            assert again == [Outcome("duplicate", 1, 1), Outcome("duplicate", 2, 1)]
        assert network.lose_commits == 0
        assert keys(database) == ["a", "b"]
        with database.committing() as connection:
            assert list(recompute.differences_from_state(connection, OFFICE, lambda _: None)) == []
            head = heads.prepared(connection, "office")
        database.close()
    assert (head.seq, head.deliveries) == (1, 2)


def test_a_connection_that_was_lost_meanwhile_costs_nobody_an_error(database: Database) -> None:
    working = committer(database)
    working.commit([delivery("a")])
    with database._committers.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with database.writing() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
    results, _ = working.commit([delivery("b")])
    assert results == [Outcome("applied", 2, 2, frozenset({"deal b"}))]


def test_an_account_that_another_transaction_locks_stalls_no_other(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    clock = StandingClock(NOW)
    working = committer(database, OFFICE, SHOP, clock=clock)
    with database.committing() as holding:
        heads.prepared(holding, "office", lock=True)
        results, new_heads = working.commit([delivery("a"), delivery("b", "shop")])
        assert isinstance(results[0], Unavailable)
        assert results[1] == Outcome("applied", 1, 1, frozenset({"deal b"}))
        assert list(new_heads) == ["shop"]
        waits = len(caplog.records)
        results, _ = working.commit([delivery("a"), delivery("c", "shop")])
        assert isinstance(results[0], Unavailable)
        assert len(caplog.records) == waits, "it waited for the lock again"
    clock.step(-HOUR / SECOND)
    assert isinstance(working.commit([delivery("a")])[0][0], Unavailable), "the time of day let it in"
    clock.advance(committer_module.LOCKED_SECONDS)
    assert working.commit([delivery("a")])[0] == [Outcome("applied", 1, 1, frozenset({"deal a"}))]


def test_a_frozen_node_loses_the_lock_that_it_holds(database: Database) -> None:
    frozen = database._committers.connect()
    frozen.exec_driver_sql("SET idle_in_transaction_session_timeout = '300ms'")
    heads.prepared(frozen, "office", lock=True)
    with database.committing() as connection:
        assert heads.prepared(connection, "office", lock=True).seq == 0  # waits until that is over
    frozen.invalidate()
    frozen.close()


def test_webhooks_of_an_account_that_other_rules_compute_are_refused_and_its_neighbours_are_applied(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    old = committer(database, OFFICE, SHOP)
    moved = replace(OFFICE, zone=zone("Asia/Tokyo"))
    with database.committing() as connection:
        recompute.rebuild(connection, moved, NOW, lambda _: None)
    results, _ = old.commit([delivery("a"), delivery("b", "shop")])
    assert isinstance(results[0], Unavailable)
    assert isinstance(results[1], Outcome)
    assert old.outdated == {"office"}
    assert old.tick() == {}
    old.commit([delivery("a")])
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert committer(database, moved).commit([delivery("a")])[0][0].status == "applied"  # type: ignore[union-attr]


def test_an_old_version_does_not_take_back_what_a_newer_one_computed(ledger: Ledger) -> None:
    newer = REVISION + 1
    with ledger.engine.begin() as connection:
        connection.execute(update(HEADS).where(HEADS.c.account == "office").values(revision=newer))
        with pytest.raises(OtherRules, match="newer version"):
            recompute.rules_changed(connection, OFFICE)
        with pytest.raises(OtherRules, match="newer version"):
            recompute.rebuild(connection, OFFICE, NOW, lambda _: None)
    assert ledger.head.revision == newer


def test_a_delivery_is_not_quarantined_because_the_database_went_away(ledger: Ledger) -> None:
    """The batch fails for its data; while each delivery is tried by itself, the database goes away."""
    failing = iter([ValueError("bad"), OperationalError("commit", {}, Exception("gone")), None])

    def _fail(_connection: object) -> None:
        if error := next(failing, None):
            raise error

    event.listen(ledger.engine, "commit", _fail)
    results, _ = committer(ledger.database).commit([delivery("a"), delivery("b")])
    assert isinstance(results[0], Unavailable)
    assert isinstance(results[1], Outcome)
    assert (results[1].status, keys(ledger.database)) == ("applied", ["b"])


def test_a_delivery_that_the_database_rejects_at_commit_is_isolated_and_told(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    too_large = delivery("b", amount=2**70)
    results, _ = committer(ledger.database).commit([delivery("a"), too_large, delivery("c")])
    statuses = [result.status if isinstance(result, Outcome) else "unavailable" for result in results]
    assert statuses == ["applied", "quarantined", "applied"]
    told = [vars(record) for record in caplog.records if "is in quarantine" in record.getMessage()]
    assert [(line["account"], line["delivery"]) for line in told] == [("office", "office/2")]


def test_ticks_of_many_nodes_at_once_bring_a_board_up_once(database: Database, postgres: str) -> None:
    committer(database).commit([overdue_at(NOW + MINUTE)])
    databases = [Database(postgres, serving=True) for _ in range(6)]
    nodes = [committer(opened, OFFICE, SHOP, now=NOW + MINUTE) for opened in databases]
    together = threading.Barrier(len(nodes))

    def tick(node: Committer) -> list[int]:
        together.wait()
        return [head.seq for head in node.tick().values()]

    with ThreadPoolExecutor(len(nodes)) as threads:
        seqs = [seq for ticked in threads.map(tick, nodes) for seq in ticked]
    assert 2 in seqs
    with database.committing() as connection:
        head = heads.prepared(connection, "office")
        assert (head.seq, head.as_of) == (2, NOW + MINUTE)
        assert list(recompute.differences_from_state(connection, OFFICE, lambda _: None)) == []
    for opened in databases:
        opened.close()


def test_a_tick_passes_over_a_board_that_another_node_holds(database: Database) -> None:
    committer(database).commit([overdue_at(NOW + MINUTE)])
    next_one = committer(database, now=NOW + MINUTE)
    with database.committing() as holding:
        heads.prepared(holding, "office", lock=True)
        assert next_one.tick() == {}
    assert list(next_one.tick()) == ["office"]


def test_a_tick_takes_some_boards_at_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer_module, "BOARDS", 3)
    offices = [replace(OFFICE, id=f"office-{number}") for number in range(8)]
    with ledger.engine.begin() as connection:
        for office in offices:
            heads.ensure(connection, office, NOW)
    node = committer(ledger.database, *offices, now=NOW + 24 * HOUR)
    assert [len(node.tick()) for _ in range(4)] == [3, 3, 2, 0]


def test_a_tick_writes_all_its_boards_with_the_same_statements(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        heads.ensure(connection, SHOP, NOW)
    late = overdue_at(NOW + MINUTE)
    committer(ledger.database, OFFICE, SHOP).commit([late, structs.replace(late, account="shop")])
    node = committer(ledger.database, OFFICE, SHOP, now=NOW + MINUTE)
    with counted(ledger.engine) as statements:
        assert node.tick().keys() == {"office", "shop"}
    for table in ("deal_tasks", "stakes", "at_risk", "habits"):
        assert len([one for one in statements if one.startswith(f"INSERT INTO {table} ")]) == 1, table


def test_a_board_that_cannot_follow_the_clock_is_left_alone_for_a_while(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with ledger.engine.begin() as connection:
        heads.ensure(connection, SHOP, NOW)

    def fails_for_the_shop(connection: Connection, work: Work, *rest: Any) -> object:
        if "shop" in [account.id for account, _ in work]:
            raise ValueError("a defect")
        return apply_all(connection, work, *rest)

    monkeypatch.setattr(committer_module, "apply_all", fails_for_the_shop)
    clock = StandingClock(later(NOW, 24 * HOUR))
    node = committer(ledger.database, OFFICE, SHOP, clock=clock)
    assert list(node.tick()) == ["office"]
    logged = len(caplog.records)
    assert node.tick() == {}
    assert len(caplog.records) == logged, "it was tried again at once"
    monkeypatch.setattr(committer_module, "apply_all", apply_all)
    clock.advance(committer_module.FAILED_SECONDS)
    assert list(node.tick()) == ["shop"]
