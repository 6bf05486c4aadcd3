from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from tests.interface.office import Office, office


@pytest.fixture
async def opened(sqlite_ledgers: Callable[[], str]) -> AsyncIterator[Office]:
    async with office(sqlite_ledgers()) as running:
        yield running
