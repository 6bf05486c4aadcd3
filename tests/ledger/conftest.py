"""A ledger on each kind of database, closed after the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.model import Instant
from tests.ledger.offices import Ledger


@pytest.fixture
def ledger(ledger_url: str, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Begins at the test module's NOW."""
    now: Instant = request.module.NOW
    opened = Ledger(ledger_url, now)
    yield opened
    opened.close()
