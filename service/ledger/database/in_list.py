"""`column IN (:ids)` with all ids in one parameter, a JSON array; and `(account, column) IN (:pairs)`.

The SQL text does not depend on the number of ids, so SQLAlchemy compiles it once and the server prepares it
once. PostgreSQL gets JSON, too, because its driver takes ten times as long to send an ARRAY.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Dialect, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

_ENCODER: Final = msgspec.json.Encoder()


class _Array(TypeDecorator[Collection[Any]]):
    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> str:  # noqa: ARG002
        return _ENCODER.encode(list(value or ())).decode()


class _InList(FunctionElement[bool]):
    """Has no type, because SQLite gets a Boolean as `… = 1`, and no index serves that."""

    inherit_cache = True
    name = "in_list"


class _InPairs(FunctionElement[bool]):
    """As `_InList`."""

    inherit_cache = True
    name = "in_pairs"


def in_list(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """The condition that a column has one of the texts in the parameter of this name."""
    return _InList(column, bindparam(parameter, type_=_Array()))


def in_pairs(account: ColumnElement[Any], column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """The condition that an account and a column have one of the pairs of texts in the parameter of this
    name."""
    return _InPairs(account, column, bindparam(parameter, type_=_Array()))


def _parts(element: FunctionElement[bool], compiler: SQLCompiler, how: Any) -> list[str]:
    return [compiler.process(clause, **how) for clause in element.clauses]


@compiles(_InList, "sqlite")
def _list_on_sqlite(element: _InList, compiler: SQLCompiler, **how: Any) -> str:
    column, texts = _parts(element, compiler, how)
    return f"{column} IN (SELECT value FROM json_each({texts}))"  # noqa: S608  # parts that were compiled


@compiles(_InList, "postgresql")
def _list_on_postgresql(element: _InList, compiler: SQLCompiler, **how: Any) -> str:
    column, texts = _parts(element, compiler, how)
    return f"{column} = ANY(ARRAY(SELECT json_array_elements_text(CAST({texts} AS JSON))))"


@compiles(_InPairs, "sqlite")
def _pairs_on_sqlite(element: _InPairs, compiler: SQLCompiler, **how: Any) -> str:
    account, column, pairs = _parts(element, compiler, how)
    return f"({account}, {column}) IN (SELECT value ->> 0, value ->> 1 FROM json_each({pairs}))"  # noqa: S608


@compiles(_InPairs, "postgresql")
def _pairs_on_postgresql(element: _InPairs, compiler: SQLCompiler, **how: Any) -> str:
    account, column, pairs = _parts(element, compiler, how)
    listed = f"SELECT p ->> 0, p ->> 1 FROM json_array_elements(CAST({pairs} AS JSON)) AS p"  # noqa: S608
    return f"({account}, {column}) IN ({listed})"
