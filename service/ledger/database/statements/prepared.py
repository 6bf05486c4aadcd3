"""Statements of the hot path: written as SQLAlchemy Core, compiled once, run on the driver's cursor.

`Connection.execute` costs more than most statements on the way of a webhook. What it does for a transaction
is kept: listeners see each statement, and an error of the driver has the same consequences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import ClauseElement, Connection, Dialect, Select

Parameters: TypeAlias = Mapping[str, Any]

AT_ONCE: Final = 2_000
"""Rows of a long result that are in memory at a time."""

_Processor: TypeAlias = Callable[[Any], Any]


class _Compiled(NamedTuple):
    """A statement as a driver takes it.

    Args:
        names: The parameters in the order of their places; None where they are named.
        constants: The parameters that the statement itself gives.
        binds: What turns some parameters into the driver's values.
        results: What turns the driver's values into those of some columns, by their places.
        placed: What puts a row of values, in the order of `Prepared`, as the driver takes it.
    """

    text: str
    names: tuple[str, ...] | None
    constants: Parameters
    binds: Mapping[str, _Processor]
    results: Sequence[tuple[int, _Processor]]
    placed: Callable[[Sequence[Any]], Any]

    def arguments(self, parameters: Parameters) -> Any:
        """The parameters as the driver takes them."""
        if self.constants or self.binds:
            parameters = given = {**self.constants, **parameters}
            for name, bind in self.binds.items():
                given[name] = bind(given[name])
        return parameters if self.names is None else tuple(map(parameters.__getitem__, self.names))


class Prepared:
    """A statement that is compiled once for each database.

    Args:
        statement: An INSERT without values takes all columns of its table.
        order: The parameters in the order of the values that `run_rows` takes.
    """

    def __init__(self, statement: ClauseElement, order: Sequence[str] = ()) -> None:
        self._statement: Final = statement
        self._order: Final = order
        self._compiled: Final[dict[str, _Compiled]] = {}

    def rows(self, connection: Connection, parameters: Parameters) -> list[tuple[Any, ...]]:
        """Run it once; returns its rows."""
        compiled = self._for(connection.dialect)
        return self._run(connection, compiled, compiled.arguments(parameters))

    def pages(self, connection: Connection, parameters: Parameters) -> Iterator[list[tuple[Any, ...]]]:
        """Run it once; yields its rows, up to `AT_ONCE` at a time. PostgreSQL keeps the others meanwhile, so
        a connection gives the pages of one statement before it runs the next such one."""
        compiled = self._for(connection.dialect)
        arguments = compiled.arguments(parameters)
        driver: Any = connection.connection.dbapi_connection
        cursor = driver.cursor(*(("pages",) if connection.dialect.name == "postgresql" else ()))
        try:
            _tell(connection, cursor, compiled.text, arguments)
            cursor.execute(compiled.text, arguments)
            while rows := cursor.fetchmany(AT_ONCE):
                yield _all_processed(rows, compiled.results)
        except Exception as error:
            connection._handle_dbapi_exception(error, compiled.text, arguments, cursor, None)  # noqa: SLF001
        finally:
            cursor.close()

    def run(self, connection: Connection, parameters: Sequence[Parameters]) -> None:
        """Run it for each of some parameters."""
        compiled = self._for(connection.dialect)
        if len(parameters) == 1:
            self._run(connection, compiled, compiled.arguments(parameters[0]), fetch=False)
        else:
            many = [compiled.arguments(one) for one in parameters]
            self._run(connection, compiled, many, fetch=False, many=True)

    def run_rows(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Run it for each of some rows of values that every driver takes as they are."""
        compiled = self._for(connection.dialect)
        if len(rows) == 1:
            self._run(connection, compiled, compiled.placed(rows[0]), fetch=False)
        else:
            self._run(connection, compiled, [*map(compiled.placed, rows)], fetch=False, many=True)

    def _run(
        self,
        connection: Connection,
        compiled: _Compiled,
        arguments: Any,
        *,
        fetch: bool = True,
        many: bool = False,
    ) -> list[tuple[Any, ...]]:
        driver: Any = connection.connection.dbapi_connection  # the pool's proxy of it costs more than a row
        cursor, text = driver.cursor(), compiled.text
        _tell(connection, cursor, text, arguments, many=many)
        try:
            (cursor.executemany if many else cursor.execute)(text, arguments)
            rows: list[tuple[Any, ...]] = cursor.fetchall() if fetch else []
        except Exception as error:
            # It wraps the error, and lets go of connections that are lost. There is no public way to it.
            connection._handle_dbapi_exception(error, text, arguments, cursor, None)  # noqa: SLF001
        cursor.close()
        return _all_processed(rows, compiled.results)

    def _for(self, dialect: Dialect) -> _Compiled:
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _compile(self._statement, self._order, dialect)
        return compiled


def _compile(statement: ClauseElement, order: Sequence[str], dialect: Dialect) -> _Compiled:
    compiled: Any = statement.compile(dialect=dialect)
    types = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
    binds = {name: type_.bind_processor(dialect) for name, type_ in types.items()}
    results: list[_Processor | None] = []
    if isinstance(statement, Select):
        columns = [column.type.dialect_impl(dialect) for column in statement.selected_columns]
        results = [type_.result_processor(dialect, None) for type_ in columns]
    names = tuple(compiled.positiontup) if compiled.positional else None
    placed: Callable[[Sequence[Any]], Any] = partial(_named, order)
    if names is not None and order:
        placed = tuple if names == tuple(order) else itemgetter(*map(order.index, names))
    return _Compiled(
        str(compiled),
        names,
        {name: bind.value for name, bind in compiled.binds.items() if bind.value is not None},
        {name: bind for name, bind in binds.items() if bind is not None},
        [(place, process) for place, process in enumerate(results) if process is not None],
        placed,
    )


def _named(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(names, row, strict=True))


def _tell(connection: Connection, cursor: Any, statement: str, arguments: Any, *, many: bool = False) -> None:
    """Tell listeners of a statement, as `Connection.execute` does."""
    for listener in connection.engine.dispatch.before_cursor_execute:
        listener(connection, cursor, statement, arguments, None, many)


def _all_processed(
    rows: list[tuple[Any, ...]], processors: Sequence[tuple[int, _Processor]]
) -> list[tuple[Any, ...]]:
    if not processors:
        return rows
    processed = []
    for row in rows:
        values = [*row]
        for place, process in processors:
            values[place] = process(values[place])
        processed.append(tuple(values))
    return processed
