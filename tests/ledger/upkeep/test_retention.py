"""Raw bodies are dropped after their time; what is still needed of them is not."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import select

from service.ledger.database.errors import Unavailable
from service.ledger.database.tables import DELIVERIES
from service.ledger.upkeep import retention as retention_module
from service.ledger.upkeep.retention import DOUBT_SECONDS, INTERVAL_SECONDS, Retention
from service.ledger.write import heads, log
from service.ledger.write.apply import apply, reapply
from service.model import DAY, Change, Decoded, Delivery, Instant, Rejection, later
from tests.clocks import StandingClock
from tests.histories import at
from tests.ledger.offices import OFFICE, Ledger
from tests.ledger.statements import counted

NOW = at("2026-11-23T10:00:00+03:00")
BROKEN = Decoded("broken", rejections=(Rejection(0, "strange"),))
WHOLE = Decoded("broken", (Change("deal", "1", NOW, {"known": True}),))


def delivery(key: str, received_at: int = NOW, decoded: Decoded | None = None) -> Delivery:
    return Delivery("office", Instant(received_at), {}, key.encode(), decoded or Decoded(key))


def kept(ledger: Ledger) -> list[int]:
    """Numbers of the deliveries whose bodies are there."""
    with ledger.readers.begin() as connection:
        numbers = select(DELIVERIES.c.number).where(
            DELIVERIES.c.account == "office", DELIVERIES.c.body.is_not(None)
        )
        return sorted(connection.execute(numbers).scalars())


def retention(ledger: Ledger, keep_days: int = 30) -> Retention:
    return Retention(ledger.database, keep_days, ledger.clock)


def test_only_what_is_older_is_dropped_and_only_once_the_time_has_come(ledger: Ledger) -> None:
    ledger.deliver(delivery("a"))
    ledger.deliver(delivery("b", NOW + DAY), now=later(NOW, DAY))
    ledger.clock.moment = later(NOW, 30 * DAY)
    retention(ledger).prune()
    assert kept(ledger) == [1, 2]
    ledger.clock.moment = later(NOW, 30 * DAY + 1)
    assert retention(ledger).prune() is False
    assert kept(ledger) == [2]


AHEAD = later(NOW, 400 * DAY)


@pytest.mark.parametrize(
    ("received", "left"),
    [
        ([NOW, AHEAD, NOW + DAY, NOW + 20 * DAY], [4]),
        ([AHEAD, NOW, NOW + 20 * DAY, AHEAD], [3, 4]),
        ([NOW + 20 * DAY, AHEAD, NOW + 20 * DAY], [1, 2, 3]),
        ([NOW + 20 * DAY, NOW - 900 * DAY, NOW + 21 * DAY], [1, 2, 3]),
        ([AHEAD, AHEAD], [1, 2]),
    ],
    ids=["passed over", "first of all", "drops nothing", "nor does a clock that was behind", "alone"],
)
def test_a_time_from_a_clock_that_ran_ahead_neither_keeps_nor_drops_others(
    ledger: Ledger, received: list[int], left: list[int]
) -> None:
    ledger.deliver(*(delivery(f"k{index}", moment) for index, moment in enumerate(received)))
    ledger.clock.moment = later(NOW, 32 * DAY)
    retention(ledger).prune()
    assert kept(ledger) == left


def test_an_account_that_is_no_longer_configured_is_pruned_too(ledger: Ledger) -> None:
    """Nobody tells retention which accounts there are: the database does."""
    removed = replace(OFFICE, id="removed")
    with ledger.engine.begin() as connection:
        heads.ensure(connection, removed, NOW)
        apply(connection, removed, [Delivery("removed", NOW, {}, b"raw", Decoded("a"))], NOW)
    ledger.clock.moment = later(NOW, 31 * DAY)
    retention(ledger).prune()
    with ledger.readers.begin() as connection:
        stored = log.one(connection, "removed", 1)
    assert stored is not None
    assert stored.body is None


def test_a_clock_that_leapt_drops_nothing_until_it_has_run_for_hours(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    clock = StandingClock(NOW)
    ledger.deliver(delivery("a"))
    Retention(ledger.database, 30, clock).prune()
    clock.moment = later(NOW, 400 * DAY)
    started = Retention(ledger.database, 30, clock)
    for _ in range(2):
        started.prune()
    ledger.deliver(delivery("b", clock.moment))
    assert kept(ledger) == [1, 2]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the clock is 400 days ahead" in caplog.text
    clock.moment = later(NOW, 2 * DAY)  # somebody sets it
    started.prune()
    clock.moment = later(NOW, 31 * DAY)
    started.prune()
    assert kept(ledger) == [1, 2]
    clock.advance(DOUBT_SECONDS)  # nobody sets it: the service was down
    started.prune()
    assert kept(ledger) == [2]


def test_an_account_with_nothing_to_drop_is_not_held(ledger: Ledger) -> None:
    ledger.deliver(delivery("a"))
    retention(ledger).prune()
    with counted(ledger.engine) as statements, counted(ledger.readers) as reads:
        retention(ledger).prune()
    assert len([text for text in reads if "FROM" in text]) == 2
    assert not any("FOR UPDATE" in text for text in statements)


def test_much_is_dropped_in_parts(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "PRUNE_AT_ONCE", 2)
    ledger.deliver(*(delivery(f"k{number}") for number in range(5)))
    ledger.clock.moment = later(NOW, 31 * DAY)
    assert [retention(ledger).prune() for _ in range(3)] == [True, True, False]
    assert kept(ledger) == []


def test_pruning_changes_nothing_but_the_body(ledger: Ledger) -> None:
    """The key above all: a repeat is recognised by it. What a delivery changed is of its body."""
    named = Change("client", "7", NOW, {"name": "Петров"})
    ledger.deliver(delivery("a"), delivery("b", decoded=Decoded("Key B", (named,))))

    def rest() -> list[tuple[object, ...]]:
        columns = [column for column in DELIVERIES.c if column.name not in {"body", "changed"}]
        with ledger.readers.begin() as connection:
            rows = connection.execute(select(*columns).where(DELIVERIES.c.account == "office"))
            return sorted(tuple(row) for row in rows)

    before = rest()
    ledger.clock.moment = later(NOW, 31 * DAY)
    retention(ledger).prune()
    assert (kept(ledger), rest()) == ([], before)
    with ledger.readers.begin() as connection:
        assert [stored.changed for stored in log.everything(connection, "office")] == [{}, {}]


def test_quarantine_keeps_its_bodies_until_it_is_left(ledger: Ledger) -> None:
    ledger.deliver(
        delivery("broken", decoded=BROKEN), delivery("dropped", decoded=Decoded("d", (), BROKEN.rejections))
    )
    ledger.clock.moment = later(NOW, 31 * DAY)
    retention(ledger).prune()
    assert kept(ledger) == [1, 2]
    with ledger.engine.begin() as connection:
        reapply(connection, OFFICE, 1, delivery("broken", decoded=BROKEN), ledger.clock.moment)
    assert kept(ledger) == [1, 2]
    with ledger.engine.begin() as connection:
        reapply(connection, OFFICE, 1, delivery("broken", decoded=WHOLE), ledger.clock.moment)
        assert log.release(connection, "office", 2) == 1
    assert kept(ledger) == []
    assert ledger.differences() == []


def test_leaving_quarantine_early_keeps_the_body_for_its_time(ledger: Ledger) -> None:
    ledger.deliver(delivery("broken", decoded=BROKEN))
    with ledger.engine.begin() as connection:
        assert log.release(connection, "office", 1) == 1
    assert kept(ledger) == [1]


async def test_the_loop_looks_every_hour_and_lives_through_a_database_that_is_away(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = StandingClock(NOW)
    looks: list[int] = []

    def prune(_retention: Retention) -> bool:
        looks.append(clock.now())
        if len(looks) == 1:
            raise Unavailable("away")
        return len(looks) == 2

    monkeypatch.setattr(Retention, "prune", prune)

    running = asyncio.create_task(Retention(ledger.database, 30, clock).run())
    async with asyncio.timeout(20):
        for wanted, seconds in (
            (1, INTERVAL_SECONDS),
            (2, retention_module.PAUSE_SECONDS),
            (3, INTERVAL_SECONDS),
        ):
            while len(looks) < wanted or not clock.sleeping:
                await asyncio.sleep(0.001)
            assert len(looks) == wanted
            clock.advance(seconds)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert "away" in caplog.text
