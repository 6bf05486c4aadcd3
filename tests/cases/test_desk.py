"""The desk on which cases are fed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from service.model import SECOND
from tests.cases.desk import NOW, configured, desk

TOKEN = "a-token-of-sixteen"


def test_cases_are_fed_at_their_moment() -> None:
    assert datetime.fromisoformat("2026-11-26T18:00:00+03:00").timestamp() * SECOND == NOW


async def test_a_webhook_is_posted_and_its_deal_is_asked_for(sqlite_ledgers: Callable[[], str]) -> None:
    api = {"url": "https://zerno.amocrm.ru", "token": "t"}
    account = configured("amocrm", webhook_secret=TOKEN, api=api)
    async with desk(sqlite_ledgers, account) as at:
        form = {"content-type": "application/x-www-form-urlencoded"}
        posted = await at.post(
            b"leads[update][0][id]=1&leads[update][0][status_id]=143", form, f"token={TOKEN}"
        )
        assert posted.status_code == 200
        assert await at.sync.turn() == 0  # type: ignore[union-attr]
        assert at.asked[0].url.params["filter[id][]"] == "1"
        assert (await at.snapshot())["losses"]["total"]["count"] == 1
