"""The writer's cache has what the database has, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.upkeep import recompute
from service.ledger.write import heads, state, sums
from service.ledger.write.apply import Applied, apply_all, reapply
from service.ledger.write.batch.cache import AccountRows, Cache
from service.ledger.write.committer import Committer
from service.ledger.write.heads import Head
from service.model import FIELDS, Change, Decoded, Delivery, later
from service.projections.flow import About
from service.projections.merge import Record, Run
from service.projections.propagate import Flowed
from tests.clocks import StandingClock
from tests.histories import HOUR, at
from tests.ledger.drawn import live_through
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T12:00:00+03:00")
SHOP = replace(OFFICE, id="shop")


def delivery(key: str, amount: int, account: str = "office") -> Delivery:
    deal = Change("deal", "42", later(NOW, amount), {"known": True, "amount": amount, "client_id": "7"})
    task = Change("task", "t", later(NOW, amount), {"deal_id": "42", "due_at": NOW - HOUR, "manager_id": "m"})
    return Delivery(account, NOW, {}, key.encode(), Decoded(key, (deal, task)))


def node(database: Database) -> Committer:
    return Committer(database, {"office": OFFICE, "shop": SHOP}, StandingClock(NOW))


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    with closing(Database(ledger_url)) as opened:
        with opened.committing() as connection:
            for account in (OFFICE, SHOP):
                heads.ensure(connection, account, NOW)
        yield opened


@pytest.fixture(scope="module")
def living(sqlite_ledgers: Callable[[], str]) -> Iterator[Ledger]:
    opened = Ledger(sqlite_ledgers(), NOW)
    yield opened
    opened.close()


def ledger_head(database: Database, account: str = "office") -> Head:
    with database.reading() as connection:
        return heads.prepared(connection, account)


def unlike_the_database(database: Database, cache: Cache, account: str = "office") -> list[object]:
    """The rows of an account in a cache that are not what the database has."""
    rows = cache.take(ledger_head(database, account))
    assert rows.size > 0, "it would not be used"
    with database.reading() as connection:
        wrong: list[object] = []
        for entity in FIELDS:
            stored = state.load(connection, account, entity, rows.records[entity])
            wrong += [key for key, record in rows.records[entity].items() if record != stored.get(key)]
        for feeds, about in rows.about.items():
            read = sums.about(connection, {feeds: {account: about}}).get(account, {}).get(feeds, {})
            wrong += [key for key, own in about.items() if _filled(own) != _filled(read.get(key, {}))]
    return wrong


def _filled(about: About) -> About:
    return {relation: rows for relation, rows in about.items() if rows}


def board(database: Database) -> tuple[object, list[object]]:
    """The deal's amount, and what `verify` finds in the projections."""
    with database.reading() as connection:
        deal = state.load(connection, "office", "deal", ["42"])["42"]
        differences = recompute.differences_from_state(connection, OFFICE, lambda _: None)
        return deal.values["amount"], list(differences)


def test_what_another_process_commits_is_seen(database: Database) -> None:
    ours, theirs = node(database), node(database)
    ours.commit([delivery("a", 100)])
    theirs.commit([delivery("b", 500)])
    ours.commit([delivery("c", 300)])
    assert board(database) == (500, [])
    assert unlike_the_database(database, ours._cache) == []


def test_what_a_command_writes_is_seen(database: Database) -> None:
    ours = node(database)
    ours.commit([delivery("a", 100)])
    late = Change("deal", "42", NOW, {"name": "Deal"})
    with database.writing() as connection:
        reapply(connection, OFFICE, 1, Delivery("office", NOW, {}, b"", Decoded("a", (late,))), NOW)
        recompute.rebuild(connection, OFFICE, NOW, lambda _: None)
    assert ours._cache.take(ledger_head(database)) == AccountRows()


@pytest.mark.parametrize("between", [True, False])
def test_a_transaction_that_fails_leaves_nothing(database: Database, between: bool) -> None:
    """The failed commit and the next one, of another node or of this one, have the same numbers and the same
    moment."""
    ours, theirs = node(database), node(database)
    ours.commit([delivery("a", 100)])
    failing = iter([OperationalError("commit", {}, Exception("gone"))])

    def fail(_connection: object) -> None:
        if error := next(failing, None):
            raise error

    event.listen(database._committers, "commit", fail)
    results, _ = ours.commit([delivery("b", 900)])
    assert isinstance(results[0], Unavailable)
    if between:
        theirs.commit([delivery("c", 500)])
    ours.commit([delivery("d", 300)])
    assert board(database) == (500 if between else 300, [])
    assert unlike_the_database(database, ours._cache) == []


@settings(max_examples=10)
@given(data=st.data())
def test_rows_that_are_kept_are_those_of_the_database(living: Ledger, data: st.DataObject) -> None:
    live_through(living, data)
    assert unlike_the_database(living.database, living.cache) == []


def test_no_more_rows_are_kept_than_may_be(database: Database) -> None:
    cache = Cache(most=20)
    for account in (OFFICE, SHOP, OFFICE):
        with database.committing() as connection:
            work = [
                (
                    account,
                    [delivery(f"{account.id} {ledger_head(database, account.id).seq}", 100, account.id)],
                )
            ]
            applied = apply_all(connection, work, NOW, cache)[account.id]
        assert isinstance(applied, Applied)
        assert 10 <= applied.rows.size <= 20
        cache.keep(applied.head, applied.rows)
        assert list(cache._accounts) == [account.id]


def test_a_long_run_takes_the_room_of_many_rows() -> None:
    run = Run(tuple((later(NOW, number), number) for number in range(800)))
    rows = AccountRows()
    rows.store({"deal": {"42": Record(run=run)}}, Flowed({}, {}, frozenset(), {}))
    assert rows.size == 101
