"""Which process uses an account's API, and how far its run is, on both databases."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from service.config import Api, Secret
from service.ledger.write import syncs
from service.ledger.write.syncs import LEASE, Sync, SyncPage, SyncRun
from service.model import SECOND, Instant, SyncProblem, earlier, later
from tests.histories import at
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T10:00:00+03:00")
BACKFILL = SyncRun("backfill", NOW)
RECONCILE = SyncRun("reconcile", NOW, since=earlier(NOW, 3600 * SECOND))
ASKED = replace(OFFICE, crm="amocrm", api=Api(Secret("token"), "https://crm.example"))


def take(ledger: Ledger, holder: str, now: Instant = NOW) -> Sync | None:
    with ledger.engine.begin() as connection:
        return syncs.take(connection, "office", holder, now)


def begin(ledger: Ledger, run: SyncRun) -> SyncRun:
    with ledger.engine.begin() as connection:
        return syncs.begin(connection, "office", run)


def advance(ledger: Ledger, holder: str, run: SyncRun) -> None:
    with ledger.engine.begin() as connection:
        syncs.advance(connection, "office", holder, run)


def finish(ledger: Ledger, holder: str, run: SyncRun) -> bool:
    with ledger.engine.begin() as connection:
        return syncs.finish(connection, "office", holder, run)


def report(ledger: Ledger, problem: SyncProblem) -> None:
    with ledger.engine.begin() as connection:
        syncs.report(connection, "office", problem)


def read(ledger: Ledger) -> Sync:
    with ledger.readers.begin() as connection:
        return syncs.read(connection, "office")


def test_a_lease_is_held_renewed_lost_and_released(ledger: Ledger) -> None:
    assert take(ledger, "a") == Sync(None, None, 0, "")
    assert take(ledger, "b", later(NOW, LEASE - 1)) is None
    assert take(ledger, "a", later(NOW, LEASE - 1)) is not None
    assert take(ledger, "b", later(NOW, LEASE)) is None  # it was renewed
    assert take(ledger, "b", later(NOW, 2 * LEASE - 1)) is not None
    with ledger.engine.begin() as connection:
        syncs.release(connection, "office", "a")  # does not hold it any more
    assert take(ledger, "a", later(NOW, 2 * LEASE)) is None
    with ledger.engine.begin() as connection:
        syncs.release(connection, "office", "b")
    assert take(ledger, "a", later(NOW, 2 * LEASE)) is not None


def test_there_is_one_run_at_a_time_and_a_backfill_comes_first(ledger: Ledger) -> None:
    assert read(ledger) == Sync(None, None, 0, "")
    assert begin(ledger, RECONCILE) == RECONCILE
    assert begin(ledger, replaced(RECONCILE, began_at=NOW + 1)) == RECONCILE
    assert begin(ledger, BACKFILL) == BACKFILL
    assert begin(ledger, replaced(BACKFILL, began_at=NOW + 1)) == BACKFILL
    assert begin(ledger, RECONCILE) == BACKFILL
    assert read(ledger).run == BACKFILL


def replaced(run: SyncRun, **changed: int | SyncPage) -> SyncRun:
    return msgspec.structs.replace(run, **changed)


def test_a_run_is_stored_with_the_place_that_it_has_reached(ledger: Ledger) -> None:
    begin(ledger, RECONCILE)
    take(ledger, "a")
    page = SyncPage("leads", "/api/v4/leads", [("page", "2"), ("filter[id][]", "é")], '{"a":1}')
    further = replaced(RECONCILE, stage=3, stages=9, page=page, entities=250, repaired=2)
    advance(ledger, "a", further)
    assert read(ledger).run == further


def test_a_process_that_lost_the_lease_stores_nothing(ledger: Ledger) -> None:
    begin(ledger, RECONCILE)
    take(ledger, "a")
    take(ledger, "b", later(NOW, LEASE))
    advance(ledger, "a", replaced(RECONCILE, stage=5))
    assert not finish(ledger, "a", replaced(RECONCILE, repaired=7))
    assert read(ledger) == Sync(RECONCILE, None, 0, "")
    assert finish(ledger, "b", replaced(RECONCILE, repaired=3))
    assert read(ledger) == Sync(None, NOW, 3, "")


def test_what_a_backfill_brings_is_no_repair(ledger: Ledger) -> None:
    begin(ledger, BACKFILL)
    take(ledger, "a")
    assert finish(ledger, "a", replaced(BACKFILL, repaired=400))
    assert read(ledger) == Sync(None, NOW, 0, "")


def test_open_boards_read_a_report_when_it_changes_and_only_then(ledger: Ledger) -> None:
    ledger.configure(ASKED)
    take(ledger, "a")
    before = ledger.read()
    report(ledger, "webhook_off")
    reported = ledger.read((), before)
    assert (reported.problem, reported.seq, reported.silent) == ("webhook_off", before.seq + 1, False)
    report(ledger, "webhook_off")
    assert ledger.read((), reported).seq == reported.seq
    finish(ledger, "a", replaced(RECONCILE, repaired=3))
    complete = ledger.read((), reported)
    assert (complete.repaired, complete.problem, complete.seq) == (3, "webhook_off", reported.seq + 1)
    report(ledger, "")
    assert (ledger.read().repaired, ledger.read().problem) == (3, "")


def test_an_account_without_an_api_reports_nothing(ledger: Ledger) -> None:
    ledger.configure(ASKED)
    take(ledger, "a")
    report(ledger, "api_refused")
    finish(ledger, "a", replaced(RECONCILE, repaired=3))
    ledger.configure(OFFICE)
    read = ledger.read()
    assert (read.repaired, read.problem) == (0, "")


@pytest.mark.parametrize(("problem", "left"), [("api_refused", ""), ("webhook_off", "webhook_off")])
def test_a_backfill_on_request_forgets_that_the_token_was_refused(
    ledger: Ledger, problem: SyncProblem, left: SyncProblem
) -> None:
    take(ledger, "a")
    report(ledger, problem)
    with ledger.engine.begin() as connection:
        syncs.begin_again(connection, "office", NOW)
    assert read(ledger) == Sync(BACKFILL, None, 0, left)
