"""How the accounts stand, as the metrics show it: read from the database, so right after a restart too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import httpx
import pytest

from service.app import create_app
from service.clock import SystemClock
from service.config import Config, Secret
from service.ledger.database.errors import Away
from service.ledger.database.tables import NEEDS
from service.ledger.read.admin.standings import StandingReader
from service.ledger.write import troubles
from service.metrics.series import Standing
from service.model import SECOND, Decoded, Delivery, Instant, Rejection
from tests.histories import at
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T10:00:00+03:00")


def fill(ledger: Ledger) -> None:
    """A delivery that cannot be decoded, two needs and one trouble."""
    decoded = Decoded("key", rejections=(Rejection(0, "not a number"),))
    ledger.deliver(Delivery("office", NOW, {}, b"body", decoded))
    need = {"account": "office", "entity": "deal", "wanted_by": 1, "tries": 0, "ask_at": NOW}
    with ledger.engine.begin() as connection:
        connection.execute(NEEDS.insert(), [{**need, "id": "1"}, {**need, "id": "2"}])
        troubles.tell(connection, "office", "requests_refused", "token", NOW, 7)


async def test_how_an_account_stands_is_read_and_kept_while_the_database_is_away(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = StandingReader(ledger.database, {"office": OFFICE, "new": replace(OFFICE, id="new")})

    async def away(_work: object) -> None:
        raise Away("the database is away")

    with monkeypatch.context() as gone:
        gone.setattr(ledger.database, "read", away)
        assert (await reader.read()).accounts == {"office": Standing(), "new": Standing()}
    fill(ledger)
    standing = Standing(False, NOW, 1, 2, None, {"requests_refused": 1})
    read = await reader.read()
    assert read.accounts == {"office": standing, "new": Standing()}
    assert read.size > 100_000
    monkeypatch.setattr(ledger.database, "read", away)
    assert await reader.read() == read


async def test_a_service_that_has_just_started_knows_the_last_delivery(
    sqlite_ledgers: Callable[[], str],
) -> None:
    url, token = sqlite_ledgers(), "x" * 16
    with closing(Ledger(url, Instant(NOW))) as ledger:
        fill(ledger)
    service = create_app(Config(url, (OFFICE,), metrics_token=Secret(token)), SystemClock())
    transport = httpx.ASGITransport(service.app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://board.example") as client:
        text = (await client.get("/metrics", headers={"authorization": f"Bearer {token}"})).text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines())
    assert float(lines['lossboard_last_delivery_timestamp_seconds{account="office"}']) == NOW / SECOND
    assert lines['lossboard_quarantine{account="office"}'] == "1.0"
    assert lines['lossboard_webhooks_total{account="office",result="applied"}'] == "0.0"
