"""The ticker: when it looks, when it sleeps, and what wakes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Self

import pytest

from service.ledger.database.errors import Unavailable
from service.ledger.upkeep.ticker import LONGEST_SLEEP_SECONDS, LOOK_SECONDS, RETRY_SECONDS, Ticker
from service.ledger.write.heads import CLOCK_SKEW
from service.ledger.write.writer import Writer
from service.model import SECOND, Change, Instant, Micros, later
from tests.clocks import StandingClock
from tests.histories import HOUR, at
from tests.ledger.offices import OFFICE, Ledger
from tests.ledger.statements import executed

NOW = at("2026-11-23T12:00:00+03:00")


class Stopped(Exception):
    """The test has seen enough."""


class Clock:
    """Notes how long it was asked to wait, and stops the ticker at the last of some waits. The time of day
    stands, unless it is set."""

    def __init__(self, waits: int, now: Instant = NOW) -> None:
        self._left = waits
        self.moment = now
        self.seconds: list[float] = []

    def now(self) -> Instant:
        return self.moment

    def monotonic(self) -> float:
        return sum(self.seconds)

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        self.seconds.append(seconds)
        self._left -= 1
        if not self._left:
            raise Stopped


class AnsweringWriter:
    """Answers ticks: with a number of boards, or with an error."""

    def __init__(self, *answers: int | Exception) -> None:
        self._answers = list(answers)

    def tick(self, _skew: Micros) -> asyncio.Future[int]:
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
        await Ticker(ledger.database, ["office"], AnsweringWriter(*answers), clock).run()  # type: ignore[arg-type]
    return clock.seconds


def due_in(ledger: Ledger, microseconds: int) -> None:
    ledger.say(Change("task", "t", NOW, {"deal_id": "1", "due_at": NOW + microseconds}))


async def test_it_looks_again_after_its_longest_sleep_whatever_is_due_later(ledger: Ledger) -> None:
    """The clock may be set while it sleeps."""
    due_in(ledger, HOUR)
    looks = round(LONGEST_SLEEP_SECONDS / LOOK_SECONDS)
    with executed(ledger.readers) as statements:
        assert await waits(ledger, looks) == [LOOK_SECONDS] * looks
        once = len(statements)
        assert await waits(ledger, looks + 1) == [LOOK_SECONDS] * (looks + 1)
    assert len(statements) == 3 * once


async def test_it_sleeps_no_longer_than_until_the_next_due_time(ledger: Ledger) -> None:
    due_in(ledger, SECOND // 4)
    assert await waits(ledger, 1) == [0.25]


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
    ticker = Ticker(ledger.database, ["office"], AnsweringWriter(), Clock(1))  # type: ignore[arg-type]
    with pytest.raises(Stopped):
        await ticker.run()
    for moment, wakes in ((NOW + 5 * SECOND, False), (NOW + 3 * SECOND, True)):
        ticker.on_commit({"office": ledger.head._replace(next_tick_at=Instant(moment))})
        assert ticker._wake.is_set() is wakes


class Ticking:
    """A ticker and a writer at work, on a clock that the test moves."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = StandingClock(NOW)
        self._writer = Writer(ledger.database, {"office": OFFICE}, self.clock)
        self._ticker = Ticker(ledger.database, ["office"], self._writer, self.clock)
        self._writer.on_commit.append(self._ticker.on_commit)

    async def __aenter__(self) -> Self:
        self._writer.start()
        self._run = asyncio.create_task(self._ticker.run())
        await self.rest()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._run.cancel()
        await asyncio.gather(self._run, return_exceptions=True)
        await self._writer.stop()

    async def rest(self) -> None:
        """Let the ticker work until it sleeps."""
        async with asyncio.timeout(20):
            while not self.clock.sleeping:
                await asyncio.sleep(0.001)

    async def passes(self, seconds: float) -> None:
        """Let time pass in small steps."""
        for _ in range(round(seconds / 0.25)):
            self.clock.advance(0.25)
            await self.rest()

    async def step(self, micros: int, seconds: float) -> None:
        """Set the time of day, and let so much time pass."""
        self.clock.step(micros / SECOND)
        await self.passes(seconds)

    @property
    def overdue(self) -> int:
        return self.ledger.read().totals["at_risk"]["tasks"]


@pytest.fixture
def office(sqlite_ledgers: Callable[[], str]) -> Iterator[Ledger]:
    """A ledger on SQLite."""
    with closing(Ledger(sqlite_ledgers(), NOW)) as opened:
        yield opened


@pytest.mark.parametrize("back", [CLOCK_SKEW, CLOCK_SKEW + 5 * SECOND, HOUR, 24 * HOUR])
async def test_boards_follow_a_clock_that_is_set_back_within_five_seconds(office: Ledger, back: int) -> None:
    """Also by little more than the clocks of nodes differ, when a board was brought up a while ago."""
    due_in(office, 20 * SECOND)
    async with Ticking(office) as ticking:
        await ticking.passes(30)
        assert (ticking.overdue, office.head.as_of) == (1, NOW + 20 * SECOND)
        await ticking.step(-back, 4)
        office.clock.moment = ticking.clock.moment
        assert office.read().as_of == ticking.clock.moment == later(NOW, 34 * SECOND - back)
        assert ticking.overdue == 0
        await ticking.passes(8)
        assert office.head.as_of <= ticking.clock.moment
        assert office.head.next_tick_at > ticking.clock.moment
    assert office.differences() == []


async def test_a_clock_that_is_set_back_by_little_leaves_boards_to_it(office: Ledger) -> None:
    """It may be the clock of another node that is ahead."""
    due_in(office, 20 * SECOND)
    async with Ticking(office) as ticking:
        await ticking.passes(30)
        await ticking.step(-CLOCK_SKEW + SECOND, 10)
        assert (ticking.overdue, office.head.as_of) == (1, NOW + 20 * SECOND)


@pytest.mark.parametrize("forward", [30 * SECOND, HOUR, 365 * 24 * HOUR])
async def test_a_clock_that_is_set_forward_is_followed_within_a_second(office: Ledger, forward: int) -> None:
    """As that of a machine that wakes is."""
    due_in(office, 20 * SECOND)
    async with Ticking(office) as ticking:
        await ticking.passes(2)
        await ticking.step(forward, 0.75)
        assert ticking.overdue == 1
        assert office.head.next_tick_at > ticking.clock.moment
