"""A damaged database is found, told, and never blamed on a delivery."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event

from service.app import create_app
from service.clock import SystemClock
from service.config import Config, Secret
from service.ledger.database import check
from service.ledger.database.errors import Corrupt, Moved, Unavailable
from service.ledger.upkeep.soundness import AGAIN_SECONDS, Soundness
from service.ledger.write import heads, log
from service.ledger.write.committer import Committer
from service.ledger.write.outcome import Outcome
from service.ledger.write.writer import Fault, Writer
from service.model import Change, Decoded, Delivery
from tests.clocks import StandingClock
from tests.histories import at
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T10:00:00+03:00")
SHOP = replace(OFFICE, id="shop")
PAGE = 4096


def of_a_deal(key: str) -> Delivery:
    change = Change("deal", key, NOW, {"known": True, "status": "lost", "amount": 100, "closed_at": NOW})
    return Delivery("office", NOW, {}, key.encode(), Decoded(key, (change,)))


def of_a_name(key: str, account: str = "shop") -> Delivery:
    return Delivery(
        account, NOW, {}, key.encode(), Decoded(key, (Change("manager", key, NOW, {"name": key}),))
    )


@pytest.fixture
def damaged(sqlite_ledgers: Callable[[], str]) -> Iterator[Ledger]:
    """A ledger whose table of deals is garbage, and nothing else of it."""
    url = sqlite_ledgers()
    with closing(Ledger(url, NOW)) as ledger, ledger.engine.begin() as connection:
        heads.ensure(connection, SHOP, NOW)
        root = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'deals'"
        ).scalar_one()
    with Path(url.removeprefix("sqlite:///")).open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(os.urandom(PAGE))
    with closing(Ledger(url, NOW)) as ledger:
        yield ledger


async def test_a_damaged_page_refuses_what_needs_it_and_nothing_goes_to_quarantine(damaged: Ledger) -> None:
    writer = Writer(damaged.database, {"office": OFFICE, "shop": SHOP}, damaged.clock)
    faults: list[Fault] = []
    writer.on_fault.append(faults.append)
    sent = [writer.submit(delivery) for delivery in (of_a_name("a"), of_a_deal("b"), of_a_name("c"))]
    writer.start()
    results = await asyncio.gather(*sent, return_exceptions=True)
    await writer.stop()
    assert [type(result) for result in results] == [Outcome, Corrupt, Outcome]
    assert [type(fault) for fault in faults] == [Corrupt]
    assert not writer.storing
    with damaged.readers.begin() as connection:
        assert log.quarantined(connection, "office") == []
        assert log.newest_number(connection, "office") == 0


async def test_a_damaged_file_is_found_in_the_background_and_stays_known(
    damaged: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    soundness = Soundness(damaged.database, damaged.clock)
    assert (soundness.is_damaged, math.isnan(soundness.gauge)) == (None, True)
    await soundness.look()
    assert (soundness.is_damaged, soundness.gauge) == (True, 0.0)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "check-database" in caplog.records[0].message
    await soundness.look()
    assert len(caplog.records) == 1
    assert check.thorough(damaged.database) != []


async def test_a_service_with_a_damaged_file_is_not_ready_and_says_why(damaged: Ledger) -> None:
    config = Config(str(damaged.database._readers.url), (OFFICE,), metrics_token=Secret("x" * 16))
    service = create_app(config, SystemClock())
    transport = httpx.ASGITransport(service.app, client=("127.0.0.1", 1))
    async with (
        service.app.router.lifespan_context(service.app),
        httpx.AsyncClient(transport=transport, base_url="http://board.example") as client,
        asyncio.timeout(20),
    ):
        while "damaged" not in (answer := await client.get("/readyz")).text:
            await asyncio.sleep(0.01)
        metrics = await client.get("/metrics", headers={"authorization": f"Bearer {'x' * 16}"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "lossboard_database_sound 0.0" in metrics.text


async def test_a_sound_file_is_sound_until_a_commit_meets_a_damaged_page(
    sqlite_ledgers: Callable[[], str],
) -> None:
    with closing(Ledger(sqlite_ledgers(), NOW)) as ledger:
        soundness = Soundness(ledger.database, ledger.clock)
        await soundness.look()
        assert (soundness.is_damaged, soundness.gauge) == (False, 1.0)
        assert check.thorough(ledger.database) == []
        soundness.on_fault(Moved("away"))
        assert soundness.is_damaged is False
        soundness.on_fault(Corrupt("a page"))
        assert soundness.is_damaged is True


async def test_a_file_that_could_not_be_read_for_a_moment_is_sound_again(
    sqlite_ledgers: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite reports a page that cannot be read as it does a damaged one."""
    with closing(Ledger(sqlite_ledgers(), NOW)) as ledger:
        clock = StandingClock(NOW)
        soundness = Soundness(ledger.database, clock)
        monkeypatch.setattr(check, "quick", lambda _: ["unable to get the page. error code=266"])
        running = asyncio.create_task(soundness.run())

        async def becomes(*, damaged: bool) -> None:
            async with asyncio.timeout(20):
                while soundness.is_damaged is not damaged or clock.sleeping is not damaged:
                    await asyncio.sleep(0.01)

        await becomes(damaged=True)
        monkeypatch.undo()
        clock.advance(AGAIN_SECONDS)
        await becomes(damaged=False)
        soundness.on_fault(Corrupt("a commit could not read a page"))
        await becomes(damaged=True)
        clock.advance(AGAIN_SECONDS)
        await becomes(damaged=False)
        running.cancel()
        await asyncio.wait([running])


async def test_a_check_that_is_cancelled_ends_at_once(sqlite_ledgers: Callable[[], str]) -> None:
    with closing(Ledger(sqlite_ledgers(), NOW)) as ledger:
        began, goes_on = threading.Event(), threading.Event()
        ended: list[BaseException | None] = []

        @event.listens_for(ledger.readers, "before_cursor_execute")
        def _endless(_c: object, cursor: object, statement: str, *_rest: object) -> None:
            if "quick_check" in statement:
                began.set()
                goes_on.wait(20)
                endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT count(*) FROM n"
                try:
                    cursor.execute(endless)  # type: ignore[attr-defined]  # the driver's
                except Exception as error:
                    ended.append(error)
                    raise

        running = asyncio.create_task(Soundness(ledger.database, ledger.clock).run())
        await asyncio.to_thread(began.wait, 20)
        goes_on.set()
        await asyncio.sleep(0.05)  # it is well inside the statement
        running.cancel()
        async with asyncio.timeout(20):
            await asyncio.wait([running])
            while not ended:
                await asyncio.sleep(0.01)
        assert "interrupt" in str(ended[0])


async def test_postgresql_is_read_through_on_demand(postgres_ledgers: Callable[[], str]) -> None:
    with closing(Ledger(postgres_ledgers(), NOW)) as ledger:
        ledger.deliver(of_a_deal("a"))
        assert check.thorough(ledger.database) == []
        soundness = Soundness(ledger.database, ledger.clock)
        await soundness.run()
        assert soundness.is_damaged is None


@pytest.mark.parametrize("error", [MemoryError(), OSError(5, "Input/output error")])
def test_a_delivery_is_not_blamed_for_its_machine(
    sqlite_ledgers: Callable[[], str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with closing(Ledger(sqlite_ledgers(), NOW)) as ledger:
        working = Committer(ledger.database, {"office": OFFICE}, ledger.clock)

        def fails(*_: object) -> None:
            raise error

        monkeypatch.setattr("service.ledger.write.committer.apply_all", fails)
        (result,), _ = working.commit([of_a_deal("a")])
        assert isinstance(result, Unavailable)
        monkeypatch.undo()
        (result,), _ = working.commit([of_a_deal("a")])
        assert isinstance(result, Outcome)
