"""One order of texts on every database: that of their code points, as Python's strings have it.

It is SQLite's own. PostgreSQL sorts by the language of the database unless a statement says otherwise.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _CodePoints(FunctionElement[str]):
    """A text that rows are sorted by."""

    inherit_cache = True


@compiles(_CodePoints)
def _as_it_is(element: _CodePoints, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(_CodePoints, "postgresql")
def _collated(element: _CodePoints, compiler: Any, **options: Any) -> str:
    return f'{compiler.process(element.clauses, **options)} COLLATE "C"'


def code_points(column: Column[Any]) -> ColumnElement[Any]:
    """What to sort by so that a column's rows come in that order; a number is what it is."""
    return _CodePoints(column) if isinstance(column.type, Text) else column
