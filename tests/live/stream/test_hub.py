"""The hub: one read and one frame for all subscribers of a query, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from service.app import create_app
from service.calendar import iso
from service.config import Config
from service.ledger.database.errors import Away, CutShort, Unavailable
from service.ledger.read.board import BoardRows, ClientRow, Selection
from service.live.board.query import BoardQuery
from service.live.page import render
from service.live.stream import reading
from service.live.stream.hub import AT_ONCE, HEARTBEAT_SECONDS, LINGER_SECONDS, Hub
from service.model import SECOND, Change, later
from tests.clocks import StandingClock
from tests.ledger.offices import Ledger
from tests.live import boards
from tests.live.boards import NOW, OFFICE, StubReader, board_rows, task
from tests.live.patches import apply_patch
from tests.live.stream.clients import Client, watch

JSON = BoardQuery("office", "month", "amount", "json", "ru")


def client(client_id: str, amount: int = 518_400, tasks: int = 1) -> ClientRow:
    """A client at risk, with overdue tasks."""
    overdue = (task(f"{client_id}-{n}", amount=amount) for n in range(tasks))
    return boards.client(client_id, f"Клиент {client_id}", amount, *overdue)


class Watcher:
    """A client that keeps the events of its stream and the board that follows from them."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str | None, Any]] = []
        self.board: dict[str, Any] = {}
        self.raw: list[bytes] = []

    def take(self, frame: bytes) -> None:
        self.raw.append(frame)
        fields = dict(line.split(": ", 1) for line in frame.decode().strip().split("\n"))
        data = json.loads(fields["data"])
        self.events.append((fields["event"], fields.get("id"), data))
        if fields["event"] == "snapshot":
            self.board = data
        elif fields["event"] == "patch" and "at_risk" in self.board:  # HTML is not put together here
            self.board = apply_patch(self.board, data)

    def has(self, seq: int) -> Callable[[], bool]:
        """Whether its board is that of a sequence number."""
        return lambda: bool(self.board) and self.board["seq"] == seq

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.events]


class Office:
    """A hub with its reader and clock."""

    def __init__(self) -> None:
        self.reader = StubReader()
        self.clock = StandingClock(NOW)
        self.storing = True
        self.hub = Hub(self.reader, {"office": OFFICE}, self.clock, lambda: self.storing)
        self._clients: list[Client] = []

    def watch(self, query: BoardQuery = JSON, last_seq: int | None = None) -> Watcher:
        watcher = Watcher()
        self._clients.append(watch(self.hub, query, watcher.take, last_seq))
        return watcher

    def leave(self) -> None:
        for client in self._clients:
            client.close()

    def commit(self, seq: int, *clients: ClientRow, silent: bool = False) -> None:
        self.reader.board = replace(board_rows(clients, seq=seq), silent=silent)
        self.hub.on_seq({"office": seq})

    async def settle(self, holds: Callable[[], bool]) -> None:
        """Let the hub work and time pass in small steps until a condition holds."""
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.001)
                self.clock.advance(0.01)

    async def beats(self, number: int) -> None:
        """Let the time of so many heartbeats pass, step by step, so that the hub can act on each."""
        for _ in range(number):
            self.clock.advance(HEARTBEAT_SECONDS)
            for _ in range(20):
                await asyncio.sleep(0.0005)
                self.clock.advance(0.01)


def boards_threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("lossboard-boards")]


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    opened = Office()
    yield opened
    await opened.hub.stop()


async def test_a_stream_begins_with_a_snapshot_and_goes_on_with_patches(office: Office) -> None:
    screen = office.watch()
    await office.settle(lambda: screen.names == ["snapshot"])
    office.commit(2, client("7"))
    await office.settle(lambda: len(screen.events) == 2)
    name, event_id, _ = screen.events[1]
    assert (name, event_id) == ("patch", "2")
    assert [row["client_id"] for row in screen.board["at_risk"]["list"]] == ["7"]


async def test_subscribers_of_a_query_get_the_same_bytes_and_cost_one_read(office: Office) -> None:
    screens = [office.watch() for _ in range(50)]
    await office.settle(lambda: all(screen.names == ["snapshot"] for screen in screens))
    reads = office.reader.reads
    assert reads <= 2
    office.commit(2, client("7"))
    await office.settle(lambda: all(len(screen.events) == 2 for screen in screens))
    assert len({id(screen.raw[1]) for screen in screens}) == 1
    assert office.hub.streams == 50


@pytest.mark.parametrize("away", [False, True], ids=["full", "away"])
async def test_a_screen_is_told_at_once_that_nothing_can_be_stored_and_that_it_can_again(
    office: Office, away: bool
) -> None:
    screen = office.watch()
    await office.settle(lambda: screen.names == ["snapshot"])
    assert screen.board["storing"] is True
    office.reader.error = Unavailable("away") if away else None
    office.storing = False
    office.hub.on_storing()
    await office.settle(lambda: screen.board["storing"] is False)
    assert screen.names == ["snapshot", "patch"]
    late = office.watch()
    await office.settle(lambda: late.board.get("storing") is False)
    office.reader.error = None
    office.storing = True
    office.hub.on_storing()
    await office.settle(lambda: screen.board["storing"] is True)
    office.storing = False
    await office.settle(lambda: "heartbeat" in screen.names)
    assert screen.events[-1][2]["storing"] is screen.board["storing"] is False


async def test_a_screen_that_saw_a_later_board_is_not_shown_an_older_one_while_the_database_is_away(
    office: Office,
) -> None:
    screen = office.watch()
    await office.settle(lambda: screen.names == ["snapshot"])
    office.reader.error = Unavailable("away")
    ahead = office.watch(last_seq=5)
    office.storing = False
    office.hub.on_storing()
    await office.settle(lambda: screen.board["storing"] is False)
    assert ahead.names == []
    office.reader.error = None
    office.commit(5, client("7"))
    await office.settle(ahead.has(5))


async def test_commits_in_a_storm_are_merged(office: Office) -> None:
    screen = office.watch()
    await office.settle(lambda: screen.names == ["snapshot"])
    for seq in range(2, 102):
        office.commit(seq, client("7", seq))
    await office.settle(lambda: screen.board.get("seq") == 101)
    assert len(screen.events) < 10


async def test_a_patch_that_is_not_news_is_silent(office: Office) -> None:
    screen = office.watch()
    await office.settle(lambda: screen.names == ["snapshot"])
    office.commit(2, client("7", 2), silent=True)
    await office.settle(lambda: screen.board.get("seq") == 2)
    office.commit(3, client("7", 3))
    await office.settle(lambda: screen.board.get("seq") == 3)
    assert [data.get("silent") for name, _, data in screen.events if name == "patch"] == [True, None]


async def test_queries_differ_in_order_and_period(office: Office) -> None:
    by_amount = office.watch()
    by_count = office.watch(JSON._replace(sort="count"))
    office.commit(2, client("rich", 900), client("busy", 100, tasks=3))
    for screen, first in ((by_amount, "rich"), (by_count, "busy")):
        await office.settle(screen.has(2))
        assert screen.board["at_risk"]["list"][0]["client_id"] == first


async def test_a_heartbeat_comes_within_five_seconds_with_the_moment_of_the_read(office: Office) -> None:
    screen = office.watch()
    await office.settle(lambda: screen.names == ["snapshot"])
    office.reader.board = replace(office.reader.board, as_of=later(office.clock.moment, 5 * SECOND))
    office.clock.advance(HEARTBEAT_SECONDS)
    await office.settle(lambda: "heartbeat" in screen.names)
    data = screen.events[-1][2]
    assert data["seq"] == 1
    assert data["as_of"].startswith("2026-11-23T10:00:05")


async def test_a_heartbeat_comes_at_once_when_the_clock_was_set(office: Office) -> None:
    screen = office.watch()
    await office.settle(lambda: screen.names == ["snapshot"])
    began = office.clock.monotonic()
    office.hub.on_clock_set()
    await office.settle(lambda: screen.names == ["snapshot", "heartbeat"])
    assert office.clock.monotonic() - began < HEARTBEAT_SECONDS / 2


@pytest.mark.parametrize("hours", [-12, 12])
async def test_heartbeats_go_on_when_the_clock_is_set(office: Office, hours: int) -> None:
    screen = office.watch()
    await office.settle(lambda: screen.names == ["snapshot"])
    office.clock.step(hours * 3600)
    office.reader.board = replace(office.reader.board, as_of=office.clock.moment)
    for beats in (1, 2, 3):
        await office.beats(1)
        assert screen.names.count("heartbeat") == beats
        assert screen.events[-1][2]["as_of"] == iso(office.reader.board.as_of, OFFICE.zone)


async def test_a_board_that_cannot_be_read_sends_no_heartbeat_and_comes_back(office: Office) -> None:
    screen = office.watch()
    await office.settle(lambda: screen.names == ["snapshot"])
    office.reader.error = Unavailable("away")
    reads = office.reader.reads
    office.clock.advance(HEARTBEAT_SECONDS)
    await office.settle(lambda: office.reader.reads > reads + 3)
    assert screen.names == ["snapshot"]
    office.reader.error = None
    office.commit(2, client("7"))
    await office.settle(lambda: screen.board.get("seq") == 2)
    await office.settle(lambda: "heartbeat" in screen.names)


async def test_a_lost_wake_up_is_made_good_by_the_next_heartbeat(office: Office) -> None:
    screen = office.watch()
    await office.settle(lambda: screen.names == ["snapshot"])
    office.reader.board = board_rows([client("7")], seq=2)
    office.clock.advance(HEARTBEAT_SECONDS)
    await office.settle(lambda: screen.board.get("seq") == 2)


async def test_a_subscriber_resumes_where_it_was(office: Office) -> None:
    screen = office.watch()
    for seq in (2, 3):
        await office.settle(lambda: bool(screen.board))
        office.commit(seq, client("7", seq))
        await office.settle(screen.has(seq))
    reads = office.reader.reads
    resumed = office.watch(last_seq=2)
    assert [(name, event_id) for name, event_id, _ in resumed.events] == [("patch", "3")]
    await asyncio.sleep(0.01)
    assert office.reader.reads == reads
    office.commit(4, client("7", 4))
    await office.settle(lambda: len(resumed.events) == 2)
    lost = office.watch(last_seq=77)
    await office.settle(lambda: bool(lost.events))
    assert lost.names == ["snapshot"]
    assert lost.board["seq"] == 4


async def test_what_a_read_brings_is_sent_to_a_screen_that_resumes_during_it_too(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = office.watch()
    await office.settle(lambda: bool(screen.board))
    office.commit(2, client("7"))
    await office.settle(screen.has(2))
    begun, go, read = threading.Event(), threading.Event(), office.reader.read

    def slow(*arguments: Any) -> BoardRows:
        rows = read(*arguments)
        begun.set()
        go.wait(20)
        return rows

    monkeypatch.setattr(office.reader, "read", slow)
    office.commit(3, client("7", 3))
    await office.settle(begun.is_set)
    resumed = office.watch(last_seq=2)
    assert resumed.events == []
    go.set()
    moment = office.clock.moment
    await office.settle(lambda: bool(resumed.events))
    assert [(name, event_id) for name, event_id, _ in resumed.events] == [("patch", "3")]
    assert office.clock.moment < later(moment, SECOND)  # before a heartbeat


async def test_a_subscriber_that_joins_later_gets_a_snapshot_of_the_current_moment(office: Office) -> None:
    screen = office.watch()
    await office.settle(lambda: bool(screen.board))
    office.reader.board = replace(office.reader.board, as_of=later(office.clock.moment, 60 * SECOND))
    joined = office.watch()
    await office.settle(lambda: bool(joined.board))
    assert joined.board["as_of"].startswith("2026-11-23T10:01:0")
    assert screen.names == ["snapshot"]


async def test_after_a_restart_a_subscriber_gets_a_snapshot(office: Office) -> None:
    screen = office.watch(last_seq=office.reader.board.seq)
    await office.settle(lambda: bool(screen.events))
    assert screen.names == ["snapshot"]


@pytest.mark.parametrize(
    ("period", "before", "after"),
    [("today", "2026-11-23", "2026-11-24"), ("yesterday", "2026-11-22", "2026-11-23")],
)
async def test_a_new_day_is_a_new_snapshot(office: Office, period: str, before: str, after: str) -> None:
    screen = office.watch(JSON._replace(period=period))
    await office.settle(lambda: bool(screen.board))
    assert screen.board["period"]["from"] == before
    office.clock.advance(24 * 3600)
    await office.settle(lambda: screen.board["period"]["from"] == after)
    assert screen.names.count("snapshot") == 2


async def test_an_html_stream_carries_rendered_fragments(office: Office) -> None:
    screen = office.watch(JSON._replace(form="html"))
    await office.settle(lambda: screen.names == ["snapshot"])
    office.commit(2, client("7"))
    await office.settle(lambda: len(screen.events) == 2)
    patch = screen.events[1][2]
    assert any("Клиент 7" in html for html in patch["set"].values())


async def test_a_board_that_nobody_watches_is_forgotten_after_a_while(office: Office) -> None:
    screen = office.watch()
    await office.settle(lambda: bool(screen.board))
    office.leave()
    await office.settle(lambda: office.hub.streams == 0)
    await office.beats(int(LINGER_SECONDS / HEARTBEAT_SECONDS) + 3)
    reads = office.reader.reads
    await office.beats(10)
    assert office.reader.reads == reads


async def test_closing_ends_every_stream(office: Office) -> None:
    clients = [watch(office.hub, JSON, Watcher().take) for _ in range(3)]
    assert office.hub.streams == 3
    office.hub.close()
    clients.append(watch(office.hub, JSON, Watcher().take))
    assert all(client.closed for client in clients)
    assert office.hub.streams == 0
    assert office.hub.places.full(JSON, None) is None


class FailingView(StubReader):
    """A reader that cannot read what one manager's view asks for."""

    def read(
        self, account_id: str, selections: Sequence[Selection], since: BoardRows | None = None
    ) -> BoardRows:
        if any(selection.manager_id == "bad" for selection in selections):
            raise Unavailable("a text has a NUL")
        return super().read(account_id, selections, since)


async def test_a_view_that_cannot_be_read_ends_and_all_others_go_on(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.reader = office.hub._reader = FailingView()
    screen, filtered = office.watch(), office.watch(JSON._replace(manager="3"))
    await office.settle(lambda: screen.names == filtered.names == ["snapshot"])
    for seq in (2, 3):
        bad = office.watch(JSON._replace(manager="bad"))
        await office.settle(lambda: office.hub.streams == 2)
        office.commit(seq, client("7", seq))
        await office.settle(screen.has(seq))
        await office.settle(filtered.has(seq))
        assert bad.raw == []
    await office.settle(lambda: "heartbeat" in screen.names)
    assert {name for name in screen.names if name != "heartbeat"} == {"snapshot", "patch"}
    assert "a view of the board of office cannot be read" in caplog.text


class LosingReader(StubReader):
    """A reader whose next reads raise these errors; None: the read succeeds."""

    errors: Sequence[Unavailable | None] = ()

    def read(
        self, account_id: str, selections: Sequence[Selection], since: BoardRows | None = None
    ) -> BoardRows:
        error, *self.errors = self.errors or [None]
        if error is not None:
            raise error
        return super().read(account_id, selections, since)


LOST: Final = CutShort("the connection was lost")


@pytest.mark.parametrize("errors", [[LOST], [Away("the server starts")], [LOST, None, LOST]])
async def test_a_database_that_is_away_for_a_moment_is_no_views_fault(
    errors: Sequence[Unavailable | None], office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.reader = office.hub._reader = reader = LosingReader()
    screen = office.watch()
    await office.settle(lambda: screen.names == ["snapshot"])
    reader.errors = errors
    office.commit(2, client("7", 2))
    await office.settle(screen.has(2))
    assert office.hub.streams == 1
    assert "a view" not in caplog.text


async def test_what_a_database_refuses_to_read_silences_no_other_view(ledger_url: str) -> None:
    """PostgreSQL refuses NUL in a text."""
    ledger, clock = Ledger(ledger_url, NOW), StandingClock(NOW)
    hub = Hub(ledger.reader, {"office": ledger.account}, clock)
    screen, bad = Watcher(), Watcher()
    clients = [
        watch(hub, query, watcher.take)
        for query, watcher in ((JSON, screen), (JSON._replace(manager="\0"), bad))
    ]
    for deal in range(1, 4):
        ledger.say(Change("deal", str(deal), NOW, {"known": True, "status": "lost", "amount": 100}))
        hub.on_seq({"office": ledger.head.seq})
        async with asyncio.timeout(20):
            while not screen.board or screen.board["seq"] != ledger.head.seq:
                await asyncio.sleep(0.001)
                clock.advance(0.01)
        assert screen.board["losses"]["total"]["count"] == deal
    assert clients[1].closed == (not ledger.database.is_sqlite)
    await hub.stop()
    ledger.close()


@pytest.mark.parametrize("part", ["built", "html_snapshot", "html_patch"])
async def test_a_bug_that_one_view_meets_ends_that_view_alone(
    part: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = reading if part == "built" else render
    sound = getattr(module, part)

    def buggy(*arguments: Any, **named: Any) -> Any:
        if any(isinstance(one, BoardQuery) and one.language == "en" for one in arguments) and broken:
            raise ZeroDivisionError
        return sound(*arguments, **named)

    broken = False
    monkeypatch.setattr(module, part, buggy)
    html = JSON._replace(form="html")
    screen, other = office.watch(html), office.watch()
    bad = office.watch(html._replace(language="en"))
    await office.settle(lambda: screen.names == other.names == bad.names == ["snapshot"])
    broken = True
    office.watch(html._replace(language="en"))
    for seq in (2, 3):
        office.commit(seq, client("7", seq))
        await office.settle(other.has(seq))
    await office.settle(lambda: office.hub.streams == 2 and len(screen.events) == 3)
    assert screen.names == ["snapshot", "patch", "patch"]
    assert bad.names == ["snapshot"]


async def test_no_account_waits_for_the_board_of_another() -> None:
    """Not even while that one is read without end."""
    reader, clock = StuckReader(), StandingClock(NOW)
    hub = Hub(reader, {name: replace(OFFICE, id=name) for name in ("slow", "office", "third")}, clock)
    watchers = {name: Watcher() for name in ("slow", "office", "third")}
    for name, watcher in watchers.items():
        query = JSON._replace(account=name)
        for _ in range(2):
            watch(hub, query, watcher.take)
        while name == "slow" and not reader.stuck.is_set():
            await asyncio.sleep(0)
    async with asyncio.timeout(20):
        while not (watchers["office"].board and watchers["third"].board):
            await asyncio.sleep(0.001)
    assert watchers["slow"].raw == []
    reader.released.set()
    async with asyncio.timeout(20):
        while not watchers["slow"].board:
            await asyncio.sleep(0.001)
    await hub.stop()


async def test_a_board_that_takes_long_to_read_rests_as_long() -> None:
    reader, clock = StuckReader(), StandingClock(NOW)
    hub = Hub(reader, {"slow": replace(OFFICE, id="slow")}, clock)
    watcher = Watcher()
    watch(hub, JSON._replace(account="slow"), watcher.take)
    async with asyncio.timeout(20):
        while not reader.stuck.is_set():
            await asyncio.sleep(0.001)
        clock.advance(3)
        reader.released.set()
        while not watcher.board:
            await asyncio.sleep(0.001)
        hub.on_seq({"slow": 2})
        for _ in range(29):
            clock.advance(0.1)
            await asyncio.sleep(0.001)
        assert reader.reads == 1
        while reader.reads == 1:
            clock.advance(0.1)
            await asyncio.sleep(0.001)
    await hub.stop()


class StuckReader(StubReader):
    """A reader that is stuck with the board of one account until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck, self.released = threading.Event(), threading.Event()

    def read(
        self, account_id: str, selections: Sequence[Selection], since: BoardRows | None = None
    ) -> BoardRows:
        if account_id == "slow":
            self.stuck.set()
            self.released.wait(60)
        return super().read(account_id, selections, since)


async def test_when_the_hub_has_stopped_nothing_of_it_runs(office: Office) -> None:
    tasks = asyncio.all_tasks()
    screen = office.watch()
    await office.settle(lambda: bool(screen.board))
    async with asyncio.timeout(20):
        await office.hub.stop()
    assert asyncio.all_tasks() == tasks
    assert boards_threads() == []


async def test_the_service_has_stopped_its_hub_when_it_is_down(sqlite_ledgers: Callable[[], str]) -> None:
    url = sqlite_ledgers()
    Ledger(url, NOW).close()
    service = create_app(Config(url, (OFFICE,)), StandingClock(NOW))
    screen = Watcher()
    async with service.app.router.lifespan_context(service.app):
        client = watch(service.hub, JSON, screen.take)
        async with asyncio.timeout(20):
            while not screen.board:
                await asyncio.sleep(0.001)
    assert boards_threads() == []
    assert service.hub.watched == set()
    assert client.closed


async def test_others_have_their_turn_while_many_screens_are_written_to(office: Office) -> None:
    screens = [office.watch() for _ in range(3 * AT_ONCE)]
    turns = []

    async def other() -> None:
        while True:
            turns.append(sum(len(screen.events) == 2 for screen in screens))
            await asyncio.sleep(0)

    await office.settle(lambda: all(screen.names == ["snapshot"] for screen in screens))
    working = asyncio.create_task(other())
    office.commit(2, client("7"))
    await office.settle(lambda: all(len(screen.events) == 2 for screen in screens))
    working.cancel()
    assert {AT_ONCE, 2 * AT_ONCE} <= set(turns)
