"""The hub while the configuration is reloaded: screens stay and see what changed, and lose what was taken."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

import pytest

from service.config import Account, Secret
from service.ledger.read.board import BoardRows, Selection
from service.live.http.channels import Channel
from service.live.http.routes import Boards
from service.live.stream.hub import Hub
from service.live.stream.open_stream import OpenStream
from service.live.stream.wire import Wire
from tests.live.boards import OFFICE, StubReader
from tests.live.stream.clients import Client
from tests.live.stream.test_hub import JSON, Office, Watcher


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    opened = Office()
    yield opened
    await opened.hub.stop()


def by_screen(hub: Hub, watcher: Watcher, screen: str | None) -> Client:
    """A client that watches the office with the token of a named screen, or with the viewer token."""
    client = Client(watcher.take)
    stream = OpenStream(client, Wire(), [hub.places.taken(JSON, screen)])
    hub.subscribe(stream, JSON, None, screen=screen)
    return client


async def test_an_open_screen_gets_the_whole_board_of_a_changed_account_and_no_other_does(
    office: Office,
) -> None:
    screen = office.watch()
    await office.settle(lambda: screen.names == ["snapshot"])
    office.hub.on_accounts({"office": OFFICE})
    office.commit(2)
    await office.settle(screen.has(2))
    assert screen.names == ["snapshot", "patch"]
    office.hub.on_accounts({"office": replace(OFFICE, title="Другой отдел")})
    await office.settle(lambda: screen.board["title"] == "Другой отдел")
    assert screen.names == ["snapshot", "patch", "snapshot"]
    assert office.hub.streams == 1


async def test_a_new_viewer_token_ends_what_the_old_one_opened_and_leaves_named_screens(
    office: Office,
) -> None:
    watchers = Watcher(), Watcher()
    viewer, named = (by_screen(office.hub, *one) for one in zip(watchers, (None, "digest"), strict=True))
    await office.settle(lambda: all(watcher.board for watcher in watchers))
    office.hub.on_accounts({"office": replace(OFFICE, title="Другой отдел")})
    assert not viewer.closed
    office.hub.on_accounts({"office": replace(OFFICE, viewer_token=Secret("another-viewer-token"))})
    assert viewer.closed
    assert not named.closed
    assert office.hub.streams == 1


async def test_the_streams_of_an_account_that_is_gone_end_and_nothing_reads_it(office: Office) -> None:
    watcher = Watcher()
    client = by_screen(office.hub, watcher, "digest")
    await office.settle(lambda: bool(watcher.board))
    office.hub.on_accounts({})
    assert client.closed
    assert office.hub.watched == set()
    assert office.hub.streams == 0


async def test_a_read_by_the_old_configuration_is_not_shown(office: Office) -> None:
    started, go_on = threading.Event(), threading.Event()

    class Slow(StubReader):
        def read(
            self, account_id: str, selections: Sequence[Selection] = (), since: BoardRows | None = None
        ) -> BoardRows:
            started.set()
            go_on.wait(20)
            return super().read(account_id, selections, since)

    accounts: Mapping[str, Account] = {"office": OFFICE}
    hub = Hub(Slow(), accounts, office.clock)
    watcher = Watcher()
    by_screen(hub, watcher, None)
    try:
        await office.settle(started.is_set)
        hub.on_accounts({"office": replace(OFFICE, title="Другой отдел")})
        go_on.set()
        await office.settle(lambda: bool(watcher.events))
        assert watcher.events[0][2]["title"] == "Другой отдел"
    finally:
        go_on.set()
        async with asyncio.timeout(20):
            await hub.stop()


@pytest.mark.parametrize(
    "now", [{}, {"office": replace(OFFICE, viewer_token=Secret("another-viewer-token"))}]
)
async def test_a_stream_that_was_let_in_before_a_reload_and_opens_after_it_ends_at_once(
    office: Office, now: Mapping[str, Account]
) -> None:
    boards = Boards(office.hub, office.reader, now, None, None, office.clock)  # type: ignore[arg-type]
    client = Client(lambda _frame: None)
    stream = OpenStream(client, Wire(), [office.hub.places.taken(JSON, None)])
    boards._show(stream, Channel(OFFICE, JSON, None, None))
    assert client.closed
    assert office.hub.streams == 0
    assert office.hub.places._streams == 0
