"""Sync runs: what a backfill loads, what a reconciliation repairs, and what neither does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.adapters.amocrm.api import AmoCRMApi
from service.adapters.api import GONE, LOSSES_DAYS, Answer, Call, Verdict
from service.calendar import local_day
from service.demo.crms.amocrm.crm import AmoCRM
from service.ledger.write import state as states
from service.ledger.write import syncs
from service.ledger.write.syncs import LEASE, SyncRun
from service.model import DAY, SECOND, Instant, Need, earlier
from service.projections.merge import Record
from service.sync.runs import FEW, GRACE
from tests.sync.connected import Connected
from tests.sync.small_office import ANNA, DEAR, add_deal, asked, read, troubles

DAY_SECONDS = 24 * 3600


async def record(service: Connected, need: Need) -> Record:
    """The record of a deal or task."""
    records = await service.database.read(
        lambda connection: states.load(connection, "office", need.entity, [need.id])
    )
    return records[need.id]


async def steps(service: Connected, number: int) -> None:
    for _ in range(number):
        await service.sync.turn()


async def begin(service: Connected) -> None:
    """Begin a reconciliation."""
    state = await service.state()
    run = SyncRun("reconcile", service.clock.now(), since=state.synced_at or Instant(0))
    await service.database.write(lambda connection: syncs.begin(connection, "office", run))


def silence(service: Connected) -> None:
    """Clear the CRM's log of events, so that only the sweep can find deletions."""
    assert isinstance(service.vendor, AmoCRM)
    service.vendor.log.clear()


@pytest.mark.parametrize("deals", [5])
async def test_a_new_account_is_loaded_and_nothing_of_it_is_announced(service: Connected) -> None:
    before = await read(service)
    service.vendor.office.lose(70001, DEAR)
    service.vendor.office.add_task("позвонить", ANNA, int(service.clock.still()) - 60, deal_id=70002)
    await service.work()
    state = await service.state()
    assert state.run is None
    assert state.synced_at is not None
    filled = await read(service, before)
    assert filled.silent
    assert (filled.totals["at_risk"]["tasks"], filled.repaired) == (1, 0)
    first_day = local_day(earlier(state.synced_at, LOSSES_DAYS * DAY), service.account.zone) + 1
    assert (before.known_from, filled.known_from) == (None, first_day)
    assert await service.board() == service.truth()


async def test_what_webhooks_lost_is_repaired_counted_and_not_announced(service: Connected) -> None:
    office = service.vendor.office
    await service.work()
    office.lose(70001, DEAR)
    office.edit_deal(70002, amount=100)
    added = add_deal(office)
    service.clock.still.advance(2 * GRACE / SECOND)
    before = await read(service)
    assert await service.reconcile() == 3
    repaired = await read(service, before)
    assert (repaired.repaired, repaired.silent) == (3, True)
    assert (await record(service, Need("deal", str(added.id)))).values["known"]
    assert await service.board() == service.truth()
    assert await service.reconcile() == 0
    assert (await read(service)).repaired == 0


async def test_a_recent_change_does_not_count_as_repaired(service: Connected) -> None:
    await service.work()
    service.clock.still.advance(DAY_SECONDS)
    event = service.vendor.office.edit_deal(70001, amount=100)
    assert await service.reconcile() == 0  # its webhook may be on its way
    assert await service.board() == service.truth()
    await service.postman.tell(event)
    assert await service.board() == service.truth()


async def test_a_sweep_finds_a_deletion_and_a_completion_that_no_list_names(service: Connected) -> None:
    office = service.vendor.office
    now = int(service.clock.still())
    task = office.add_task("позвонить", ANNA, now - 3600, deal_id=70002).id
    service.clock.still.advance(600)  # no list of changes has the contacts, whose leads are asked for
    await service.work()
    office.delete_deal(70001)
    # The CRM says that it was done long ago, so no list of recent changes or completions has it.
    long_ago = now - 40 * DAY_SECONDS
    office.tasks[task] = replace(
        office.tasks[task], completed=True, completed_at=long_ago, updated_at=long_ago
    )
    silence(service)
    service.clock.still.advance(DAY_SECONDS)
    assert await service.reconcile() == 2
    assert (await record(service, Need("deal", "70001"))).deleted is not None
    assert (await record(service, Need("task", str(task)))).values["completed"]
    assert (await read(service)).repaired == 2


@pytest.mark.parametrize(("deals", "gone", "deleted"), [(FEW, FEW, FEW), (50, 24, 24), (50, 26, 0)])
async def test_a_sweep_that_misses_more_than_half_deletes_nothing(
    service: Connected, deals: int, gone: int, deleted: int, caplog: pytest.LogCaptureFixture
) -> None:
    await service.work()
    ids = list(service.vendor.office.deals)
    for deal_id in ids[:gone]:
        service.vendor.office.deals.pop(deal_id)
    silence(service)
    service.clock.still.advance(DAY_SECONDS)
    assert await service.reconcile() == deleted
    records = [await record(service, Need("deal", str(deal_id))) for deal_id in ids]
    assert sum(deal.deleted is not None for deal in records) == deleted
    assert ("are missing from the CRM's lists" in caplog.text) == (not deleted)
    assert (await service.state()).run is None


async def test_a_run_resumes_in_another_process_where_it_stopped(service: Connected) -> None:
    await steps(service, 3)  # the first looks up the field of the reasons
    stored = (await service.state()).run
    assert stored is not None
    assert stored.stage == 2
    service.sync = service.another()  # the first one was killed: its lease runs out
    service.clock.still.advance(LEASE / SECOND)
    await steps(service, 2)
    taken_over = (await service.state()).run
    assert taken_over is not None
    assert taken_over.began_at == stored.began_at
    await service.work()
    assert [asked(service, name) for name in ("users", "leads/loss_reasons")] == [1, 1]
    assert await service.board() == service.truth()


@pytest.mark.parametrize("deals", [7])
async def test_a_run_resumes_at_the_next_page(service: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.adapters.amocrm.api._PAGE", (("limit", "2"),))
    while (run := (await service.state()).run) is None or run.page is None:
        await service.sync.turn()
    pages = asked(service, "leads")
    service.sync = service.another()
    service.clock.still.advance(LEASE / SECOND)
    await service.work()
    assert asked(service, "leads") >= pages + 2
    assert await service.board() == service.truth()


async def test_a_process_that_has_lost_its_lease_finishes_nothing(service: Connected) -> None:
    await service.work()
    service.vendor.office.edit_deal(70001, amount=100)
    service.clock.still.advance(DAY_SECONDS)
    await begin(service)
    await steps(service, 3)
    stale, stopped_at = service.sync, (await service.state()).run
    assert stopped_at is not None
    service.clock.still.advance(LEASE / SECOND)
    service.sync = service.another()
    await service.work()
    finished = await service.state()
    assert finished.run is None
    assert service.metrics.repaired_total == 1
    listed, called = stale._executor._stages(stopped_at)
    await stale._executor.step(stopped_at)  # it had been asleep
    stale._executor._sweep = await stale._executor._begin_sweep(stopped_at)
    stale._executor._sweep.differing = []
    await stale._executor.step(replace_stage(stopped_at, len(listed) + len(called)))
    assert await service.state() == finished
    assert service.metrics.repaired_total == 1


def replace_stage(run: SyncRun, stage: int) -> SyncRun:
    return SyncRun(run.kind, run.began_at, run.since, stage, run.stages, repaired=9)


async def test_a_sweep_that_was_interrupted_is_not_resumed_in_the_next_run(service: Connected) -> None:
    await service.work()
    service.clock.still.advance(DAY_SECONDS)
    await begin(service)
    first = service.sync
    while first._executor._sweep is None or Need("deal", "70001") not in first._executor._sweep.listed:
        await first.turn()
    service.clock.still.advance(LEASE / SECOND)
    service.sync = service.another()
    await service.work()  # finishes the run
    service.vendor.office.delete_deal(70001)
    silence(service)
    service.clock.still.advance(DAY_SECONDS)
    service.sync = first
    assert await service.reconcile() == 1
    assert (await record(service, Need("deal", "70001"))).deleted is not None


@pytest.mark.parametrize("missing", ["loss_reasons", "tasks"])
async def test_a_list_that_an_account_is_documented_to_lack_is_skipped(
    service: Connected, missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    verdict = AmoCRMApi.verdict

    def gone(api: AmoCRMApi, call: Call, answer: Answer) -> Verdict:
        return GONE if call.resource == missing else verdict(api, call, answer)

    monkeypatch.setattr(AmoCRMApi, "verdict", gone)
    await service.work()
    service.clock.still.advance(DAY_SECONDS)
    await service.reconcile()
    assert ((await service.state()).run, await troubles(service)) == (None, [])
    assert "this stage is skipped" in caplog.text
    assert await service.board() == service.truth()


async def test_a_reconciliation_runs_every_six_hours(service: Connected) -> None:
    await service.work()
    first = (await service.state()).synced_at
    assert first is not None
    service.clock.still.advance(6 * 3600 - 60)
    await service.work()
    assert (await service.state()).synced_at == first
    service.clock.still.advance(120)
    await service.work()
    second = (await service.state()).synced_at
    assert second is not None
    assert second >= first + 6 * 3600 * SECOND


@pytest.mark.parametrize(("away", "looks"), [(240, False), (330, True)])
async def test_a_service_that_was_down_reconciles_at_its_start(
    service: Connected, away: int, looks: bool
) -> None:
    await service.work()
    synced_at = (await service.state()).synced_at
    assert synced_at is not None
    service.vendor.office.edit_deal(70001, amount=100)
    service.clock.still.moment = synced_at / SECOND + away
    service.sync = service.another()
    await service.work()
    assert ((await service.state()).synced_at != synced_at) == looks
    assert (await service.board() == service.truth()) == looks
