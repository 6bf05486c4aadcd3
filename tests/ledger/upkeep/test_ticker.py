"""The ticker: when it looks, when it sleeps, and what wakes it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from service.ledger.database.errors import Unavailable
from service.ledger.upkeep.ticker import LONGEST_SLEEP_SECONDS, RETRY_SECONDS, Ticker
from service.model import SECOND, Change, Instant
from tests.histories import HOUR, at
from tests.ledger.offices import Ledger

NOW = at("2026-11-23T12:00:00+03:00")


class Stopped(Exception):
    """The test has seen enough."""


class Clock:
    """Notes how long it was asked to wait, and stops the ticker at the last of some waits."""

    def __init__(self, waits: int) -> None:
        self._left = waits
        self.seconds: list[float] = []

    def now(self) -> int:
        return NOW

    def monotonic(self) -> float:
        return sum(self.seconds)

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        self.seconds.append(seconds)
        self._left -= 1
        if not self._left:
            raise Stopped


class Writer:
    """Answers ticks: with a number of boards, or with an error."""

    def __init__(self, *answers: int | Exception) -> None:
        self._answers = list(answers)

    def tick(self) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        answer = self._answers.pop(0)
        if isinstance(answer, int):
            future.set_result(answer)
        else:
            future.set_exception(answer)
        return future


async def waits(ledger: Ledger, count: int, *answers: int | Exception) -> list[float]:
    clock = Clock(count)
    with pytest.raises(Stopped):
        await Ticker(ledger.database, ["office"], Writer(*answers), clock).run()  # type: ignore[arg-type]
    return clock.seconds


def due_in(ledger: Ledger, microseconds: int) -> None:
    ledger.say(Change("task", "t", NOW, {"deal_id": "1", "due_at": NOW + microseconds}))


async def test_it_looks_again_after_its_longest_sleep_whatever_is_due_later(ledger: Ledger) -> None:
    """The clock may be set while it sleeps."""
    due_in(ledger, HOUR)
    assert await waits(ledger, 1) == [LONGEST_SLEEP_SECONDS]


async def test_it_sleeps_no_longer_than_until_the_next_due_time(ledger: Ledger) -> None:
    due_in(ledger, 2 * SECOND)
    assert await waits(ledger, 1) == [2.0]


@pytest.mark.parametrize("answer", [0, Unavailable("away")])
async def test_what_is_due_and_not_brought_up_is_tried_again_soon(
    ledger: Ledger, answer: int | Exception
) -> None:
    due_in(ledger, SECOND)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE heads SET next_tick_at = {NOW}")
    assert await waits(ledger, 2, 1, answer, answer) == [RETRY_SECONDS, RETRY_SECONDS]


async def test_a_commit_wakes_it_only_for_an_earlier_moment(ledger: Ledger) -> None:
    due_in(ledger, 4 * SECOND)
    ticker = Ticker(ledger.database, ["office"], Writer(), Clock(1))  # type: ignore[arg-type]
    with pytest.raises(Stopped):
        await ticker.run()
    for moment, wakes in ((NOW + 5 * SECOND, False), (NOW + 3 * SECOND, True)):
        ticker.on_commit({"office": replace(ledger.head, next_tick_at=Instant(moment))})
        assert ticker._wake.is_set() is wakes
