"""An office whose clock is set again and again, in either direction, while it works. The CRM's is right.

Writer, ticker and hub run as they do in the service, on SQLite, on a clock that the experiment moves. Five
seconds after each step the board and an open stream show what the oracle computes for the new time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from service.calendar import iso, local_day, shifted
from service.ledger.database import schema
from service.ledger.read.board import Selection
from service.ledger.read.reader import BoardReader
from service.ledger.upkeep.ticker import Ticker
from service.ledger.write.heads import CLOCK_SKEW
from service.ledger.write.writer import Writer
from service.live.board.query import BoardQuery
from service.live.stream.hub import Hub
from service.model import DAY, SECOND, Change, Decoded, Delivery, Value, later
from tests import oracle
from tests.clocks import StandingClock
from tests.histories import HOUR, MINUTE, at, numbered
from tests.ledger.offices import OFFICE, Ledger
from tests.live.patches import apply_patch
from tests.live.stream.clients import watch

STEPS: Final = 1_000
"""Settings of the clock in the full length."""

BEGAN: Final = at("2026-11-23T12:00:00+03:00")
FOLLOW_SECONDS: Final = 5.0
PROMPT_SECONDS: Final = 1.0
"""In which a heartbeat follows a step."""

GRAIN_SECONDS: Final = 0.25
PARTS: Final = 2
"""The ticker and the hub's task: who sleeps while nothing is to be done."""

SPANS: Final = (SECOND, 30 * SECOND, CLOCK_SKEW, CLOCK_SKEW + SECOND, 10 * MINUTE, 5 * HOUR, DAY, 400 * DAY)


@dataclass
class Watcher:
    """An open stream: the board that it shows, and how old its last frame is."""

    clock: StandingClock
    board: dict[str, Any] = field(default_factory=dict)
    as_of: str = ""
    heard_at: float = 0.0
    frames: Counter[str] = field(default_factory=Counter)

    def take(self, sent: bytes) -> None:
        """Take a frame."""
        lines = dict(line.split(": ", 1) for line in sent.decode().strip().split("\n"))
        name, data = lines["event"], json.loads(lines["data"])
        self.frames[name] += 1
        self.as_of, self.heard_at = data["as_of"], self.clock.monotonic()
        if name != "heartbeat":
            self.board = data if name == "snapshot" else apply_patch(self.board, data)


class Office:
    """The office at work."""

    def __init__(self, ledger: Ledger, rng: random.Random) -> None:
        self.clock = StandingClock(BEGAN)
        self.rng = rng
        self.ledger = ledger
        self.applied: list[Delivery] = []
        accounts = {"office": OFFICE}
        self.writer = Writer(ledger.database, accounts, self.clock)
        self.ticker = Ticker(ledger.database, ["office"], self.writer, self.clock)
        self.reader = BoardReader(ledger.database, accounts, self.clock)
        self.hub = Hub(self.reader, accounts, self.clock)
        self.writer.on_commit += [
            self.ticker.on_commit,
            lambda heads: self.hub.on_seq({key: head.seq for key, head in heads.items()}),
        ]
        self.ticker.on_set.append(self.hub.on_clock_set)
        self.watcher = Watcher(self.clock)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Work, with one screen."""
        self.writer.start()
        query = BoardQuery("office", "month", "amount", "json", "ru")
        ticking = asyncio.create_task(self.ticker.run())
        watch(self.hub, query, self.watcher.take)
        try:
            await self.passes(1)
            yield
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            await self.hub.stop()
            await self.writer.stop()

    async def rest(self) -> None:
        """Let everything work that is to be done now."""
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0.0002)
            quiet = quiet + 1 if self.clock.sleepers >= PARTS else 0

    async def passes(self, seconds: float) -> None:
        """Let time pass in small steps."""
        for _ in range(max(1, round(seconds / GRAIN_SECONDS))):
            self.clock.advance(GRAIN_SECONDS)
            await self.rest()

    async def work(self) -> None:
        """The CRM posts a change of some deal or task, dated by its own clock."""
        now = later(BEGAN, round(self.clock.monotonic() * SECOND))
        near = later(self.clock.now(), self.rng.choice((-1, 1)) * self.rng.choice(SPANS))
        key = str(len(self.applied))
        fields: dict[str, Value] = {"known": True, "client_id": self.rng.choice("xyz"), "amount": 100}
        change = Change("deal", self.rng.choice("abcd"), now, fields)
        if self.rng.random() < 0.3:
            fields |= {"status": self.rng.choice(("open", "lost")), "closed_at": now}
        if self.rng.random() < 0.6:
            due: dict[str, Value] = {
                "deal_id": change.id,
                "due_at": near,
                "completed": self.rng.random() < 0.2,
            }
            change = Change("task", self.rng.choice("123456"), now, due)
        delivery = Delivery("office", self.clock.now(), {}, key.encode(), Decoded(key, (change,)))
        self.applied.append(delivery)
        assert (await self.writer.submit(delivery)).status == "applied"

    def check(self) -> None:
        """The board and the stream are those of the oracle, now."""
        now = self.clock.now()
        today = local_day(now, OFFICE.zone)
        selections = (Selection(today, today), Selection(shifted(today, -60), today))
        truth = oracle.board(numbered(self.applied), now, OFFICE, selections)
        read = self.reader.read("office", selections)
        assert read.as_of == now, (read.as_of - now) / SECOND
        assert oracle.comparable(read) == oracle.comparable(truth)
        shown, at_risk = self.watcher.board["at_risk"], truth.totals["at_risk"]
        assert (shown["clients"], shown["tasks"]) == (at_risk["clients"], at_risk["tasks"])
        age = self.clock.monotonic() - self.watcher.heard_at
        assert age <= FOLLOW_SECONDS
        expected = iso(later(now, -round(age * SECOND)), OFFICE.zone)
        assert self.watcher.as_of == expected, f"{self.watcher.as_of}, not {expected}"


async def _steps(office: Office, number: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    async with office.open():
        for _ in range(number):
            for _ in range(office.rng.randrange(3)):
                await office.work()
            await office.passes(office.rng.choice((0.25, 2, 7)))
            span = office.rng.choice((-1, 1)) * office.rng.choice(SPANS)
            office.clock.step(span / SECOND)
            counts["back" if span < 0 else "forward"] += 1
            beats = office.watcher.frames["heartbeat"]
            await office.passes(PROMPT_SECONDS)
            assert office.watcher.frames["heartbeat"] > beats, "no heartbeat followed"
            await office.passes(FOLLOW_SECONDS - PROMPT_SECONDS)
            if -CLOCK_SKEW < span < 0:  # due times may wait for the clock
                counts["back by less than a minute"] += 1
                await office.passes(-span / SECOND)
            office.check()
    return counts


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Set the clock many times."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder)}/office.db"
        schema.migrate(url)
        with contextlib.closing(Ledger(url, BEGAN)) as ledger:
            office = Office(ledger, random.Random(seed))
            counts = asyncio.run(_steps(office, max(4, round(STEPS * scale))))
            assert ledger.differences() == []
            heard = office.watcher.frames
    return {
        "steps forward": counts["forward"],
        "steps back": counts["back"],
        "steps back of less than a minute": counts["back by less than a minute"],
        "webhooks": len(office.applied),
        "heartbeats": heard["heartbeat"],
        "patches": heard["patch"],
    }
