"""Which process uses an account's API, and how far its run is, on both databases."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from service.config import Api, Secret
from service.ledger.write import syncs, troubles
from service.ledger.write.heads import CLOCK_SKEW
from service.ledger.write.syncs import LEASE, Sync, SyncPage, SyncRun
from service.model import SECOND, Instant, earlier, later
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


def read(ledger: Ledger) -> Sync:
    with ledger.readers.begin() as connection:
        return syncs.read(connection, "office")


def test_a_lease_is_held_renewed_lost_and_released(ledger: Ledger) -> None:
    assert take(ledger, "a") == Sync(None, None, 0)
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
    assert take(ledger, "b", earlier(later(NOW, 2 * LEASE), CLOCK_SKEW)) is None
    assert take(ledger, "b", earlier(later(NOW, 2 * LEASE), CLOCK_SKEW + 1)) is not None  # set back


def test_there_is_one_run_at_a_time_and_a_backfill_comes_first(ledger: Ledger) -> None:
    assert read(ledger) == Sync(None, None, 0)
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
    assert read(ledger) == Sync(RECONCILE, None, 0)
    assert finish(ledger, "b", replaced(RECONCILE, repaired=3))
    assert read(ledger) == Sync(None, NOW, 3)


def test_what_a_backfill_brings_is_no_repair(ledger: Ledger) -> None:
    begin(ledger, BACKFILL)
    take(ledger, "a")
    assert finish(ledger, "a", replaced(BACKFILL, repaired=400))
    assert read(ledger) == Sync(None, NOW, 0)


def test_open_boards_read_how_much_was_repaired_when_it_changes_and_only_then(ledger: Ledger) -> None:
    ledger.configure(ASKED)
    take(ledger, "a")
    before = ledger.read()
    finish(ledger, "a", replaced(RECONCILE, repaired=3))
    complete = ledger.read((), before)
    assert (complete.repaired, complete.seq, complete.silent) == (3, before.seq + 1, False)
    finish(ledger, "a", replaced(RECONCILE, repaired=3))
    assert ledger.read((), complete).seq == complete.seq


def test_a_backfill_on_request_forgets_the_troubles_with_the_api(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        for code in ("api_token", "api_junk", "webhook_off"):
            troubles.tell(connection, "office", code, "leads", NOW)
        syncs.begin_again(connection, "office", NOW)
        left = troubles.read(connection, "office")
    assert read(ledger) == Sync(BACKFILL, None, 0)
    assert [trouble.code for trouble in left] == ["webhook_off"]
