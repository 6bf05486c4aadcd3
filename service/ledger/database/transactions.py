"""Small reads and writes beside the writer's batches, for those who wait on the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine

from service.ledger.database.engine import or_unavailable
from service.ledger.database.threads import in_time

T = TypeVar("T")


class Transactions:
    """Runs each in a thread of its own.

    Args:
        readers: Opened with the role `reader`.
        writers: Opened with the role `writer`.
    """

    def __init__(self, readers: Engine, writers: Engine) -> None:
        self._readers = readers
        self._writers = writers

    async def read(self, what: Callable[[Connection], T]) -> T:
        """What a read gives. Raises `Unavailable` when the database is away."""
        return await in_time(lambda: _run(self._readers, what))

    async def write(self, what: Callable[[Connection], T]) -> T:
        """What a transaction gives, once it is committed. Raises `Unavailable` when the database is away."""
        return await in_time(lambda: _run(self._writers, what))


def _run(engine: Engine, what: Callable[[Connection], T]) -> T:
    with or_unavailable(), engine.begin() as connection:
        return what(connection)
