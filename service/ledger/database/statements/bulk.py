"""Statements for many rows at once: rows that are written, and rows of some accounts that are read.

SQLite's driver runs a statement once for each row. For PostgreSQL the rows travel as JSON in one parameter of
one statement, which costs a sixth of what its driver spends on a row (`docs/explanation/performance.md`).
Where the database is sharded by account, each statement is for one account: rows are written one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import (
    JSON,
    BindParameter,
    ClauseElement,
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    Text,
    bindparam,
    cast,
    column,
    delete,
    func,
    select,
    update,
)

from service.ledger.database.engine import SHARDED, Upsert, insert_into
from service.ledger.database.in_list import in_list, in_pairs
from service.ledger.database.statements.prepared import Prepared

Row: TypeAlias = tuple[Any, ...]
Given: TypeAlias = Mapping[str, ColumnElement[Any]]
"""What a statement takes for each column of a row."""

AT_ONCE: Final = 1_000
"""Rows in one parameter at most."""

_ENCODER: Final = msgspec.json.Encoder()


_Make: TypeAlias = Callable[[str, Given], ClauseElement]
"""Makes a statement for a dialect."""


class Bulk:
    """A statement that writes rows.

    Args:
        columns: What a row consists of, in this order.
    """

    def __init__(self, columns: Iterable[Column[Any]], make: _Make) -> None:
        self._columns: Final = tuple(columns)
        self._names: Final = tuple(column.name for column in self._columns)
        self._make: Final = make
        self._prepared: Final[dict[tuple[str, bool], Prepared]] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Run it for some rows; without any, it costs nothing."""
        if not rows:
            return
        dialect = connection.dialect.name
        many = dialect == "postgresql" and SHARDED not in connection.get_execution_options()
        prepared = self._prepared.get((dialect, many))
        if prepared is None:
            prepared = self._prepared[dialect, many] = self._prepare(dialect, many=many)
        if not many:
            prepared.run_rows(connection, rows)
            return
        for start in range(0, len(rows), AT_ONCE):
            named = [dict(zip(self._names, row, strict=True)) for row in rows[start : start + AT_ONCE]]
            prepared.run(connection, [{"rows": _ENCODER.encode(named).decode()}])

    def _prepare(self, dialect: str, *, many: bool) -> Prepared:
        if many:
            return Prepared(self._make(dialect, _recordset(self._columns)))
        given: Given = {name: bindparam(f"_{name}") for name in self._names}
        return Prepared(self._make(dialect, given), [f"_{name}" for name in self._names])


def _recordset(columns: Iterable[Column[Any]]) -> Given:
    """The columns of the rows in the parameter `rows` of a statement of PostgreSQL."""
    types = [column(one.name, Text if isinstance(one.type, LargeBinary) else one.type) for one in columns]
    rows = func.json_to_recordset(cast(bindparam("rows", type_=Text()), JSON)).table_valued(*types)
    named = rows.render_derived(name="rows", with_types=True)
    return {
        one.name: func.decode(named.c[one.name], "base64")
        if isinstance(one.type, LargeBinary)
        else named.c[one.name]
        for one in columns
    }


def inserting(table: Table, on_conflict: Callable[[Upsert], Upsert] = lambda statement: statement) -> Bulk:
    """Inserts rows of all columns of a table."""

    def make(dialect: str, given: Given) -> ClauseElement:
        statement = insert_into(dialect, table)
        if all(isinstance(one, BindParameter) for one in given.values()):
            return on_conflict(statement.values(given))
        return on_conflict(statement.from_select([*given], select(*given.values())))

    return Bulk(table.columns, make)


def updating(table: Table, columns: Iterable[Column[Any]]) -> Bulk:
    """Sets some columns of the rows that the primary key names. A row has all columns of the table, as one
    that is inserted has."""
    names, key = [one.name for one in columns], table.primary_key.columns

    def make(_dialect: str, given: Given) -> ClauseElement:
        the_row = (one == given[one.name] for one in key)
        return update(table).where(*the_row).values({table.c[name]: given[name] for name in names})

    return Bulk(table.columns, make)


def deleting(table: Table, *conditions: ColumnElement[bool]) -> Bulk:
    """Deletes the rows that the primary key names, and that the conditions hold for."""
    key = table.primary_key.columns

    def make(_dialect: str, given: Given) -> ClauseElement:
        return delete(table).where(*(one == given[one.name] for one in key), *conditions)

    return Bulk(key, make)


Wanted: TypeAlias = Mapping[str, Collection[str]]
"""Ids, or other texts, by account."""


Of: TypeAlias = Callable[[Column[Any], str], Sequence[ColumnElement[bool]]]
"""The conditions that a column has one of the texts in a parameter, for the account that wants them."""


class Lookup:
    """A SELECT of the rows that have some texts in a column, for one account or for several at once.

    Args:
        make: Makes the statement with these conditions.
    """

    def __init__(self, make: Callable[[Of], ClauseElement]) -> None:
        self._of_text: Final = Prepared(make(_of_one_text))
        self._of_one: Final = Prepared(make(_of_one_account))
        self._of_some: Final = Prepared(make(_of_some_accounts))

    def rows(self, connection: Connection, **wanted: Wanted) -> list[tuple[Any, ...]]:
        """The rows; without any account, it costs nothing. An account wants one text at least.

        Args:
            wanted: By parameter of the statement.
        """
        accounts = set[str]().union(*wanted.values())
        if len(accounts) > 1:
            pairs = {name: _pairs(one) for name, one in wanted.items()}
            return self._of_some.rows(connection, pairs)
        for account in accounts:
            texts = {name: one.get(account, ()) for name, one in wanted.items()}
            if max(map(len, texts.values())) == 1:  # as for a webhook alone; SQLite is slow to read an array
                only = {name: next(iter(some), None) for name, some in texts.items()}
                return self._of_text.rows(connection, {"account": account, **only})
            return self._of_one.rows(connection, {"account": account, **texts})
        return []


def _pairs(wanted: Wanted) -> list[tuple[str, str]]:
    return [(account, text) for account, texts in wanted.items() for text in texts]


def _of_one_text(of: Column[Any], parameter: str) -> Sequence[ColumnElement[bool]]:
    return of.table.c.account == bindparam("account"), of == bindparam(parameter)


def _of_one_account(of: Column[Any], parameter: str) -> Sequence[ColumnElement[bool]]:
    return of.table.c.account == bindparam("account"), in_list(of, parameter)


def _of_some_accounts(of: Column[Any], parameter: str) -> Sequence[ColumnElement[bool]]:
    return (in_pairs(of.table.c.account, of, parameter),)
