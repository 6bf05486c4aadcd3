"""A column's value among some texts, which a statement takes as one parameter.

Its text is the same for one as for ten thousand, so it is compiled once here and prepared once there; with a
parameter for each, both would be done anew for each number of them.
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


class _Among(FunctionElement[bool]):
    """Without a type: a Boolean would be written as `… = 1` for SQLite, and no index serves that."""

    inherit_cache = True
    name = "among"


def in_list(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """Whether a column has one of the texts that a statement is given as the parameter of this name."""
    return _Among(column, bindparam(parameter, type_=_Texts()))


@compiles(_Among, "sqlite")
def _sqlite(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    column, texts = (compiler.process(each, **how) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({texts}))"  # noqa: S608  # parts that were compiled


@compiles(_Among, "postgresql")
def _postgresql(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    column, texts = (compiler.process(each, **how) for each in element.clauses)
    return f"{column} = ANY({texts})"
