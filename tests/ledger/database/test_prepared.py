"""A prepared statement does what the same statement does through SQLAlchemy: rows, listeners and errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, bindparam, delete, event, insert, select
from sqlalchemy.exc import IntegrityError

from service.ledger.database.database import Database
from service.ledger.database.errors import CutShort
from service.ledger.database.in_list import in_list
from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import DELIVERIES

NEW = {
    "account": "office",
    "content": "",
    "conflicts_with": None,
    "received_at": 1,
    "headers": "{}",
    "body": b"\x00\xff",
    "changed": "{}",
    "source": "webhook",
    "applied": True,
}
ROWS = [{**NEW, "number": n, "key": f"k{n}", "applied": n != 2} for n in (1, 2, 3)]
INSERT = Prepared(insert(DELIVERIES))
BY_KEYS = select(*DELIVERIES.c).where(
    DELIVERIES.c.account == bindparam("account"), in_list(DELIVERIES.c.key, "keys"), DELIVERIES.c.number > 0
)
KEYS = {"account": "office", "keys": {"k1", "k2", 'it\'s "k"'}}


@pytest.fixture
def connection(ledger_url: str) -> Iterator[Connection]:
    with closing(Database(ledger_url)) as database, database.committing() as opened:
        yield opened


def test_it_returns_the_rows_that_sqlalchemy_returns(connection: Connection) -> None:
    INSERT.run(connection, ROWS[:1])
    INSERT.run(connection, ROWS[1:])
    rows = Prepared(BY_KEYS).rows(connection, KEYS)
    assert sorted(rows) == sorted(tuple(row) for row in connection.execute(BY_KEYS, KEYS))
    assert {(row[1], bytes(row[7]), row[10]) for row in rows} == {
        (1, b"\x00\xff", True),
        (2, b"\x00\xff", False),
    }
    of_key = DELIVERIES.c.account == bindparam("_account"), DELIVERIES.c.key == bindparam("_key")
    Prepared(delete(DELIVERIES).where(*of_key)).run(connection, [{"_account": "office", "_key": "k1"}])
    assert [row[1] for row in Prepared(BY_KEYS).rows(connection, KEYS)] == [2]


def test_who_listens_to_an_engine_sees_each_statement(connection: Connection) -> None:
    seen: list[tuple[str, bool]] = []

    def look(_c: object, _u: object, text: str, _p: object, _x: object, many: bool) -> None:
        seen.append((text.partition(" ")[0], many))

    event.listen(Engine, "before_cursor_execute", look)
    try:
        INSERT.run(connection, ROWS[:1])
        INSERT.run(connection, ROWS[1:])
        Prepared(BY_KEYS).rows(connection, KEYS)
    finally:
        event.remove(Engine, "before_cursor_execute", look)
    assert seen == [("INSERT", False), ("INSERT", True), ("SELECT", False)]


def test_an_error_of_the_driver_is_the_same_as_sqlalchemys(ledger_url: str) -> None:
    with closing(Database(ledger_url)) as database:
        with pytest.raises(IntegrityError) as raised, database.committing() as connection:
            INSERT.run(connection, [ROWS[0], ROWS[0]])
        assert "parameters hidden" in str(raised.value), "they are people's names"
        with database.committing() as connection:
            assert Prepared(BY_KEYS).rows(connection, KEYS) == []


def lose(database: Database, connection: Connection) -> None:
    """Insert by a connection that the database has ended."""
    driver: Any = connection.connection.dbapi_connection
    if not database.is_sqlite:
        driver.close()
    INSERT.run(connection, ROWS[:1])


def test_a_connection_that_is_lost_cuts_the_transaction_short_and_is_not_used_again(ledger_url: str) -> None:
    with closing(Database(ledger_url)) as database:
        with database.committing() as connection:
            if database.is_sqlite:
                connection.exec_driver_sql("PRAGMA query_only=ON")
        with pytest.raises(CutShort), database.committing() as connection:
            lose(database, connection)
        with database.committing() as connection:
            INSERT.run(connection, ROWS[:1])
