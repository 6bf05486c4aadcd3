"""Both drivers of SQLite are the same to the service: `pysqlite3`, and APSW behind the terms of DB-API. The
service itself runs on APSW, where there is no other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pysqlite3
import pytest

from service.ledger.database.engine import SAFE_SQLITE
from service.ledger.database.sqlite import apsw_driver, driver
from tests.e2e.running import iso, running, soon

DRIVERS: Final = {"pysqlite3": pysqlite3, "apsw": apsw_driver}
WITHOUT: Final = "import sys; sys.modules['pysqlite3'] = None; "
"""A Python for which there is no wheel of `pysqlite3`."""

ON_APSW: Final = (
    f"{WITHOUT}from service.commands.cli import main; main(prog_name='lossboard');"  # and what follows -c
)


VALUES: Final = (2**63 - 1, 1.5, b"\0\xff", None)
ROOMS: Final = "CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK (name <> '')) STRICT"
COUNT: Final = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) SELECT * FROM n"


@pytest.fixture(params=list(DRIVERS))
def dbapi(request: pytest.FixtureRequest) -> Any:
    return DRIVERS[request.param]


@pytest.fixture
def connection(dbapi: Any, tmp_path: Path) -> Iterator[Any]:
    with closing(dbapi.connect(str(tmp_path / "own.db"), isolation_level=None)) as opened:
        opened.execute(ROOMS)
        opened.execute("INSERT INTO rooms VALUES (1, 'hall'), (2, 'cellar')")
        yield opened


def test_a_driver_is_new_enough(dbapi: Any) -> None:
    assert dbapi.sqlite_version_info >= SAFE_SQLITE
    assert dbapi.paramstyle == "qmark"


@pytest.mark.parametrize(
    ("statement", "columns", "rows", "changed"),
    [
        ("SELECT id, name FROM rooms ORDER BY id", ["id", "name"], [(1, "hall"), (2, "cellar")], 0),
        ("SELECT name FROM rooms WHERE id = 7", ["name"], [], 0),
        ("INSERT INTO rooms VALUES (3, 'attic')", None, [], 1),
        ("UPDATE rooms SET name = 'loft'", None, [], 2),
        ("DELETE FROM rooms WHERE id = 9", None, [], 0),
        ("PRAGMA foreign_keys=ON", None, [], 0),
        ("SELECT 9223372036854775807 AS a, 1.5 AS b, x'00ff' AS c, NULL AS d", [*"abcd"], [VALUES], 0),
    ],
)
def test_a_statement_gives_its_columns_its_rows_and_what_it_changed(
    connection: Any, statement: str, columns: list[str] | None, rows: list[tuple[Any, ...]], changed: int
) -> None:
    cursor = connection.cursor().execute(statement)
    assert (cursor.description and [column[0] for column in cursor.description]) == columns
    assert max(0, cursor.rowcount) == changed
    assert cursor.fetchall() == rows
    assert cursor.fetchone() is None


def test_what_was_inserted_is_returned(connection: Any) -> None:
    insert = "INSERT INTO rooms VALUES (?, 'attic') ON CONFLICT DO NOTHING RETURNING id"
    assert connection.execute(insert, (3,)).fetchall() == [(3,)]
    cursor = connection.execute(insert, (3,))
    assert [column[0] for column in cursor.description] == ["id"]
    assert cursor.fetchall() == []


def test_rows_are_fetched_one_by_one_and_in_parts(connection: Any) -> None:
    select = "SELECT id FROM rooms UNION SELECT 5 ORDER BY 1"
    assert list(connection.execute(select)) == [(1,), (2,), (5,)]
    cursor = connection.execute(select)
    assert cursor.fetchmany(2) == [(1,), (2,)]
    assert cursor.fetchone() == (5,)
    assert cursor.fetchmany(2) == []


def test_many_parameters_count_together(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO rooms VALUES (?, ?)", [(number, "shed") for number in (4, 5, 6)])
    assert (cursor.rowcount, cursor.description) == (3, None)


FAILURES: Final[dict[str, tuple[str, int, Callable[[Any], object]]]] = {
    "a key that is there": ("IntegrityError", 19, lambda it: it.execute("INSERT INTO rooms VALUES (1, 'x')")),
    "a check": ("IntegrityError", 19, lambda it: it.execute("INSERT INTO rooms VALUES (9, '')")),
    "a null": ("IntegrityError", 19, lambda it: it.execute("INSERT INTO rooms VALUES (9, NULL)")),
    "a type": ("IntegrityError", 19, lambda it: it.execute("INSERT INTO rooms VALUES (9, x'00')")),
    "a syntax": ("OperationalError", 1, lambda it: it.execute("SELEC 1")),
    "no table": ("OperationalError", 1, lambda it: it.execute("SELECT 1 FROM nowhere")),
    "too few values": ("ProgrammingError", 0, lambda it: it.execute("SELECT ?, ?", (1,))),
    "no writing": ("OperationalError", 8, lambda it: _read_only(it)),
    "a full disk": ("OperationalError", 13, lambda it: _fill(it)),
}


def _read_only(connection: Any) -> None:
    connection.execute("PRAGMA query_only=ON")
    connection.execute("INSERT INTO rooms VALUES (9, 'x')")


def _fill(connection: Any) -> None:
    connection.execute("PRAGMA max_page_count=2")
    connection.execute("INSERT INTO rooms VALUES (9, ?)", ("x" * 20_000,))


@pytest.mark.parametrize("failure", list(FAILURES))
def test_errors_have_their_kinds_and_codes(connection: Any, dbapi: Any, failure: str) -> None:
    kind, code, fail = FAILURES[failure]
    with pytest.raises(dbapi.Error) as caught:
        fail(connection)
    assert type(caught.value).__name__ == kind
    assert (getattr(caught.value, "sqlite_errorcode", None) or 0) & 0xFF == code


def test_a_lock_of_another_connection_is_busy(connection: Any, dbapi: Any, tmp_path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    with (
        closing(dbapi.connect(str(tmp_path / "own.db"), isolation_level=None, timeout=0)) as other,
        pytest.raises(dbapi.OperationalError, match="locked") as caught,
    ):
        other.execute("BEGIN IMMEDIATE")
    assert caught.value.sqlite_errorcode == 5


def test_what_is_no_database_or_not_there_says_so(dbapi: Any, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_bytes(b"no database " * 100)
    with (
        closing(dbapi.connect(str(tmp_path / "text.db"), isolation_level=None)) as opened,
        pytest.raises(dbapi.DatabaseError) as caught,
    ):
        opened.execute("SELECT * FROM sqlite_schema").fetchall()
    assert caught.value.sqlite_errorcode == 26
    with pytest.raises(dbapi.OperationalError, match="unable to open"):
        dbapi.connect(f"file:{tmp_path}/nowhere.db?mode=ro", uri=True)


def test_a_connection_that_is_closed_is_known_by_sqlalchemy_s_words(dbapi: Any) -> None:
    opened = dbapi.connect(":memory:", isolation_level=None)
    opened.close()
    with pytest.raises(dbapi.ProgrammingError, match=r"Cannot operate on a closed database\."):
        opened.cursor()


def test_a_transaction_ends_as_asked_and_none_begins_by_itself(connection: Any) -> None:
    connection.execute("BEGIN")
    connection.execute("DELETE FROM rooms")
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM rooms").fetchone() == (2,)
    connection.execute("DELETE FROM rooms")
    connection.rollback()
    connection.commit()
    assert connection.execute("SELECT count(*) FROM rooms").fetchone() == (0,)


def test_a_statement_ends_with_its_last_row_or_its_cursor(connection: Any) -> None:
    connection.execute("BEGIN")
    insert = "INSERT INTO rooms VALUES (?, 'attic') RETURNING id"
    held = connection.execute(insert, (3,))
    assert held.fetchone() == (3,)  # its last row
    connection.execute("SELECT id FROM rooms")  # a cursor that nobody has
    connection.commit()
    assert held.fetchone() is None
    assert connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0


def test_progress_is_told_and_a_function_is_called(connection: Any) -> None:
    told: list[int] = []
    connection.set_progress_handler(lambda: told.append(1), 100)
    connection.execute(COUNT).fetchall()
    connection.create_function("twice", 1, lambda number: 2 * number, deterministic=True)
    assert connection.execute("SELECT twice(21)").fetchone() == (42,)
    assert told != []


def test_the_wheel_of_this_platform_is_the_first_choice() -> None:
    assert driver is pysqlite3
    chosen = f"{WITHOUT}from service.ledger.database.sqlite import driver; print(driver.__name__)"
    assert _python(chosen).stdout.strip() == apsw_driver.__name__
    neither = f"{WITHOUT}sys.modules['apsw'] = None; import service.ledger.database.sqlite"
    assert "there is no driver of SQLite: install pysqlite3 or apsw" in _python(neither).stderr


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_service_runs_on_apsw(tmp_path: Path) -> None:
    with running(tmp_path, program=(sys.executable, "-c", ON_APSW)) as service:
        service.deal("1", name="Абонемент", amount="5184.00", client={"id": "7", "name": "Иван Петров"})
        service.task("t1", deal_id="1", text="позвонить", due_at=iso(soon(-60)), completed=False)
        assert service.snapshot()["at_risk"]["amount"] == "5184.00"
        assert service.stop() == 0
