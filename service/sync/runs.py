"""Going through a CRM's API: a backfill brings an account up to now, a reconciliation finds what webhooks
lost.

A pass takes one page at a time, and stores where it has come to after each: killed anywhere, it goes on
there, and to read a page twice changes nothing. A reconciliation ends with a roll call, since of what was
deleted no list tells: who is known here and does not answer is asked for by id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

import msgspec

from service.adapters.api import LOSSES_DAYS, TASKS_DAYS, Call, Stage
from service.ledger.write import sweep, syncs
from service.ledger.write.needs import WHOLE
from service.ledger.write.syncs import SyncPage, SyncRun
from service.model import SECOND, Decoded, Instant, Need
from service.sync.client import Fetched
from service.sync.crm import Answered, Crm
from service.sync.needs import NeedFetcher

OVERLAP: Final = 300 * SECOND
"""A reconciliation looks so much further back than to the last pass: clocks differ, and vendors' indexes
lag."""

GRACE: Final = 120 * SECOND
"""What happened so lately was not missed: its webhook may be on its way."""

DAY: Final = 24 * 3600 * SECOND

FEW: Final = 20
"""So many deals and tasks may be gone at once; or half of those that are known."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Roll:
    """A roll call under way: of which pass (by when that began), who is to answer, and (once all have been
    called) who did not."""

    of: Instant
    expected: frozenset[Need]
    seen: set[Need] = field(default_factory=set)
    missing: list[Need] | None = None


class Passing:
    """Takes an account's pass further.

    Args:
        mended: Told how many deals and tasks each finished reconciliation mended.
    """

    def __init__(self, crm: Crm, asking: NeedFetcher, mended: Callable[[int], None]) -> None:
        self._crm = crm
        self._asking = asking
        self._mended = mended
        self._roll: _Roll | None = None

    async def step(self, passing: SyncRun) -> Fetched | None:
        """One page further, or to the end. None when nothing had to be asked for that.

        Raises:
            Unavailable: The database is away.
        """
        listed, called = self._stages(passing)
        if self._roll is not None and self._roll.of != passing.began_at:
            self._roll = None  # another process has completed that pass
        if passing.stage < len(listed):
            return await self._read(passing, listed[passing.stage], len(listed) + len(called))
        if self._roll is None:
            if not called:
                await self._finish(passing)
                return None
            self._roll = await self._begin_roll_call(passing)
            passing = msgspec.structs.replace(passing, stage=len(listed), page=None)
        if passing.stage < len(listed) + len(called):
            return await self._call(passing, called[passing.stage - len(listed)], self._roll)
        return await self._ask_missing(passing, self._roll)

    def _stages(self, passing: SyncRun) -> tuple[Sequence[Stage], Sequence[Stage]]:
        """What is read and stored, and what is only called."""
        if passing.kind == "backfill":
            return self._crm.api.backfill(self._crm.account, passing.began_at), ()
        return (
            self._crm.api.changes(self._crm.account, passing.since - OVERLAP),
            self._crm.api.roll_call(self._crm.account, passing.began_at),
        )

    async def _read(self, passing: SyncRun, stage: Stage, stages: int) -> Fetched:
        call = _call(passing.page) or stage.first
        fetched = await self._crm.client.fetch(call)
        if fetched.verdict == "gone" and not passing.stage:
            # Every account has what comes first: it is the address that is wrong.
            return replace(fetched, verdict="refused")
        if fetched.verdict == "gone":
            await self._skip(passing, stage, stages)
        if fetched.verdict != "answered":
            return fetched
        answered = await self._crm.submit(await self._crm.decoded(call, fetched), "sync", {})
        passing = msgspec.structs.replace(
            passing,
            stages=stages,
            entities=passing.entities + len(_entities(answered.told)),
            repaired=passing.repaired + len(_missed(answered, fetched.asked_at - GRACE)),
        )
        await self._advance(passing, self._crm.api.following(call, fetched.answer))
        return fetched

    async def _call(self, passing: SyncRun, stage: Stage, roll_call: _Roll) -> Fetched:
        call = _call(passing.page) or stage.first
        fetched = await self._crm.client.fetch(call)
        if fetched.verdict == "answered":
            _, told = await self._crm.decoded(call, fetched)
            roll_call.seen |= _entities(told)
            await self._advance(passing, self._crm.api.following(call, fetched.answer))
        elif fetched.verdict == "gone":
            await self._skip(passing, stage, passing.stages)
        return fetched

    async def _skip(self, passing: SyncRun, stage: Stage, stages: int) -> None:
        """Go on with the next stage: the account has not what this one lists."""
        _log.error("%s: the CRM has no %s: it is left out", self._crm.account.id, stage.name)
        await self._advance(msgspec.structs.replace(passing, stages=stages), None)

    async def _advance(self, passing: SyncRun, following: Call | None) -> None:
        """Store where the pass goes on: with the next page, else with the next stage."""
        if following is None:
            passing = msgspec.structs.replace(passing, stage=passing.stage + 1, page=None)
        else:
            passing = msgspec.structs.replace(passing, page=_page(following))
        await self._store(passing)

    async def _store(self, passing: SyncRun) -> None:
        where = self._crm.account.id, self._crm.holder
        await self._crm.write(lambda connection: syncs.advance(connection, *where, passing))

    async def _begin_roll_call(self, passing: SyncRun) -> _Roll:
        now = self._crm.clock.now()
        lost, due = now - (LOSSES_DAYS - 1) * DAY, now - (TASKS_DAYS - 1) * DAY
        account_id = self._crm.account.id
        expected = await self._crm.read(lambda connection: sweep.expected(connection, account_id, lost, due))
        return _Roll(passing.began_at, expected)

    async def _ask_missing(self, passing: SyncRun, roll_call: _Roll) -> Fetched | None:
        """Ask for some of those who did not answer; the pass is complete when there are none left."""
        if roll_call.missing is None:
            roll_call.missing = sorted(roll_call.expected - roll_call.seen)
            if len(roll_call.missing) > max(FEW, len(roll_call.expected) // 2):
                _log.error(
                    "%s: %d of %d deals and tasks are not in the CRM's lists: may the token see all of them?",
                    self._crm.account.id,
                    len(roll_call.missing),
                    len(roll_call.expected),
                )
                roll_call.missing = []
        some = list(_some(roll_call.missing, self._crm.api.batch))
        if not some:
            self._roll = None
            await self._finish(passing)
            return None
        asked = await self._asking.answers(some, "sync")
        if asked is not None and asked.last.verdict in ("later", "refused"):
            return asked.last
        roll_call.missing = roll_call.missing[len(some) :]
        if asked is None:
            return None
        found = {each for answered in asked.answers for each in _missed(answered, None)}
        mended = msgspec.structs.replace(passing, repaired=passing.repaired + len(found))
        await self._store(mended)
        return asked.last

    async def _finish(self, passing: SyncRun) -> None:
        where = self._crm.account.id, self._crm.holder
        if not await self._crm.write(lambda connection: syncs.finish(connection, *where, passing)):
            return
        if passing.kind == "reconcile":
            self._mended(passing.repaired)
        _log.info(
            "%s: %s complete: %d read, %d mended",
            self._crm.account.id,
            passing.kind,
            passing.entities,
            passing.repaired,
        )


def _some(missing: Sequence[Need], batch: int) -> Iterable[Need]:
    """The first ones of one entity, as many as one call asks for."""
    return islice((each for each in missing if each.entity == missing[0].entity), batch)


def _entities(told: Decoded) -> set[Need]:
    """The deals and tasks of an answer."""
    return {Need(each.entity, each.id) for each in told.changes if each.entity in WHOLE}


def _missed(answered: Answered, before: Instant | None) -> set[Need]:
    """The deals and tasks that an answer changed, though the change is older than a moment."""
    return {
        Need(each.entity, each.id)
        for each in answered.told.changes
        if each.entity in WHOLE
        and f"{each.entity} {each.id}" in answered.outcome.changed
        and (before is None or each.version < before)
    }


def _call(page: SyncPage | None) -> Call | None:
    if page is None:
        return None
    return Call(page.resource, page.path, tuple(page.query), page.body.encode())


def _page(call: Call) -> SyncPage:
    return SyncPage(call.resource, call.path, list(call.query), call.body.decode())
