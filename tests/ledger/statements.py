"""What a ledger says to its database."""

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
    found: list[Executed] = []

    def _note(_c: object, _u: object, statement: str, parameters: Any, _x: object, many: bool) -> None:
        found.append((statement, parameters[0] if many else parameters))

    for engine in engines:
        event.listen(engine, "before_cursor_execute", _note)
    try:
        yield found
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", _note)


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The texts of the statements that ran meanwhile; there once it is over."""
    found: list[str] = []
    with executed(engine) as statements:
        yield found
    found.extend(text for text, _ in statements)
