"""Named screens in a running service, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

import pytest

from service.ledger.database.errors import Unavailable
from service.ledger.upkeep.screens import KnownScreen, Screens
from service.live.http.screen_links import (
    CHECK_SECONDS,
    FRESH_SECONDS,
    NEW_SECONDS,
    NOTE_SECONDS,
    NamedScreens,
)
from service.model import SECOND, Instant
from tests.clocks import StandingClock
from tests.live.boards import NOW


class Book(Screens):
    """A ledger of screens whose content the test sets."""

    def __init__(self) -> None:
        self.screens = frozenset({"tv"})
        self.reads = 0
        self.noted: list[tuple[str, str, Instant]] = []
        self.broken: Exception | None = None

    async def known(self, account_id: str) -> Mapping[str, KnownScreen]:
        self.reads += 1
        if self.broken is not None:
            raise self.broken
        return dict.fromkeys(self.screens if account_id == "office" else (), KnownScreen())

    async def seen(self, account_id: str, digest: str, now: Instant) -> None:
        self.noted.append((account_id, digest, now))
        if self.broken is not None:
            raise self.broken


class Stream:
    """What a screen has open."""

    def __init__(self) -> None:
        self.ended = False

    def end(self) -> None:
        self.ended = True


class Service:
    """Named screens with their ledger and clock."""

    def __init__(self) -> None:
        self.book = Book()
        self.clock = StandingClock(NOW)
        self.screens = NamedScreens(self.book, self.clock)

    async def known(self) -> AbstractSet[str]:
        return (await self.screens.known("office")).keys()

    def attend(self, digest: str = "tv") -> Stream:
        stream = Stream()
        self.screens.attend("office", digest, stream)
        return stream

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.001)

    async def look_again(self) -> None:
        """Let the time until the next check pass, once the previous check is over."""
        await self.until(lambda: self.clock.sleeping)
        reads = self.book.reads
        self.clock.advance(CHECK_SECONDS)
        await self.until(lambda: self.book.reads > reads)


@pytest.fixture
def service() -> Service:
    return Service()


async def test_the_screens_are_read_again_after_a_few_seconds(service: Service) -> None:
    assert await service.known() == {"tv"}
    service.book.screens = frozenset({"tablet"})
    service.clock.advance(FRESH_SECONDS - 0.001)
    assert await service.known() == {"tv"}
    assert service.book.reads == 1
    service.clock.advance(0.001)
    assert await service.known() == {"tablet"}
    assert await service.screens.known("other") == {}


async def test_an_unknown_link_has_the_screens_read_again_sooner(service: Service) -> None:
    await service.known()
    service.clock.advance(NEW_SECONDS)
    service.book.screens = frozenset({"new"})
    assert await service.known() == {"tv"}
    assert (await service.screens.known("office", NEW_SECONDS)).keys() == {"new"}
    for _ in range(100):  # a guesser's
        await service.screens.known("office", NEW_SECONDS)
    assert service.book.reads == 2


@pytest.mark.parametrize("seconds", [-3600, 3600])
async def test_a_clock_that_is_set_keeps_no_revoked_screen(service: Service, seconds: int) -> None:
    await service.known()
    service.book.screens = frozenset()
    service.clock.step(seconds)
    assert await service.known() == {"tv"}
    service.clock.advance(FRESH_SECONDS)
    assert await service.known() == set()


async def test_a_thousand_screens_at_once_cost_one_read(service: Service) -> None:
    answers = await asyncio.gather(*(service.known() for _ in range(1000)))
    assert answers == [{"tv"}] * 1000
    assert service.book.reads == 1


async def test_while_the_database_is_away_the_last_known_screens_count_and_reads_stay_rare(
    service: Service,
) -> None:
    await service.known()
    service.book.broken = Unavailable("away")
    service.clock.advance(FRESH_SECONDS)
    assert await service.known() == {"tv"}
    assert await service.known() == {"tv"}
    assert service.book.reads == 2
    service.book.broken = None
    service.book.screens = frozenset()
    service.clock.advance(FRESH_SECONDS)
    assert await service.known() == set()


async def test_screens_that_could_never_be_read_are_unavailable(service: Service) -> None:
    service.book.broken = Unavailable("away")
    with pytest.raises(Unavailable):
        await service.known()


async def test_the_next_check_ends_the_stream_of_a_revoked_screen_and_no_other(
    service: Service,
) -> None:
    service.book.screens = frozenset({"tv", "tablet"})
    revoked, kept = service.attend(), service.attend("tablet")
    await service.look_again()
    assert not revoked.ended
    service.book.screens = frozenset({"tablet"})
    await service.look_again()
    await service.until(lambda: revoked.ended)
    await service.look_again()
    assert not kept.ended


async def test_a_thousand_streams_of_named_screens_cost_one_task_and_one_read(service: Service) -> None:
    tasks = len(asyncio.all_tasks())
    streams = [service.attend() for _ in range(1000)]
    await service.look_again()
    assert service.book.reads == 1
    assert len(asyncio.all_tasks()) - tasks < 10
    for stream in streams:
        stream.end()
    service.clock.advance(CHECK_SECONDS)
    await service.until(lambda: len(asyncio.all_tasks()) == tasks)


def test_a_revoked_screen_receives_nothing_after_ten_seconds() -> None:
    assert CHECK_SECONDS + FRESH_SECONDS <= 10


async def test_an_open_screen_is_noted_at_once_and_then_every_minute_however_many_streams_it_has(
    service: Service,
) -> None:
    for _ in range(2):
        service.attend()
    await service.until(lambda: len(service.book.noted) == 1)
    for _ in range(int(NOTE_SECONDS / CHECK_SECONDS)):
        assert service.book.noted == [("office", "tv", NOW)]
        await service.look_again()
    await service.until(lambda: len(service.book.noted) == 2)
    assert service.book.noted[1] == ("office", "tv", NOW + NOTE_SECONDS * SECOND)


async def test_a_note_that_fails_breaks_no_stream_and_is_tried_again(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    await service.known()
    service.book.broken = Unavailable("away")
    stream = service.attend()
    await service.until(lambda: len(service.book.noted) == 1)
    await service.look_again()
    assert not stream.ended
    service.book.broken = None
    for _ in range(int(NOTE_SECONDS / CHECK_SECONDS)):
        await service.look_again()
    await service.until(lambda: len(service.book.noted) == 2)
    assert "cannot note" in caplog.text
