"""The token bucket keeps a vendor's pace, by a clock that moves only while somebody waits."""

from __future__ import annotations

import asyncio
import math

import pytest

from service.adapters.api import Pace
from service.model import SECOND, Instant, later
from service.sync.bucket import TokenBucket

NOW = Instant(1_795_420_800 * SECOND)


class Patient:
    """A clock that advances only while somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.set_back = 0

    def now(self) -> Instant:
        return later(NOW, round(self.seconds * SECOND) - self.set_back)

    def monotonic(self) -> float:
        return self.seconds

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        self.seconds += math.ceil(seconds * SECOND) / SECOND


async def takes(bucket: TokenBucket, clock: Patient, number: int) -> list[float]:
    """The times at which a number of calls may be sent, in seconds."""
    times = []
    for _ in range(number):
        await bucket.take()
        times.append(round(clock.seconds, 3))
    return times


@pytest.fixture
def clock() -> Patient:
    return Patient()


@pytest.fixture
def bucket(clock: Patient) -> TokenBucket:
    return TokenBucket(Pace(per_second=2, burst=3), clock)


async def test_a_burst_goes_at_once_and_then_one_at_a_time(bucket: TokenBucket, clock: Patient) -> None:
    assert await takes(bucket, clock, 7) == [0, 0, 0, 0.5, 1, 1.5, 2]


async def test_it_holds_no_more_than_a_burst_however_long_it_rests(
    bucket: TokenBucket, clock: Patient
) -> None:
    clock.seconds += 3600
    assert await takes(bucket, clock, 4) == [3600, 3600, 3600, 3600.5]


async def test_in_no_second_are_there_more_calls_than_the_burst_and_the_pace(clock: Patient) -> None:
    bucket, times = TokenBucket(Pace(per_second=6, burst=5), clock), []
    for rest in [0, 0.3, 0, 1.7, 0.01] * 20:
        clock.seconds += rest
        times += await takes(bucket, clock, 3)
    for start in times:
        assert sum(start <= time < start + 1 for time in times) <= 6 + 5


async def test_after_a_call_that_came_too_fast_it_refills_from_zero(
    bucket: TokenBucket, clock: Patient
) -> None:
    bucket.empty()
    assert await takes(bucket, clock, 2) == [0.5, 1]


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_that_is_set_gives_nothing_and_takes_nothing(
    bucket: TokenBucket, clock: Patient, hours: int
) -> None:
    await bucket.take()
    clock.set_back = hours * 3600 * SECOND
    assert await takes(bucket, clock, 4) == [0, 0, 0.5, 1]


class Coarse(Patient):
    """A clock that has run for so long that it cannot move by less than a tenth of a microsecond."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 2.0**30
        self.waits = 0

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        self.waits += 1
        assert self.waits < 200, "a wait that is too short to be measured never ends"
        self.seconds += seconds


async def test_a_rest_of_rounding_makes_nobody_wait_forever() -> None:
    clock = Coarse()
    bucket = TokenBucket(Pace(per_second=7, burst=1), clock)
    for _ in range(100):
        await bucket.take()
        clock.seconds += 0.1
