"""`column IN (:ids)` with all ids in one parameter: a JSON array on SQLite, an ARRAY on PostgreSQL.

The SQL text does not depend on the number of ids, so SQLAlchemy compiles it once and the server prepares it
once.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Dialect, Text, bindparam
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class _Texts(TypeDecorator[Collection[str]]):
    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(postgresql.ARRAY(Text) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Collection[str] | None, dialect: Dialect) -> object:
        texts = list(value or ())
        return texts if dialect.name == "postgresql" else msgspec.json.encode(texts).decode()


class _InList(FunctionElement[bool]):
    """Has no type, because SQLite gets a Boolean as `… = 1`, and no index serves that."""

    inherit_cache = True
    name = "in_list"


def in_list(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """The condition that a column has one of the texts in the parameter of this name."""
    return _InList(column, bindparam(parameter, type_=_Texts()))


@compiles(_InList, "sqlite")
def _sqlite(element: _InList, compiler: SQLCompiler, **how: Any) -> str:
    column, texts = (compiler.process(clause, **how) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({texts}))"  # noqa: S608  # parts that were compiled


@compiles(_InList, "postgresql")
def _postgresql(element: _InList, compiler: SQLCompiler, **how: Any) -> str:
    column, texts = (compiler.process(clause, **how) for clause in element.clauses)
    return f"{column} = ANY({texts})"
