"""Requests refused as not authentic: told in bounded writes, and forgotten an hour after the last."""

from __future__ import annotations

import pytest

from service.ledger.database.errors import Away
from service.ledger.upkeep.refused import KEPT, RefusedRequests
from service.ledger.write import troubles
from service.model import SECOND, Instant, Trouble, later
from tests.histories import at
from tests.ledger.offices import Ledger
from tests.ledger.statements import executed

NOW = at("2026-11-23T10:00:00+03:00")


def refused(ledger: Ledger) -> RefusedRequests:
    return RefusedRequests(ledger.database, ["office"], ledger.clock)


def told(ledger: Ledger) -> tuple[Trouble, ...]:
    with ledger.readers.begin() as connection:
        return troubles.read(connection, "office")


def trouble(cause: str, count: int, since: Instant = NOW, last_at: Instant = NOW) -> Trouble:
    return Trouble("requests_refused", cause, count, since, last_at)


async def test_refusals_are_counted_by_cause_and_stored_together(ledger: Ledger) -> None:
    requests = refused(ledger)
    for cause in ("token", "signature", "token", "token"):
        requests.note("office", cause)
    before = ledger.head.seq
    await requests.store()
    assert told(ledger) == (trouble("signature", 1), trouble("token", 3))
    assert ledger.head.seq > before
    ledger.clock.moment = later(NOW, 60 * SECOND)
    requests.note("office", "token")
    await requests.store()
    assert told(ledger)[1] == trouble("token", 4, last_at=later(NOW, 60 * SECOND))


async def test_what_a_stranger_posts_costs_one_transaction_and_then_nothing(ledger: Ledger) -> None:
    requests = refused(ledger)
    await requests.store()
    with executed(ledger.database._writers) as statements:
        await requests.store()
        assert statements == []
        for _ in range(10_000):
            requests.note("office", "token")
        await requests.store()
        once = len(statements)
        await requests.store()
        assert 0 < len(statements) == once < 12
    assert told(ledger)[0].count == 10_000


async def test_an_hour_after_the_last_one_it_goes_even_if_another_process_told_it(ledger: Ledger) -> None:
    requests = refused(ledger)
    requests.note("office", "token")
    await requests.store()
    ledger.clock.moment = later(NOW, KEPT)
    requests.note("office", "stale")
    await requests.store()
    await refused(ledger).store()
    assert [one.subject for one in told(ledger)] == ["stale", "token"]
    ledger.clock.moment = later(NOW, KEPT + 1)
    await refused(ledger).store()
    assert [one.subject for one in told(ledger)] == ["stale"]
    ledger.clock.moment = later(NOW, 2 * KEPT + 1)
    await requests.store()
    assert told(ledger) == ()


async def test_what_cannot_be_stored_stays_counted(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_work: object) -> None:
        raise Away("away")

    requests = refused(ledger)
    requests.note("office", "token")
    with monkeypatch.context() as patched:
        patched.setattr(ledger.database, "write", away)
        with pytest.raises(Away):
            await requests.store()
    requests.note("office", "token")
    await requests.store()
    assert told(ledger) == (trouble("token", 2),)
