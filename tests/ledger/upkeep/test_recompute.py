"""`verify` sees what was tampered with, `rebuild` mends it, and both can begin from the log."""

from __future__ import annotations

import os
import tempfile
import tracemalloc
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, update

from service.ledger.database.sqlite.scratch import scratch
from service.ledger.database.statements import prepared
from service.ledger.database.tables import DEALS, SUMS
from service.ledger.read.decoding import Decode, LogPruned, one_by_one
from service.ledger.upkeep import recompute, replay
from service.ledger.write import log
from service.ledger.write.apply import reapply, release
from service.ledger.write.log import Stored
from service.model import DAY, Change, Decoded, Delivery, Rejection, Value, later, merger_id
from service.projections import FLOW
from service.projections.losses import LOSS_DAYS
from service.projections.unconverted import UNPRICED
from tests.histories import HOUR, at
from tests.ledger.offices import OFFICE, Ledger
from tests.ledger.statements import counted

NOW = at("2026-11-23T12:00:00+03:00")
TODAY = at("2026-11-23T00:00:00Z") // DAY + 719_163


HISTORY: tuple[tuple[Change, ...], ...] = (
    (Change("deal", "1", NOW, {"known": True, "status": "lost", "amount": 700, "reason_id": "r"}),),
    (Change("deal", "2", NOW, {"known": True, "amount": 900, "client_id": "7"}),),
    (Change("task", "t", NOW, {"deal_id": "2", "due_at": NOW - HOUR, "manager_id": "3"}),),
    (Change("deal", "3", NOW, {"known": True, "amount": 100, "currency": "USD"}),),
)


@pytest.fixture(autouse=True)
def _played(ledger: Ledger) -> None:
    for changes in HISTORY:
        ledger.say(*changes)


def decode(stored: Stored) -> Decoded:
    return Decoded(stored.key, HISTORY[stored.number - 1])


def log_differences(connection: Connection, decode: Decode) -> list[recompute.Difference]:
    """What `verify` finds in state."""
    found = recompute.differences_from_log(connection, OFFICE, one_by_one(decode), lambda _: None)
    return list(found)


def test_a_tampered_row_is_found_and_mended(ledger: Ledger) -> None:
    table = SUMS[LOSS_DAYS]
    with ledger.engine.begin() as connection:
        connection.execute(update(table).where(table.c.account == "office").values(amount=1))
    assert [(row.table, row.expected, row.actual) for row in ledger.differences()] == [
        ("loss_days", (1, 700), (1, 1))
    ]
    with ledger.engine.begin() as connection:
        recompute.rebuild(connection, OFFICE, NOW, lambda _: None)
    assert ledger.differences() == []


def test_missing_and_superfluous_rows_are_found(ledger: Ledger) -> None:
    table = SUMS[LOSS_DAYS]
    with ledger.engine.begin() as connection:
        connection.execute(delete(table).where(table.c.account == "office"))
        row = {"account": "office", "day": 1, "reason_id": "x", "count": 1, "amount": 5}
        connection.execute(table.insert(), row)
    assert {(row.key, row.expected, row.actual) for row in ledger.differences()} == {
        ((1, "x"), None, (1, 5)),
        ((TODAY, "r"), (1, 700), None),
    }


def test_a_rebuild_is_a_commit_that_open_boards_follow(ledger: Ledger) -> None:
    before = ledger.read()
    with ledger.engine.begin() as connection:
        recompute.rebuild(connection, OFFICE, NOW, lambda _: None)
    after = ledger.read(since=before)
    assert after.seq == before.seq + 1
    assert replace(after, seq=before.seq) == before


def test_state_is_checked_against_the_log_and_rebuilt_from_it(ledger: Ledger) -> None:
    def differences() -> list[recompute.Difference]:
        with ledger.readers.begin() as connection:
            return list(
                recompute.differences_from_log(connection, OFFICE, one_by_one(decode), lambda _: None)
            )

    assert differences() == []
    with ledger.engine.begin() as connection:
        connection.execute(
            update(DEALS).where(DEALS.c.account == "office", DEALS.c.id == "2").values(amount=1)
        )
    assert [(row.table, row.key) for row in differences()] == [("deals", ("2",))]
    with ledger.engine.begin() as connection:
        replay.rebuild_state(connection, OFFICE, one_by_one(decode), lambda _: None)
        recompute.rebuild(connection, OFFICE, NOW, lambda _: None)
    assert differences() == []
    assert ledger.differences() == []
    assert ledger.read().totals["at_risk"]["amount"] == 900


def test_a_rebuild_reads_again_what_it_had_no_room_to_keep(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each delivery is read alone, and each record stored before the next comes."""
    more = (
        Change("deal", "2", later(NOW, 1), {"amount": 950}),
        Change("merger", merger_id("client", "7"), NOW, {"into_id": "8"}),
    )
    for change in more:
        ledger.say(change)

    def decode(stored: Stored) -> Decoded:
        return Decoded(stored.key, (*HISTORY, *((change,) for change in more))[stored.number - 1])

    monkeypatch.setattr(replay, "AT_ONCE", 1)
    monkeypatch.setattr(replay, "MANY", 1)
    monkeypatch.setattr(recompute, "PORTION", 1)
    before = ledger.tables()
    with ledger.engine.begin() as connection:
        replay.rebuild_state(connection, OFFICE, one_by_one(decode), lambda _: None)
        recompute.rebuild(connection, OFFICE, NOW, lambda _: None)
        assert log_differences(connection, decode) == []
    assert ledger.tables() == before


def test_the_memory_of_a_check_does_not_grow_with_the_account(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("recompute.PORTION", "replay.MANY", "replay.AT_ONCE"):
        monkeypatch.setattr(f"service.ledger.upkeep.{limit}", 20)
    monkeypatch.setattr(prepared, "AT_ONCE", 20)
    said = list(HISTORY)

    def told(stored: Stored) -> Decoded:
        return Decoded(stored.key, said[stored.number - 1])

    def peak_with(deals: int) -> int:
        for number in range(len(said), deals):
            deal: dict[str, Value] = {"known": True, "amount": 5, "client_id": f"c{number}"}
            task: dict[str, Value] = {"deal_id": f"d{number}", "due_at": NOW - HOUR, "manager_id": "3"}
            said.append((Change("deal", f"d{number}", NOW, deal), Change("task", f"t{number}", NOW, task)))
        new = range(ledger.head.deliveries + 1, deals + 1)
        ledger.deliver(
            *(Delivery("office", NOW, {}, b"", Decoded(f"key-{one}", said[one - 1])) for one in new)
        )
        # Python keeps the memory of so many tuples for new ones, and what is kept does not count.
        del [(0,) * size for size in range(1, 20) for _ in range(2_000)][:]
        with ledger.readers.begin() as connection:
            tracemalloc.start()
            assert not [*recompute.differences_from_state(connection, OFFICE, lambda _: None)]
            assert log_differences(connection, told) == []
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return peak

    peak_with(100)  # statements are compiled
    few, many = peak_with(150), peak_with(600)
    assert many < 1.5 * few


def test_what_a_check_computes_is_in_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch() as connection:
        connection.exec_driver_sql("PRAGMA cache_size=10")
        row = {"account": "office", "currency": "USD", "deals": 1}
        connection.execute(insert(SUMS[UNPRICED]), [{**row, "deal_id": f"{n:0500}"} for n in range(400)])
        opened = [fd for fd in Path("/proc/self/fd").iterdir() if f"{tmp_path}/" in str(fd.resolve())]
        assert [os.fstat(int(fd.name)).st_nlink for fd in opened] == [0]
        assert os.fstat(int(opened[0].name)).st_size > 100_000
        assert list(tmp_path.iterdir()) == []


def test_rows_are_compared_in_one_order_whatever_the_language_of_the_database(ledger: Ledger) -> None:
    ledger.say(*(Change("deal", letter, NOW, {"known": True, "amount": 1}) for letter in "aBbAяЯ"))
    with counted(ledger.readers) as statements:
        assert ledger.differences() == []
    compared = [one for one in statements if "ORDER BY" in one and "LIMIT" not in one]
    assert len(compared) == sum(bool(relation.key) for relation in FLOW.relations)
    if not ledger.database.is_sqlite:  # its own order is that of code points
        assert {'COLLATE "C"' in one for one in compared} == {True}


def test_once_bodies_are_pruned_the_log_is_not_complete(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        assert log.prune(connection, "office", later(NOW, 31 * DAY), 30, 0) == len(HISTORY)
        assert log.prune(connection, "office", later(NOW, 31 * DAY), 30, len(HISTORY)) == len(HISTORY)
    with ledger.readers.begin() as connection, pytest.raises(LogPruned):
        log_differences(connection, decode)
    repeated = ledger.deliver(
        *(repeat(number) for number in range(1, len(HISTORY) + 1)), now=later(NOW, 31 * DAY)
    )
    assert {outcome.status for outcome in repeated} == {"duplicate"}


def repeat(number: int) -> Delivery:
    return Delivery("office", NOW, {}, b"", Decoded(f"key-{number}", ()))


def test_what_could_not_be_applied_is_in_state_once_it_is_retried(ledger: Ledger) -> None:
    """`verify` and a rebuild agree with the tables meanwhile, and after it is dropped."""
    beyond = (Change("deal", "9", NOW, {"known": True, "amount": 1}),)

    def found(stored: Stored) -> Decoded:
        return Decoded(stored.key, (*HISTORY, beyond)[stored.number - 1])

    def check() -> None:
        with ledger.engine.begin() as connection:
            assert log_differences(connection, found) == []
            replay.rebuild_state(connection, OFFICE, one_by_one(found), lambda _: None)
            recompute.rebuild(connection, OFFICE, NOW, lambda _: None)

    held = Decoded("beyond", rejections=(Rejection(0, "it could not be applied: OverflowError"),))
    ledger.deliver(Delivery("office", NOW, {}, b"", held, applied=False))
    check()
    with ledger.engine.begin() as connection:
        release(connection, "office", 5)
    check()
    assert ledger.read().totals["no_next_step"]["deals"] == 1
    with ledger.engine.begin() as connection:
        reapply(connection, OFFICE, 5, Delivery("office", NOW, {}, b"", Decoded("beyond", beyond)), NOW)
    check()
    assert ledger.read().totals["no_next_step"]["deals"] == 2


def test_a_new_rate_rebuilds_at_the_next_start(ledger: Ledger) -> None:
    with_rate = replace(OFFICE, rates={"USD": Decimal("92.50")})
    assert ledger.read().totals["no_next_step"]["amount"] == 0
    assert ledger.read().unconverted == {"USD": 1}
    with ledger.engine.begin() as connection:
        assert not recompute.rules_changed(connection, OFFICE)
        assert recompute.rules_changed(connection, with_rate)
        recompute.rebuild(connection, with_rate, NOW, lambda _: None)
        assert not recompute.rules_changed(connection, with_rate)
    ledger.configure(with_rate)
    assert ledger.read().totals["no_next_step"]["amount"] == 9250
    assert ledger.read().unconverted == {}
