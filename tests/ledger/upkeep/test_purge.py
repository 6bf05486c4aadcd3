"""An account that is purged leaves no row; the others, and a board that is open, go on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from service.ledger.database.tables import METADATA
from service.ledger.upkeep import purge as purge_module
from service.ledger.upkeep.purge import purge
from service.ledger.write import heads, needs, troubles
from service.ledger.write.apply import apply
from service.model import Change, Decoded, Delivery, Need, Rejection
from tests.histories import HOUR, at
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T12:00:00+03:00")
OTHER = replace(OFFICE, id="other")


def rows(ledger: Ledger, account_id: str) -> dict[str, int]:
    """How many rows an account has in each table."""
    with ledger.readers.begin() as connection:
        counts = {
            name: connection.execute(
                select(func.count()).select_from(table).where(table.c.account == account_id)
            ).scalar_one()
            for name, table in METADATA.tables.items()
        }
    return {name: count for name, count in counts.items() if count}


@pytest.fixture(autouse=True)
def _two_offices(ledger: Ledger) -> None:
    changes = (
        Change("deal", "1", NOW, {"known": True, "client_id": "7", "amount": 5, "name": "Петров"}),
        Change("task", "t", NOW, {"deal_id": "1", "due_at": NOW - HOUR, "text": "позвонить"}),
        Change("client", "7", NOW, {"name": "Петров"}),
    )
    with ledger.engine.begin() as connection:
        heads.ensure(connection, OTHER, NOW)
        for account in (OFFICE, OTHER):
            for number in range(5):
                decoded = Decoded(f"k{number}", changes, (Rejection(0, "strange"),) if number == 4 else ())
                apply(connection, account, [Delivery(account.id, NOW, {}, b"raw", decoded)], NOW)
            needs.note(connection, account.id, {Need("deal", "9"): 1}, NOW)
            troubles.tell(connection, account.id, "api_token", "deals", NOW)


def test_an_account_that_is_gone_leaves_no_row(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge_module, "AT_ONCE", 2)
    before, steps = rows(ledger, "office"), list[int]()
    assert purge(ledger.database, "other", served=False, progress=steps.append) == 5
    assert steps == [2, 2, 1]
    assert rows(ledger, "other") == {}
    assert rows(ledger, "office") == before
    assert ledger.differences() == []


def test_an_account_that_is_served_goes_on_empty(ledger: Ledger) -> None:
    before = ledger.read()
    assert purge(ledger.database, "office", served=True, progress=lambda _: None) == 5
    assert rows(ledger, "office") == {"heads": 1, "invalidations": 1}
    after = ledger.read(since=before)
    assert (after.seq, after.clients, after.heard, after.quarantined) == (before.seq + 1, {}, False, 0)
    ledger.say(Change("deal", "1", NOW, {"known": True, "client_id": "7", "amount": 5}))
    assert ledger.differences() == []


def test_an_account_that_there_is_not_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(LookupError, match="nothing of an account gone"):
        purge(ledger.database, "gone", served=False, progress=lambda _: None)
