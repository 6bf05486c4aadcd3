"""Every kind of call of every CRM, answered badly in every way: nothing is lost, no run counts as complete,
it is told, and once the CRM is well again the board equals the truth without anybody's help.

A sample is run, in which each call of each CRM is answered badly in one way, and no two CRMs begin with the
same; LOSSBOARD_ANSWERS=all runs all.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest
from sqlalchemy import Connection

from service.adapters.bitrix24.api import Bitrix24Api
from service.demo.office import Office
from service.ledger.write import needs, state, syncs, troubles
from service.ledger.write.apply import apply
from service.ledger.write.syncs import SyncRun
from service.model import Entity, Instant, Trouble
from tests.demo.clock import StillClock
from tests.sync.bad_answers import BAD, LATER, OF_LATER, TOLD, Meddler
from tests.sync.connected import Connected, connected
from tests.sync.crms import CRMS

KINDS: Final = [kind for kind in CRMS if kind != "pipedrive v1"]
PAGE: Final = 8
"""Entries on a page, so that lists of a small office have several."""

DOCUMENTED: Final = {
    ("amocrm", "204"): "an empty list has no body",
    ("hubspot", "404"): "there is no such property",
}
"""The bad answers that are good ones to some call."""

PER_OFFICE: Final = 60
"""Bad answers that are tried on one office. It grows with each, and a list may have a number of pages that is
not believed."""

HOUR: Final = 3600
STEPS: Final = 400


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = "service.adapters"
    monkeypatch.setattr(f"{adapters}.amocrm.api._PAGE", (("limit", str(PAGE)),))
    monkeypatch.setattr(f"{adapters}.hubspot.api.SEARCH_PAGE", PAGE)
    monkeypatch.setattr(f"{adapters}.hubspot.api.LIST_PAGE", PAGE)
    monkeypatch.setattr(f"{adapters}.pipedrive.api.PAGE", str(PAGE))
    for module in (
        f"{adapters}.bitrix24.api",
        f"{adapters}.bitrix24.lists",
        "service.demo.crms.bitrix24.query",
    ):
        monkeypatch.setattr(f"{module}.PAGE", PAGE)
    monkeypatch.setattr(Bitrix24Api, "batch", PAGE)  # its lists by ids have one page


@dataclass
class Tried:
    """A service on whose calls bad answers are tried, one after another."""

    service: Connected
    meddler: Meddler
    numbers: Iterator[int]
    asked: str = ""
    """The kind of call that is answered badly."""

    @property
    def office(self) -> Office:
        """The CRM's office."""
        return self.service.vendor.office

    async def happen(self) -> None:
        """Something of everything happens: half of it is told, the other half is lost."""
        office, number = self.office, next(self.numbers)
        now = int(office.now())
        managers: Any = office.managers
        managers[500 + number] = f"Новый {number}"
        pipeline = next(iter(office.pipelines))
        client = office.add_client(f"Клиент {number}")
        deal = office.add_deal("Абонемент", 518400, client.id, 500 + number, pipeline)
        firm = office.add_client(f"ООО {number}", company=True)
        second = office.add_deal("Курс", 10000, firm.id, 31, pipeline)
        alive = [one.id for one in office.deals.values() if not one.deleted and one.status == "open"]
        told = [deal, second, office.add_task("позвонить", 31, now - HOUR, deal_id=deal.id)]
        told.append(office.lose(alive[0], next(iter(office.reasons.values()))))
        for event in told:
            await self.service.postman.tell(event)
        office.edit_deal(alive[1], amount=100 * number + 100)
        office.delete_deal(alive[2])
        office.add_task("уточнить", 31, now - HOUR, deal_id=alive[3])
        office.complete(next(task.id for task in office.tasks.values() if not task.completed))

    async def begin(self, kind: str) -> None:
        """Begin a run, and have everything else looked at too."""
        service, now = self.service, self.service.clock.now()
        synced_at = (await service.state()).synced_at or Instant(0)
        run = SyncRun("backfill", now) if kind == "backfill" else SyncRun("reconcile", now, since=synced_at)
        await service.database.write(lambda connection: syncs.begin(connection, "office", run))
        service.sync._webhook_checked_at = service.sync._field_checked_at = None

    async def pump(self) -> bool:
        """Work until trouble is told, or there is nothing to do; returns whether it was told."""
        clock, sync = self.service.clock, self.service.sync
        for _ in range(STEPS):
            clock.still.advance(max(0.0, sync._back_off_until - clock.monotonic()))
            idle = await sync.turn()
            if any(trouble.code.startswith("api_") for trouble in await self.troubles()):
                return True
            if idle > 0:
                if not self.meddler.hits or await self._is_over():
                    return False
                clock.still.advance(idle)
        return False

    async def _is_over(self) -> bool:
        """Whether nothing will be asked badly again: what was asked for by id is known by other ways."""
        by_id = " by id" in self.asked
        open_needs = await self.service.database.read(lambda connection: needs.count(connection, "office"))
        return by_id and not open_needs and (await self.service.state()).run is None

    async def recover(self) -> None:
        """The CRM is well again; some hours go by, and some more if it is not known by then."""
        for _ in range(2):
            self.service.clock.still.advance(3.5 * HOUR)
            await self.service.work()
            if not await self.troubles() and not await self.service.differing():
                break
        account, now = self.service.account, self.service.clock.now()
        await self.service.database.write(lambda connection: apply(connection, account, [], now))

    async def troubles(self) -> tuple[Trouble, ...]:
        """What is told."""
        return await self.service.database.read(lambda connection: troubles.read(connection, "office"))

    async def lost(self, known: set[tuple[Entity, str]]) -> set[tuple[Entity, str]]:
        """Those of the known deals and tasks that the CRM has and the board does not have any more."""
        return self.in_crm() & known - await self.held()

    def in_crm(self) -> set[tuple[Entity, str]]:
        """The deals and tasks of the CRM."""
        there: set[tuple[Entity, str]] = set()
        there |= {("deal", str(deal.id)) for deal in self.office.deals.values() if not deal.deleted}
        there |= {("task", str(task.id)) for task in self.office.tasks.values() if not task.deleted}
        return there

    async def held(self) -> set[tuple[Entity, str]]:
        """The deals and tasks of the board that are not deleted."""
        return await self.service.database.read(self._held)

    def _held(self, connection: Connection) -> set[tuple[Entity, str]]:
        there: set[tuple[Entity, str]] = set()
        entities: tuple[Entity, ...] = ("deal", "task")
        for entity in entities:
            ids = [id for kind, id in self.in_crm() if kind == entity]
            records = state.load(connection, "office", entity, ids)
            there |= {(entity, id) for id, record in records.items() if record.values}
        return there

    async def give(self, kind: str, bad: str) -> None:
        """Answer a kind of call badly until that is told; then be well again."""
        case = f"{bad} to {kind}"
        known, before = await self.held(), (await self.service.state()).synced_at
        await self.happen()
        self.asked = kind
        self.meddler.arm(kind, BAD[bad])
        told = False
        for run in ("backfill", "reconcile"):
            await self.begin(run)
            told = await self.pump()
            if self.meddler.hits:
                break
        assert self.meddler.hits, f"{case} was not given"
        if not self.meddler.documented:
            assert told, f"{case} is not told"
            codes = {trouble.code for trouble in await self.troubles()}
            assert codes <= {TOLD.get(bad, code) for code in codes}, f"{case}: {codes}"
            state_now = await self.service.state()
            assert not self.meddler.hits_in_run or state_now.run is not None, f"a run is complete with {case}"
        else:
            assert self.is_documented(bad), f"{case} is taken for an answer"
        assert await self.lost(known) == set(), case
        assert before is not None
        self.meddler.chosen = None
        await self.recover()
        assert await self.troubles() == (), case
        assert await self.service.differing() == set(), case

    def is_documented(self, bad: str) -> bool:
        """Whether a bad answer may be a good one of this CRM; or whether there is none such to this call."""
        kind = self.service.vendor.kind
        return (kind, bad) in DOCUMENTED or bad in (
            "truncated",
            "without its list",
            "repeated",
            "leading to itself",
        )


@asynccontextmanager
async def trying(kind: str, ledgers: Callable[[], str]) -> AsyncIterator[Tried]:
    """The service of a CRM's office whose lists have several pages, and all of whose kinds of calls are
    known."""
    clock = StillClock()
    office = Office(clock)
    vendor = CRMS[kind].vendor(office)
    pipeline = next(iter(office.pipelines))
    for number in range(PAGE + 4):
        deal = office.add_deal(f"Абонемент {number}", 518400, office.add_client("Иван").id, 31, pipeline).id
        office.add_task("позвонить", 31, int(clock()) - HOUR, deal_id=deal)
        clock.advance(60)
    async with connected(vendor, CRMS[kind].account(vendor), clock, ledgers) as service:
        meddler = Meddler(service.sync._api)
        meddler.meet(service.sync)
        tried = Tried(service, meddler, itertools.count(1))
        await tried.recover()
        for _ in range(2):
            meddler.kinds.clear()  # those of the first time are not made again
            await tried.happen()
            for run in ("backfill", "reconcile"):
                await tried.begin(run)
                assert not await tried.pump()
            await tried.recover()
        assert await service.board() == service.truth()
        yield tried
        assert await service.board() == service.truth()


def sample(kinds: list[str], every: bool, first: int) -> list[tuple[str, str]]:
    """Pairs of a kind of call and a bad answer: all; or one of each kind of call, with bad answers one after
    another from the `first` on."""
    fitting = [[bad for bad in BAD if LATER in kind or bad not in OF_LATER] for kind in kinds]
    if every:
        return [(kind, bad) for kind, bads in zip(kinds, fitting, strict=True) for bad in bads]
    return [
        (kind, bads[(first + number) % len(bads)])
        for number, (kind, bads) in enumerate(zip(kinds, fitting, strict=True))
    ]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bad_answer_proves_nothing(kind: str, sqlite_ledgers: Callable[[], str]) -> None:
    pairs: list[tuple[str, str]] | None = None
    while pairs is None or pairs:
        async with trying(kind, sqlite_ledgers) as office:
            if pairs is None:
                every = os.environ.get("LOSSBOARD_ANSWERS") == "all"
                pairs = sample(list(office.meddler.kinds), every, first=len(BAD) // 4 * KINDS.index(kind))
            for call, bad in pairs[:PER_OFFICE]:
                await office.give(call, bad)
            pairs = pairs[PER_OFFICE:]
