"""Executes sync runs: a backfill fills a new account, a reconciliation repairs what webhooks lost.

A run reads one page at a time and stores its position after each page. A process that is killed anywhere
resumes there, and reading a page twice changes nothing. A page that is not understood is read again later: no
run passes it. A reconciliation ends with a sweep, because no list names what was deleted: the sweep lists
everything that still counts. What differs is fetched by id: each known deal or task that no list named, and
each that a list named and the board lacks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Final

import msgspec

from service.adapters.api import LOSSES_DAYS, TASKS_DAYS, Call, Stage, refused
from service.calendar import local_day, shifted
from service.ledger.read.sweep import expected, held
from service.ledger.write import syncs
from service.ledger.write.needs import WHOLE
from service.ledger.write.syncs import SyncPage, SyncRun
from service.model import DAY, SECOND, Decoded, Instant, Micros, Need, earlier
from service.sync.client import CallResult
from service.sync.crm import Crm, StoredAnswer
from service.sync.needs import NeedFetcher
from service.sync.pages import Pages, misleading
from service.sync.troubles import Troubles

OVERLAP: Final = Micros(300 * SECOND)
"""How far before the previous run a reconciliation starts: clocks differ, and vendors' indexes lag."""

GRACE: Final = Micros(120 * SECOND)
"""The age from which a change counts as repaired. The webhook of a younger one may still be on its way."""

FEW: Final = 20
"""Deals and tasks that one sweep may find missing; also allowed is half of those that are known."""

LISTS: Final = "lists"
"""The subject of the trouble that the lists leave out too much."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Sweep:
    """A sweep in progress.

    Args:
        run_began_at: Identifies the run that it belongs to.
        expected: The deals and tasks that the CRM's lists should name.
        listed: Those that the lists have named so far.
        differing: Those that the board has and no list named, or that a list named and the board lacks; None
            until all lists are read.
    """

    run_began_at: Instant
    expected: frozenset[Need]
    listed: set[Need] = field(default_factory=set)
    differing: list[Need] | None = None


class RunExecutor:
    """Executes an account's sync runs, step by step.

    Args:
        troubles: Told when the lists leave out too much.
        on_repaired: Called with the number of deals and tasks that a reconciliation repaired, when it ends.
    """

    def __init__(
        self, crm: Crm, fetcher: NeedFetcher, troubles: Troubles, on_repaired: Callable[[int], None]
    ) -> None:
        self._crm = crm
        self._fetcher = fetcher
        self._troubles = troubles
        self._on_repaired = on_repaired
        self._sweep: _Sweep | None = None
        self._pages = Pages()

    async def step(self, run: SyncRun) -> CallResult | None:
        """Advance a run by one page, or finish it. Returns None if that took no call.

        Raises:
            Unavailable: The database is away.
        """
        stored, swept = self._stages(run)
        if self._sweep is not None and self._sweep.run_began_at != run.began_at:
            self._sweep = None  # another process finished that run
        if run.stage < len(stored):
            return await self._store_page(run, stored[run.stage], len(stored) + len(swept))
        if self._sweep is None:
            if not swept:
                await self._finish(run)
                return None
            self._sweep = await self._begin_sweep(run)
            run = msgspec.structs.replace(run, stage=len(stored), page=None)
        if run.stage < len(stored) + len(swept):
            return await self._sweep_page(run, swept[run.stage - len(stored)], self._sweep)
        return await self._fetch_differing(run, self._sweep)

    def _stages(self, run: SyncRun) -> tuple[Sequence[Stage], Sequence[Stage]]:
        """The stages whose answers are stored, and those of the sweep, whose answers are only looked at."""
        if run.kind == "backfill":
            return self._crm.api.backfill(self._crm.account, run.began_at), ()
        return (
            self._crm.api.changes(self._crm.account, earlier(run.since, OVERLAP)),
            self._crm.api.sweep(self._crm.account, run.began_at),
        )

    async def _store_page(self, run: SyncRun, stage: Stage, stages: int) -> CallResult:
        call = self._next_call(run, stage)
        result = await self._crm.client.send(call)
        if result.meaning == "gone" and not run.stage:
            # Every account has what the first stage lists, so the API's address must be wrong.
            return replace(result, verdict=refused("api_not_found"))
        if result.meaning == "gone":
            await self._skip(run, stage, stages)
        if result.meaning != "answered":
            return result
        request, decoded = await self._crm.decode(call, result)
        following = self._crm.api.following(call, result.answer)
        if not self._pages.lead_on(call, decoded, following):
            return misleading(result, self._crm.account.id)
        answer = await self._crm.store((request, decoded), "sync", {})
        run = msgspec.structs.replace(
            run,
            stages=stages,
            entities=run.entities + len(_entities(answer.decoded)),
            repaired=run.repaired + len(_repaired(answer, earlier(result.true_at, GRACE))),
        )
        await self._advance(run, following)
        return result

    async def _sweep_page(self, run: SyncRun, stage: Stage, sweep: _Sweep) -> CallResult:
        call = self._next_call(run, stage)
        result = await self._crm.client.send(call)
        if result.meaning == "answered":
            _, decoded = await self._crm.decode(call, result)
            following = self._crm.api.following(call, result.answer)
            if not self._pages.lead_on(call, decoded, following):
                return misleading(result, self._crm.account.id)
            sweep.listed |= _entities(decoded)
            await self._advance(run, following)
        elif result.meaning == "gone":
            await self._skip(run, stage, run.stages)
        return result

    def _next_call(self, run: SyncRun, stage: Stage) -> Call:
        """The call at which the run goes on. The pages of a stage are compared as far as this process read
        them."""
        if run.page is None:
            self._pages = Pages()
            return stage.first
        return _call(run.page)

    async def _skip(self, run: SyncRun, stage: Stage, stages: int) -> None:
        """Continue with the next stage, because the account lacks what this one lists."""
        _log.error(
            "%s: the CRM has no %s; this stage is skipped",
            self._crm.account.id,
            stage.name,
            extra={"account": self._crm.account.id},
        )
        await self._advance(msgspec.structs.replace(run, stages=stages), None)

    async def _advance(self, run: SyncRun, following: Call | None) -> None:
        """Store where the run continues: at the next page, or else at the next stage."""
        if following is None:
            run = msgspec.structs.replace(run, stage=run.stage + 1, page=None)
        else:
            run = msgspec.structs.replace(run, page=_page(following))
        await self._store_run(run)

    async def _store_run(self, run: SyncRun) -> None:
        key = self._crm.account.id, self._crm.holder
        await self._crm.write(lambda connection: syncs.advance(connection, *key, run))

    async def _begin_sweep(self, run: SyncRun) -> _Sweep:
        now = self._crm.clock.now()
        lost_since = earlier(now, (LOSSES_DAYS - 1) * DAY)
        due_since = earlier(now, (TASKS_DAYS - 1) * DAY)
        key = self._crm.account.id, lost_since, due_since
        return _Sweep(run.began_at, await self._crm.read(lambda connection: expected(connection, *key)))

    async def _fetch_differing(self, run: SyncRun, sweep: _Sweep) -> CallResult | None:
        """Fetch some of what differs between the lists and the board; finish the run when nothing is left."""
        if sweep.differing is None:
            sweep.differing = [*await self._lacking(sweep), *await self._missing(sweep)]
        batch = list(_batch(sweep.differing, self._crm.api.batch))
        if not batch:
            self._sweep = None
            await self._finish(run)
            return None
        fetched = await self._fetcher.answers(batch, "sync")
        if fetched is not None and not fetched.last.is_answer:
            return fetched.last
        sweep.differing = sweep.differing[len(batch) :]
        if fetched is None:
            return None
        repaired = {need for answer in fetched.answers for need in _repaired(answer, None)}
        await self._store_run(msgspec.structs.replace(run, repaired=run.repaired + len(repaired)))
        return fetched.last

    async def _lacking(self, sweep: _Sweep) -> list[Need]:
        """What a list named and the board lacks."""
        unexpected = sweep.listed - sweep.expected
        account_id = self._crm.account.id
        present = await self._crm.read(lambda connection: held(connection, account_id, unexpected))
        return sorted(unexpected - present)

    async def _missing(self, sweep: _Sweep) -> list[Need]:
        """What the board has and no list named; nothing, and a trouble, if that is too much to be
        believed."""
        missing = sorted(sweep.expected - sweep.listed)
        if len(missing) <= max(FEW, len(sweep.expected) // 2):
            await self._troubles.clear(LISTS)
            return missing
        _log.error(
            "%s: %d of %d deals and tasks are missing from the CRM's lists; may the token read all of them?",
            self._crm.account.id,
            len(missing),
            len(sweep.expected),
            extra={"account": self._crm.account.id},
        )
        await self._troubles.tell("api_forbidden", LISTS, self._crm.clock.now())
        return []

    async def _finish(self, run: SyncRun) -> None:
        key = self._crm.account.id, self._crm.holder
        # A backfill reads all losses since a moment: of the day of that moment it misses some.
        since = local_day(earlier(run.began_at, LOSSES_DAYS * DAY), self._crm.account.zone)
        known_from = shifted(since, 1) if run.kind == "backfill" else None
        if not await self._crm.write(lambda connection: syncs.finish(connection, *key, run, known_from)):
            return
        await self._troubles.complete()
        if run.kind == "reconcile":
            self._on_repaired(run.repaired)
        _log.info(
            "%s: %s finished: %d deals and tasks read, %d repaired",
            self._crm.account.id,
            run.kind,
            run.entities,
            run.repaired,
            extra={"account": self._crm.account.id},
        )


def _batch(missing: Sequence[Need], size: int) -> Iterable[Need]:
    """The first needs, as far as they are of one entity and fit into one call."""
    return takewhile(lambda need: need.entity == missing[0].entity, missing[:size])


def _entities(decoded: Decoded) -> set[Need]:
    """The deals and tasks of an answer."""
    return {Need(change.entity, change.id) for change in decoded.changes if change.entity in WHOLE}


def _repaired(answer: StoredAnswer, before: Instant | None) -> set[Need]:
    """The deals and tasks that an answer changed, by changes older than a moment (None: of any age)."""
    return {
        Need(change.entity, change.id)
        for change in answer.decoded.changes
        if change.entity in WHOLE
        and f"{change.entity} {change.id}" in answer.outcome.changed
        and (before is None or change.version < before)
    }


def _call(page: SyncPage) -> Call:
    return Call(page.resource, page.path, tuple(page.query), page.body.encode(), left=tuple(page.left))


def _page(call: Call) -> SyncPage:
    return SyncPage(call.resource, call.path, list(call.query), call.body.decode(), list(call.left))
