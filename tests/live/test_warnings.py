"""Each warning: something raises it in the ledger; JSON, stream, page and wall show it in both languages; and
it goes when that is over."""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, get_args

import msgspec
import pytest

from service.config import Api, Language, Secret
from service.ledger.read.reader import BoardReader
from service.ledger.write import syncs, troubles
from service.ledger.write.apply import release
from service.ledger.write.syncs import SyncRun
from service.live.board.build import build_snapshot
from service.live.board.query import BoardQuery, Mode
from service.live.board.snapshot import Snapshot
from service.live.page import render
from service.live.stream.hub import Hub
from service.live.text.warnings import CODES, Warned, warning_text
from service.model import Change, Decoded, Delivery, Rejection, TroubleCode, Value, earlier
from tests.clocks import StandingClock
from tests.ledger.offices import OFFICE, Ledger
from tests.live.boards import MONTH, NOW
from tests.live.page.html import links_of, text
from tests.live.patches import apply_patch
from tests.live.stream.clients import watch

ACCOUNT: Final = replace(OFFICE, public_url="https://board.example", api=Api(Secret("token")))
"""It has an API, so that reasons can be asked for."""

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
JSON: Final = BoardQuery("office", "month", "amount", "json", "ru")
SEEN: Final = [
    JSON._replace(form="html", language=language, mode=mode) for language in LANGUAGES for mode in MODES
]
SUBJECTS: Final = {"requests_refused": "signature", "reason_field": "Причина отказа"}


@dataclass(eq=False)
class Screen:
    """What the stream of a query makes of a screen: the board, or the fragments of a page."""

    board: dict[str, Any] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    seq: int = -1

    def take(self, sent: bytes) -> None:
        lines = dict(line.split(": ", 1) for line in sent.decode().strip().split("\n"))
        frame, name = json.loads(lines["data"]), lines["event"]
        if name == "heartbeat":
            return
        self.seq = frame["seq"]
        if "losses" in frame:
            self.board = frame
        elif self.board:
            self.board = apply_patch(self.board, frame)
        else:
            self.fragments |= frame["set"]

    @property
    def text(self) -> str:
        return text("".join(self.fragments.values()))


class Office:
    """An account's ledger, and the screens that show it."""

    def __init__(self, url: str) -> None:
        self.ledger = Ledger(url, NOW, ACCOUNT)
        self.clock = StandingClock(NOW)
        self.reader = BoardReader(self.ledger.database, {"office": ACCOUNT}, self.clock)
        self.storing = True
        self.hub = Hub(self.reader, {"office": ACCOUNT}, self.clock, lambda: self.storing)
        self.screens = {query: Screen() for query in (JSON, *SEEN)}

    def open(self) -> None:
        """Open every screen."""
        for query, screen in self.screens.items():
            watch(self.hub, query, screen.take)

    async def shown(self) -> Snapshot:
        """The board, once every screen has been sent it."""
        seq = self.ledger.head.seq
        self.hub.on_seq({"office": seq})
        async with asyncio.timeout(20):
            while any(screen.seq != seq for screen in self.screens.values()):
                await asyncio.sleep(0.001)
                self.clock.advance(0.01)
        rows = self.reader.read("office", MONTH.selections)
        return build_snapshot(rows, ACCOUNT, JSON, MONTH)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the hub work and time pass until a condition holds, without any heartbeat."""
        for _ in range(400):
            if holds():
                return
            await asyncio.sleep(0.001)
            self.clock.advance(0.01)
        raise AssertionError("it did not happen before the next heartbeat")

    def write(self, work: Callable[..., object], *arguments: object) -> None:
        """Run a write of the ledger in a transaction of its own."""
        with self.ledger.engine.begin() as connection:
            work(connection, "office", *arguments)

    def deal(self, **fields: Value) -> None:
        """The CRM reports a deal, each time a moment later than the last."""
        at = earlier(NOW, 1_000_000 - self.ledger.head.deliveries)
        self.ledger.say(Change("deal", "1", at, {"known": True, **fields}))

    def reconcile(self, repaired: int) -> None:
        """A reconciliation is complete."""
        run = SyncRun("reconcile", NOW, repaired=repaired)
        self.write(syncs.begin, run)
        self.write(syncs.finish, "", run)

    def reject(self) -> None:
        """A delivery comes that cannot be read."""
        rejected = Decoded("bad", (), (Rejection(0, "undecodable", "not JSON"),))
        self.ledger.deliver(Delivery("office", NOW, {}, b"?", rejected))


@pytest.fixture
async def office(sqlite_ledgers: Callable[[], str]) -> AsyncIterator[Office]:
    opened = Office(sqlite_ledgers())
    yield opened
    await opened.hub.stop()
    opened.ledger.close()


LOST: Final[dict[str, Value]] = {"status": "lost", "amount": 100, "closed_at": NOW}


def raised(office: Office, code: str) -> None:
    """What raises the warning."""
    match code:
        case "never_heard":
            pass
        case "quarantine":
            office.reject()
        case "amount_unknown":
            office.deal(**LOST | {"amount": None, "reason_id": None})
        case "unconverted":
            office.deal(**LOST, currency="USD", reason_id=None)
        case "unclassified":
            office.deal(**LOST, reason_id=None)
        case "reasons_pending":
            office.deal(**LOST)
        case "missed":
            office.reconcile(3)
        case _:
            office.write(troubles.tell, code, SUBJECTS.get(code, ""), NOW, 3)


def over(office: Office, code: str) -> None:
    """What ends it."""
    match code:
        case "quarantine":
            office.write(release, office.ledger.head.deliveries)
        case "missed":
            office.reconcile(0)
        case code if code in get_args(TroubleCode):
            office.write(troubles.clear, [code])
        case _:
            office.deal(**LOST, currency="RUB", reason_id="выбрал других")
            office.ledger.say(Change("reason", "выбрал других", NOW, {"name": "Выбрал других"}))


def words(warned: Warned, query: BoardQuery) -> str:
    """What a screen must show of a warning."""
    if warned.code == "never_heard":
        return "https://board.example/webhooks/office"
    if warned.code == "unclassified" and query.mode == "wall":
        return {"ru": "Не разобрано", "en": "Unclassified"}[query.language]
    return html.escape(warning_text(warned, "2026-11-23", query.language)).replace("&#x27;", "&#39;")


@pytest.mark.parametrize("code", CODES)
async def test_a_warning_comes_everywhere_in_both_languages_and_goes(office: Office, code: str) -> None:
    if code != "never_heard":
        office.deal(status="open", amount=100)
    office.open()
    before = await office.shown()
    assert [warning.code for warning in before.warnings] == (["never_heard"] if code == "never_heard" else [])

    raised(office, code)
    board = await office.shown()
    [warned] = [warning for warning in board.warnings if warning.code == code]
    assert warned.text == warning_text(warned, "2026-11-23", "ru")
    assert warned.count >= 1
    assert msgspec.to_builtins(warned) in office.screens[JSON].board["warnings"]
    for query in SEEN:
        page = render.page(board, ACCOUNT, query)
        for shown in (office.screens[query].text, text(page)):
            assert words(warned, query) in shown, query
        led = [
            link
            for link in links_of(page)
            if link.startswith(("office/deals", "office/troubles", "office/unp"))
        ]
        assert bool(led) is (query.mode == "desk" and code != "never_heard")

    over(office, code)
    after = await office.shown()
    assert after.warnings == ()
    assert office.screens[JSON].board["warnings"] == []
    for query in SEEN:
        for shown in (office.screens[query].text, text(render.page(after, ACCOUNT, query))):
            assert words(warned, query) not in shown, query


async def test_an_account_that_knows_nothing_shows_no_zeros_and_no_tick(office: Office) -> None:
    office.open()
    board = await office.shown()
    for query in SEEN:
        for shown in ("".join(office.screens[query].fragments.values()), render.page(board, ACCOUNT, query)):
            assert "all-clear" not in shown
            assert "data-value" not in shown
            assert "data-figure" not in shown
    office.deal(status="open", amount=100)
    await office.shown()
    for query in SEEN:
        shown = "".join(office.screens[query].fragments.values())
        assert "all-clear" in shown
        assert shown.count("data-figure") >= 6


@pytest.mark.parametrize("query", [JSON, *SEEN], ids=str)
async def test_open_screens_say_at_once_that_nothing_can_be_stored(office: Office, query: BoardQuery) -> None:
    office.deal(status="open", amount=100)
    office.open()
    await office.shown()
    screen = office.screens[query]
    words = {"ru": "Сервис не может сохранить", "en": "The service cannot store"}[query.language]

    def told() -> bool:
        return words in screen.text or screen.board.get("storing") is False

    office.storing = False
    office.hub.on_storing()
    await office.until(told)
    office.storing = True
    office.hub.on_storing()
    await office.until(lambda: not told())
