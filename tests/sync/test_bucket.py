"""The token bucket keeps a vendor's pace, by a clock that moves only while somebody waits."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from service.adapters.api import Pace
from service.model import SECOND, Instant
from service.sync.bucket import TokenBucket

NOW: Instant = 1_795_420_800 * SECOND


class Patient:
    """A clock that whoever waits moves on."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> Instant:
        return self.moment

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        self.moment += math.ceil(seconds * SECOND)


def run(story: Callable[[TokenBucket, Patient], Awaitable[None]], pace: Pace) -> None:
    async def whole() -> None:
        clock = Patient()
        await story(TokenBucket(pace, clock), clock)

    asyncio.run(whole())


async def takes(bucket: TokenBucket, clock: Patient, number: int) -> list[float]:
    """When each of some calls may go, in seconds."""
    found = []
    for _ in range(number):
        await bucket.take()
        found.append(round((clock.now() - NOW) / SECOND, 3))
    return found


def test_a_burst_goes_at_once_and_then_one_at_a_time() -> None:
    async def story(bucket: TokenBucket, clock: Patient) -> None:
        assert await takes(bucket, clock, 7) == [0, 0, 0, 0.5, 1, 1.5, 2]

    run(story, Pace(per_second=2, burst=3))


def test_it_holds_no_more_than_a_burst_however_long_it_rests() -> None:
    async def story(bucket: TokenBucket, clock: Patient) -> None:
        clock.moment += 3600 * SECOND
        assert await takes(bucket, clock, 4) == [3600, 3600, 3600, 3600.5]

    run(story, Pace(per_second=2, burst=3))


def test_in_no_second_are_there_more_calls_than_the_burst_and_the_pace() -> None:
    async def story(bucket: TokenBucket, clock: Patient) -> None:
        times = []
        for rest in [0, 0.3, 0, 1.7, 0.01] * 20:
            clock.moment += round(rest * SECOND)
            times += await takes(bucket, clock, 3)
        for start in times:
            assert sum(start <= each < start + 1 for each in times) <= 6 + 5

    run(story, Pace(per_second=6, burst=5))


def test_after_a_call_that_came_too_fast_it_fills_anew() -> None:
    async def story(bucket: TokenBucket, clock: Patient) -> None:
        bucket.empty()
        assert await takes(bucket, clock, 2) == [0.5, 1]

    run(story, Pace(per_second=2, burst=3))


def test_a_clock_that_was_set_back_gives_nothing_and_takes_nothing() -> None:
    async def story(bucket: TokenBucket, clock: Patient) -> None:
        await bucket.take()
        clock.moment -= 3600 * SECOND
        assert await takes(bucket, clock, 3) == [-3600, -3600, -3599.5]

    run(story, Pace(per_second=2, burst=3))
