"""A connected office for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from tests.sync.connected import Connected
from tests.sync.small_office import small_office


@pytest.fixture
def deals() -> int:
    """The number of open deals that the office has at the start."""
    return 3


@pytest.fixture
async def service(sqlite_ledgers: Callable[[], str], deals: int) -> AsyncIterator[Connected]:
    async with small_office(sqlite_ledgers, deals) as office:
        yield office
