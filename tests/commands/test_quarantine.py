"""`quarantine retry`, where a delivery still cannot be applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest

from service.commands import operations
from service.config import Config
from service.ledger.database.errors import Away
from service.ledger.upkeep.by_hand import quarantine
from service.ledger.write import log
from service.model import Decoded, Delivery, Rejection
from tests.adapters.posts import NOW
from tests.ledger.offices import OFFICE, FixedClock, Ledger

BODY = b'{"type":"deal.changed","timestamp":"2026-11-23T09:00:00Z","data":{"id":"42","amount":"5184.00"}}'
HELD = Decoded("k", rejections=(Rejection(0, "it could not be applied: OverflowError"),))


def raising(error: Exception) -> Callable[..., NoReturn]:
    def raises(*_arguments: object) -> NoReturn:
        raise error

    return raises


def test_a_delivery_that_still_cannot_be_applied_stays_until_it_can(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, config, clock = Ledger(ledger_url, NOW), Config(ledger_url, (OFFICE,)), FixedClock(NOW)
    ledger.deliver(Delivery("office", NOW, {}, BODY, HELD, applied=False))

    def held() -> int:
        with ledger.readers.begin() as connection:
            return log.quarantine_size(connection, "office")

    with monkeypatch.context() as broken:
        broken.setattr(quarantine, "reapply", raising(OverflowError("too large")))
        (rejection,) = operations.retry(config, OFFICE, 1, clock).rejections
        assert rejection.error == "it could not be applied: OverflowError"
        broken.setattr(quarantine, "reapply", raising(Away("no database")))
        with pytest.raises(Away):
            operations.retry(config, OFFICE, 1, clock)
    assert held() == 1
    assert list(operations.verify(config, OFFICE, lambda _: None).differences) == []
    assert operations.retry(config, OFFICE, 1, clock).rejections == ()
    assert held() == 0
    assert list(operations.verify(config, OFFICE, lambda _: None).differences) == []
    assert ledger.read().totals["no_next_step"] == {"deals": 1, "amount": 518_400}
    ledger.close()
