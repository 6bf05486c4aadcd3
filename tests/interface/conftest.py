from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import httpx
import pytest

from service.interface.operations import Operation
from tests.interface.office import Office, office

AssertDeclared: TypeAlias = Callable[[Operation, httpx.Response], None]


@pytest.fixture
async def opened(sqlite_ledgers: Callable[[], str]) -> AsyncIterator[Office]:
    async with office(sqlite_ledgers()) as running:
        yield running


@pytest.fixture
def assert_declared() -> AssertDeclared:
    """See `conformance`."""
    from tests.interface import conformance

    conformance.SCHEMA.validate()
    return conformance.assert_declared
