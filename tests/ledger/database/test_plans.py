"""No statement of a delivery, of a board's next read or of a tick goes through more of an account than it
asks for: SQLite is asked for its plans."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from service.ledger.database.tables import METADATA
from service.ledger.read.board import Selection
from service.ledger.write import heads
from service.model import DAY, Change, Day, Instant, Value
from tests.histories import HOUR, at
from tests.ledger.offices import OFFICE, Ledger
from tests.ledger.statements import Executed, executed

NOW = at("2026-11-23T12:00:00+03:00")

SHORT = {"manager_stakes", "managers", "pipelines", "saved_clients", "troubles", "unconverted"}
"""Tables that have a few rows for an account however many deals it has (`saved_clients`: today's)."""

ONE_ROW = {name for name, table in METADATA.tables.items() if len(table.primary_key.columns) == 1}

STEP = re.compile(rf"(SEARCH|SCAN) ({'|'.join(METADATA.tables)})\b.*?(?:\((.*)\).*)?$")


def long_ways(engine: Engine, statements: list[Executed]) -> Iterator[str]:
    """The steps of some statements that go through more than they are asked for."""
    with engine.connect() as connection:
        for statement, parameters in statements:
            if statement.startswith(("SELECT", "UPDATE", "DELETE")):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                steps = [str(step) for *_, step in plan]
                sorts = any("TEMP B-TREE" in step for step in steps)
                few = "min(" in statement or (" LIMIT " in statement and not sorts)
                yield from (f"{step}: {statement}" for step in steps if _is_long(step, statement, few))


def _is_long(step: str, statement: str, few: bool) -> bool:
    """Whether a step reads more than it must. `EXISTS` reads one row.

    Args:
        few: The statement ends after the first rows of an index.
    """
    parts = STEP.match(step)
    if parts is None or parts[2] in SHORT | ONE_ROW or f"EXISTS (SELECT * \nFROM {parts[2]} " in statement:
        return False
    terms = (parts[3] or "").split(" AND ")
    ranges = [term for term in terms if "<" in term or ">" in term]
    if len(ranges) == 1 and not few:  # from somewhere to the end
        return True
    return terms in ([""], ["account=?"])


@pytest.fixture
def sqlite(sqlite_ledgers: Callable[[], str]) -> Iterator[Ledger]:
    opened = Ledger(sqlite_ledgers(), NOW)
    yield opened
    opened.close()


def test_no_statement_takes_a_long_way(sqlite: Ledger) -> None:
    selections = [Selection(Day(1), Day(10**6)), Selection(Day(1), Day(10**6), "m")]
    known: dict[str, Value] = {
        "known": True,
        "amount": 100,
        "client_id": "c",
        "manager_id": "m",
        "reason_id": "r",
    }
    due: dict[str, Value] = {"due_at": NOW - HOUR, "manager_id": "m"}
    sqlite.say(
        Change("deal", "d", NOW, {**known, "status": "open"}),
        Change("task", "t", NOW, {**due, "deal_id": "d"}),
        Change("task", "own", NOW, {**due, "client_id": "c"}),
    )
    shown = sqlite.read(selections)
    assert shown.totals["at_risk"]["clients"] == 1
    with executed(sqlite.engine, sqlite.readers) as statements:
        sqlite.say(
            Change("deal", "d", Instant(NOW + 1), {**known, "status": "lost"}),
            Change("task", "t", Instant(NOW + 1), {"completed": True}),
            Change("task", "own", Instant(NOW + 1), {"completed": True}),
            Change("client", "c", Instant(NOW + 1), {"name": "Client"}),
            Change("deal", "e", Instant(NOW + 1), deleted=True),
        )
        later = sqlite.read(selections, shown)
        sqlite.tick(Instant(NOW + DAY))
        with sqlite.readers.begin() as connection:
            heads.due_accounts(connection, [OFFICE.id], Instant(NOW + DAY))
            heads.bounds(connection, [OFFICE.id])
    assert later.closed == {"t", "own"}
    assert len({statement for statement, _ in statements}) > 25
    assert list(long_ways(sqlite.engine, statements)) == []


def test_every_index_has_its_statistics(sqlite: Ledger) -> None:
    with sqlite.engine.connect() as connection:
        stored = set(
            connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'index'").scalars()
        )
        named = {
            index if index in stored else table
            for table in METADATA.tables
            for _, index, *_ in connection.exec_driver_sql(f"PRAGMA index_list({table})")
        }
        indexes = connection.exec_driver_sql("SELECT idx FROM sqlite_stat1").scalars().all()
    assert sorted(indexes) == sorted(named)


def test_a_long_way_is_found(sqlite: Ledger) -> None:
    with executed(sqlite.readers) as statements, sqlite.readers.begin() as connection:
        for condition in (
            "",
            " WHERE account = 'a'",
            " WHERE account = 'a' AND done_at > 0 AND 1 = (id = 'x')",
            " WHERE account = 'a' AND open_due_at > 0 ORDER BY text LIMIT 5",
        ):
            connection.exec_driver_sql(f"SELECT * FROM tasks{condition}")
        connection.exec_driver_sql("SELECT * FROM tasks WHERE account = 'a' AND id = 'x'")
    assert len(list(long_ways(sqlite.engine, statements))) == 4
