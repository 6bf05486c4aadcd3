"""A ledger of each kind that one test can restart many times."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from service.model import Instant
from tests.ledger.offices import Ledger


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    kind = "sqlite_ledgers" if request.param == "sqlite" else "postgres_ledgers"
    make: Callable[[], str] = request.getfixturevalue(kind)
    opened = Ledger(make(), Instant(0))
    yield opened
    opened.close()
