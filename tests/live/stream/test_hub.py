"""The hub: one read and one frame for all screens of a query, by a clock that the test holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from service.ledger.database.outcome import Unavailable
from service.live.board.patch import apply_patch
from service.live.board.query import BoardQuery
from service.live.stream import hub as hub_module
from service.live.stream.hub import HEARTBEAT, LINGER, Hub, TooManyScreens
from service.model import SECOND
from service.problems import Message
from tests.live.readings import OFFICE, Books, StandingClock, client, reading

JSON = BoardQuery("office", "month", "amount", "json", "ru")


class Watcher:
    """A screen that keeps what it was sent, and the board that follows from it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str | None, Any]] = []
        self.board: dict[str, Any] = {}
        self.raw: list[bytes] = []

    async def send(self, message: Message) -> None:
        self.raw.append(message["body"])
        fields = dict(line.split(": ", 1) for line in message["body"].decode().strip().split("\n"))
        data = json.loads(fields["data"])
        self.events.append((fields["event"], fields.get("id"), data))
        if fields["event"] == "snapshot":
            self.board = data
        elif fields["event"] == "patch":
            self.board = apply_patch(self.board, data)

    def has(self, seq: int) -> Callable[[], bool]:
        """Whether the board that it shows is that of a sequence number."""
        return lambda: bool(self.board) and self.board["seq"] == seq

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.events]


class Office:
    """A hub with its books and clock."""

    def __init__(self) -> None:
        self.books = Books()
        self.clock = StandingClock()
        self.hub = Hub(self.books, {"office": OFFICE}, self.clock)
        self._shows: list[asyncio.Task[None]] = []

    async def watch(self, query: BoardQuery = JSON, seen: int | None = None) -> Watcher:
        watcher = Watcher()
        self._shows.append(asyncio.create_task(self.hub.show(query, seen, watcher.send)))
        await asyncio.sleep(0)
        return watcher

    def leave(self) -> None:
        for show in self._shows:
            show.cancel()

    def commit(self, seq: int, *clients: Any, silent: bool = False) -> None:
        self.books.board = replace(reading(seq, *clients), silent=silent)
        self.hub.moved({"office": seq})

    async def settle(self, holds: Callable[[], bool]) -> None:
        """Let the hub work, and a little time pass, until something holds."""
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.001)
                self.clock.advance(0.01)


@asynccontextmanager
async def office() -> AsyncIterator[Office]:
    opened = Office()
    try:
        yield opened
    finally:
        opened.leave()
        await opened.hub.stop()


def run(story: Callable[[Office], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with office() as opened:
            await story(opened)

    asyncio.run(whole())


async def beats(office: Office, number: int) -> None:
    """Let so many heartbeats' time pass, and the hub do what it does then."""
    for _ in range(number):
        office.clock.advance(HEARTBEAT)
        for _ in range(20):
            await asyncio.sleep(0.0005)
            office.clock.advance(0.01)


def test_a_screen_begins_with_a_snapshot_and_follows_by_patches() -> None:
    async def story(office: Office) -> None:
        screen = await office.watch()
        await office.settle(lambda: screen.names == ["snapshot"])
        office.commit(2, client("7"))
        await office.settle(lambda: len(screen.events) == 2)
        name, event_id, _ = screen.events[1]
        assert (name, event_id) == ("patch", "2")
        assert [each["client_id"] for each in screen.board["at_risk"]["list"]] == ["7"]

    run(story)


def test_screens_of_a_view_get_the_same_bytes_and_cost_one_read() -> None:
    async def story(office: Office) -> None:
        screens = [await office.watch() for _ in range(50)]
        await office.settle(lambda: all(screen.names == ["snapshot"] for screen in screens))
        reads = office.books.reads
        assert reads <= 2
        office.commit(2, client("7"))
        await office.settle(lambda: all(len(screen.events) == 2 for screen in screens))
        assert len({id(screen.raw[1]) for screen in screens}) == 1
        assert office.hub.screens == 50

    run(story)


def test_commits_in_a_storm_are_merged() -> None:
    async def story(office: Office) -> None:
        screen = await office.watch()
        await office.settle(lambda: screen.names == ["snapshot"])
        for seq in range(2, 102):
            office.commit(seq, client("7", seq))
        await office.settle(lambda: screen.board.get("seq") == 101)
        assert len(screen.events) < 10

    run(story)


def test_a_patch_says_when_it_is_no_news() -> None:
    async def story(office: Office) -> None:
        screen = await office.watch()
        await office.settle(lambda: screen.names == ["snapshot"])
        office.commit(2, client("7", 2), silent=True)
        await office.settle(lambda: screen.board.get("seq") == 2)
        office.commit(3, client("7", 3))
        await office.settle(lambda: screen.board.get("seq") == 3)
        assert [data.get("silent") for name, _, data in screen.events if name == "patch"] == [True, None]

    run(story)


def test_views_differ_in_order_and_period() -> None:
    async def story(office: Office) -> None:
        by_amount = await office.watch()
        by_count = await office.watch(JSON._replace(sort="count"))
        office.commit(2, client("rich", 900), client("busy", 100, tasks=3))
        for screen, first in ((by_amount, "rich"), (by_count, "busy")):
            await office.settle(screen.has(2))
            assert screen.board["at_risk"]["list"][0]["client_id"] == first

    run(story)


def test_a_heartbeat_comes_every_five_seconds_with_the_moment_of_the_read() -> None:
    async def story(office: Office) -> None:
        screen = await office.watch()
        await office.settle(lambda: screen.names == ["snapshot"])
        office.books.board = replace(office.books.board, as_of=office.clock.moment + 5 * SECOND)
        office.clock.advance(HEARTBEAT)
        await office.settle(lambda: "heartbeat" in screen.names)
        data = screen.events[-1][2]
        assert data["seq"] == 1
        assert data["as_of"].startswith("2026-11-23T10:00:05")

    run(story)


def test_a_board_that_cannot_be_read_sends_no_heartbeat_and_comes_back() -> None:
    async def story(office: Office) -> None:
        screen = await office.watch()
        await office.settle(lambda: screen.names == ["snapshot"])
        office.books.broken = Unavailable("away")
        reads = office.books.reads
        office.clock.advance(HEARTBEAT)
        await office.settle(lambda: office.books.reads > reads + 3)
        assert screen.names == ["snapshot"]
        office.books.broken = None
        office.commit(2, client("7"))
        await office.settle(lambda: screen.board.get("seq") == 2)
        await office.settle(lambda: "heartbeat" in screen.names)

    run(story)


def test_a_lost_wake_up_is_made_good_by_the_next_heartbeat() -> None:
    async def story(office: Office) -> None:
        screen = await office.watch()
        await office.settle(lambda: screen.names == ["snapshot"])
        office.books.board = reading(2, client("7"))
        office.clock.advance(HEARTBEAT)
        await office.settle(lambda: screen.board.get("seq") == 2)

    run(story)


def test_a_screen_resumes_where_it_was() -> None:
    async def story(office: Office) -> None:
        screen = await office.watch()
        for seq in (2, 3):
            await office.settle(lambda: bool(screen.board))
            office.commit(seq, client("7", seq))
            await office.settle(screen.has(seq))
        resumed = await office.watch(seen=2)
        await office.settle(lambda: bool(resumed.events))
        assert [(name, event_id) for name, event_id, _ in resumed.events] == [("patch", "3")]
        lost = await office.watch(seen=77)
        await office.settle(lambda: bool(lost.events))
        assert lost.names == ["snapshot"]
        assert lost.board["seq"] == 3

    run(story)


def test_a_screen_that_joins_a_quiet_board_is_told_the_moment_of_now() -> None:
    async def story(office: Office) -> None:
        screen = await office.watch()
        await office.settle(lambda: bool(screen.board))
        office.books.board = replace(office.books.board, as_of=office.clock.moment + 60 * SECOND)
        joined = await office.watch()
        await office.settle(lambda: bool(joined.board))
        assert joined.board["as_of"].startswith("2026-11-23T10:01:0")
        assert screen.names == ["snapshot"]

    run(story)


def test_a_screen_from_before_a_restart_gets_a_snapshot() -> None:
    async def story(office: Office) -> None:
        screen = await office.watch(seen=office.books.board.seq)
        await office.settle(lambda: bool(screen.events))
        assert screen.names == ["snapshot"]

    run(story)


def test_another_day_is_a_new_snapshot() -> None:
    async def story(office: Office) -> None:
        screen = await office.watch(JSON._replace(period="today"))
        await office.settle(lambda: bool(screen.board))
        assert screen.board["period"]["from"] == "2026-11-23"
        office.clock.advance(24 * 3600)
        await office.settle(lambda: screen.board["period"]["from"] == "2026-11-24")
        assert screen.names.count("snapshot") == 2

    run(story)


def test_html_screens_get_rendered_parts() -> None:
    async def story(office: Office) -> None:
        screen = await office.watch(JSON._replace(form="html"))
        await office.settle(lambda: screen.names == ["snapshot"])
        office.commit(2, client("7"))
        await office.settle(lambda: len(screen.events) == 2)
        patch = screen.events[1][2]
        assert any("Клиент 7" in html for html in patch["set"].values())

    run(story)


def test_a_board_that_nobody_watches_is_forgotten_after_a_while() -> None:
    async def story(office: Office) -> None:
        screen = await office.watch()
        await office.settle(lambda: bool(screen.board))
        office.leave()
        await office.settle(lambda: office.hub.screens == 0)
        await beats(office, int(LINGER / SECOND / HEARTBEAT) + 3)
        reads = office.books.reads
        await beats(office, 10)
        assert office.books.reads == reads

    run(story)


def test_closing_ends_every_stream() -> None:
    async def story(office: Office) -> None:
        shows = [asyncio.create_task(office.hub.show(JSON, None, Watcher().send)) for _ in range(3)]
        await office.settle(lambda: office.hub.screens == 3)
        office.hub.close()
        async with asyncio.timeout(10):
            await asyncio.gather(*shows)
            await office.hub.show(JSON, None, Watcher().send)
        assert office.hub.screens == 0

    run(story)


def test_there_is_room_for_so_many_screens_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_SCREENS", 1)

    async def story(office: Office) -> None:
        office.hub.admit()
        await office.watch()
        with pytest.raises(TooManyScreens):
            office.hub.admit()

    run(story)
