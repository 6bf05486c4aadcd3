"""Ledgers with many deals, made in seconds: state is written straight into its tables, and the service's own
recomputation makes the projections from it.

A few records are stored by the service's own code, so that their form is right, and SQL copies them with
other ids, amounts and moments. One deal in twenty belongs to a walk-in client (50 000 of a million) with an
overdue task of its own, and one manager has all tasks. The log stays empty.
"""

from __future__ import annotations

import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection, Table

from bench.office import ACCOUNT, HOUR, NOW
from service.ledger.database import schema
from service.ledger.database.engine import open_engine
from service.ledger.database.tables import STATE
from service.ledger.upkeep import recompute
from service.ledger.write import heads, state
from service.model import DAY, SECOND, Change, Entity, Value
from service.projections.merge import Record, merge

SHARE_OF_WALK_IN: Final = 0.05
HISTORY: Final = 300
"""Days over which the deals are spread."""

_COPIED: Final = "copied"
"""The account of the records that are copied."""

_TENTH: Final = "n * 40503 / 7 % 10"
_STATUS: Final = f"CASE WHEN {_TENTH} < 4 THEN 'open' WHEN {_TENTH} < 8 THEN 'lost' ELSE 'won' END"
"""Four deals of ten are open, four lost, two won, whatever else their numbers decide."""

_MOMENT: Final = f"({NOW - HISTORY * DAY} + n * 611953 % {HISTORY * DAY // SECOND} * {SECOND})"
"""A deal's version: anywhere in the history."""


class Filled(NamedTuple):
    """A ledger.

    Args:
        seconds: How long it took to fill the tables, and to recompute the projections.
    """

    url: str
    size: int
    seconds: tuple[float, float]

    @property
    def path(self) -> Path:
        """The database's file."""
        return Path(self.url.removeprefix("sqlite:///"))


_KEPT: Final[list[tempfile.TemporaryDirectory[str]]] = []
"""Folders that are removed when the process ends."""


def deal_id(number: int) -> str:
    """The id of a deal: as a CRM's, in the order of their numbers."""
    return f"d{number:08d}"


def task_id(number: int) -> str:
    """The id of the task on a deal; every tenth has one."""
    return f"t{number:08d}"


@cache
def filled(size: int) -> Filled:
    """A ledger with so many deals, on SQLite; one for each size in a run."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix="filled"))
    url = f"sqlite:///{_KEPT[-1].name}/{size}.db"
    schema.migrate(url)
    engine = open_engine(url, "writer")
    began = time.monotonic()
    with engine.begin() as connection:
        heads.ensure(connection, ACCOUNT, NOW)
        _fill(connection, size)
    stored = time.monotonic()
    with engine.begin() as connection:
        heads.store(connection, heads.prepared(connection, ACCOUNT.id)._replace(deliveries=1))
        recompute.rebuild(connection, ACCOUNT, NOW, lambda _: None)
    engine.dispose()
    return Filled(url, size, (stored - began, time.monotonic() - stored))


def _fill(connection: Connection, size: int) -> None:
    _store_copied(connection)
    walk_in = int(size * SHARE_OF_WALK_IN)
    _copy(
        connection,
        "deal",
        size,
        _STATUS,
        {
            "id": "printf('d%08d', n)",
            "name": "'Deal ' || n",
            "reason_id": "'r' || n % 8",
            "amount": "10000 + n % 1000000",
            "client_id": f"iif(n < {walk_in}, 'walk-in', printf('c%08d', n))",
            "manager_id": "'m' || n % 20",
            "lost_at": f"iif(copied.lost_at IS NULL, NULL, {_MOMENT})",
        },
    )
    _copy(connection, "client", size, "'client'", {"id": "printf('c%08d', n)", "name": "'Client ' || n"})
    due_at = f"iif(n % 100 = 0, {NOW - HOUR}, {NOW + 365 * DAY})"
    _copy(
        connection,
        "task",
        size // 10,
        "'task'",
        {
            "id": "printf('t%08d', n * 10)",
            "deal_id": "printf('d%08d', n * 10)",
            "due_at": due_at,
            "open_due_at": due_at,
        },
    )
    for table in STATE.values():
        connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE account = '{_COPIED}'")
    _store(connection, ACCOUNT.id, "task", {"walk-in": {**_TASK, "deal_id": None, "client_id": "walk-in"}})
    for entity, number in _NAMED.items():
        named: dict[str, dict[str, Value]] = {
            f"{entity[0]}{index}": {"name": f"{entity} {index}"} for index in range(number)
        }
        _store(connection, ACCOUNT.id, entity, named)


_DEAL: Final[dict[str, Value]] = {
    "known": True,
    "name": "",
    "reason_id": "",
    "amount": 0,
    "client_id": "",
    "manager_id": "",
    "pipeline_id": "p0",
}
_TASK: Final[dict[str, Value]] = {
    "deal_id": "",
    "due_at": NOW - HOUR,
    "manager_id": "m0",
    "text": "call",
}


_NAMED: Final[dict[Entity, int]] = {"manager": 20, "reason": 8, "pipeline": 1}


def _store_copied(connection: Connection) -> None:
    deals = {status: {**_DEAL, "status": status} for status in ("open", "lost", "won")}
    _store(connection, _COPIED, "deal", deals)
    _store(connection, _COPIED, "client", {"client": {"name": "", "phone": "+70000000000"}})
    _store(connection, _COPIED, "task", {"task": _TASK})


def _store(connection: Connection, account: str, entity: Entity, fields: dict[str, dict[str, Value]]) -> None:
    records = {entity_id: Record() for entity_id in fields}
    for entity_id, values in fields.items():
        merge(records[entity_id], Change(entity, entity_id, NOW, values), 1)
    state.save(connection, entity, [(account, records, {})])


def _copy(connection: Connection, entity: Entity, number: int, copied: str, values: dict[str, str]) -> None:
    """Insert a number of records like stored ones.

    Args:
        copied: The id of the stored record, in SQL; `n` is the number of the new one.
        values: In SQL, of the columns that differ.
    """
    table: Table = STATE[entity]
    values = {
        "account": f"'{ACCOUNT.id}'",
        "stamps": f"replace(copied.stamps, '{NOW}', {_MOMENT})",
        **values,
    }
    names = [column.name for column in table.columns]
    selected = ", ".join(values.get(name, f"copied.{name}") for name in names)
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({', '.join(names)}) "
        "WITH RECURSIVE numbers(n) AS (VALUES (0) "
        f"UNION ALL SELECT n + 1 FROM numbers WHERE n < {number - 1}) "
        f"SELECT {selected} FROM numbers CROSS JOIN {table.name} AS copied "
        f"WHERE copied.account = '{_COPIED}' AND copied.id = {copied}"
    )
