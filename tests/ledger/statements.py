"""The statements that a ledger sends to its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from sqlalchemy import Engine, event

Executed: TypeAlias = tuple[str, Any]
"""A statement, and the parameters of its first row."""


@contextmanager
def executed(*engines: Engine) -> Iterator[list[Executed]]:
    """The statements that run meanwhile."""
    statements: list[Executed] = []

    def _note(_c: object, _u: object, statement: str, parameters: Any, _x: object, many: bool) -> None:
        statements.append((statement, parameters[0] if many else parameters))

    for engine in engines:
        event.listen(engine, "before_cursor_execute", _note)
    try:
        yield statements
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", _note)


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The texts of the statements that run meanwhile; complete once the block is left."""
    texts: list[str] = []
    with executed(engine) as statements:
        yield texts
    texts.extend(text for text, _ in statements)
