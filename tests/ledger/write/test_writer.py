"""The writer: group commit, isolation of what fails, bounds, and a database that goes away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, select
from sqlalchemy.exc import OperationalError

from service.baton import Baton
from service.ledger.database.errors import Unavailable
from service.ledger.database.tables import INVALIDATIONS
from service.ledger.write import apply, heads, log, queue
from service.ledger.write import writer as writer_module
from service.ledger.write.outcome import Outcome, Overloaded
from service.ledger.write.writer import Writer
from service.model import Change, Decoded, Delivery, Rejection, Value, later
from tests.histories import HOUR, at
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T10:00:00+03:00")


def delivery(key: str, *changes: Change, rejections: tuple[Rejection, ...] = ()) -> Delivery:
    return Delivery("office", NOW, {}, key.encode(), Decoded(key, changes, rejections))


def lost(deal_id: str, amount: int = 100) -> Change:
    fields: dict[str, Value] = {"known": True, "status": "lost", "amount": amount, "closed_at": NOW}
    return Change("deal", deal_id, NOW, fields)


def writer_of(ledger: Ledger) -> Writer:
    return Writer(ledger.database, {"office": OFFICE}, ledger.clock)


@asynccontextmanager
async def running(writer: Writer) -> AsyncIterator[Writer]:
    writer.start()
    try:
        async with asyncio.timeout(30):
            yield writer
    finally:
        await writer.stop()


async def committed(ledger: Ledger, *deliveries: Delivery) -> list[Outcome]:
    """The outcomes of deliveries that wait together."""
    writer = writer_of(ledger)
    futures = [writer.submit(waiting) for waiting in deliveries]
    async with running(writer):
        return await asyncio.gather(*futures)


async def test_deliveries_that_wait_together_are_committed_together(ledger: Ledger) -> None:
    sizes: list[int] = []
    writer = Writer(
        ledger.database, {"office": OFFICE}, ledger.clock, measure=lambda size, _seconds: sizes.append(size)
    )
    futures = [writer.submit(delivery(f"k{n}", lost(str(n)))) for n in range(100)]
    async with running(writer):
        outcomes = await asyncio.gather(*futures)
    assert [outcome.number for outcome in outcomes] == list(range(1, 101))
    assert {outcome.status for outcome in outcomes} == {"applied"}
    assert sizes == [100]
    assert ledger.head.seq == 1


async def test_the_loop_computes_first_and_all_that_came_meanwhile_is_one_batch(ledger: Ledger) -> None:
    baton = Baton(seconds=60)
    sizes: list[int] = []
    writer = Writer(
        ledger.database,
        {"office": OFFICE},
        ledger.clock,
        measure=lambda size, _seconds: sizes.append(size),
        baton=baton,
    )
    assert baton.take()
    async with running(writer):
        futures = [writer.submit(delivery("k1", lost("1")))]
        while not baton._wanted.locked():
            await asyncio.sleep(0)
        futures += [writer.submit(delivery(key, lost(key))) for key in ("k2", "k3")]
        baton.give()
        await asyncio.gather(*futures)
    assert sizes == [3]


async def test_the_writer_has_given_the_baton_when_it_commits(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    baton = Baton(seconds=60)
    held: list[tuple[str, bool]] = []
    applied = apply.apply_all

    def apply_all(*arguments: Any) -> Any:
        held.append(("applying", baton._taken.locked()))
        return applied(*arguments)

    monkeypatch.setattr("service.ledger.write.committer.apply_all", apply_all)
    writer = Writer(ledger.database, {"office": OFFICE}, ledger.clock, baton=baton)
    with ledger.database.committing() as connection:
        engine = connection.engine

    def committing(_connection: Connection) -> None:
        held.append(("committing", baton._taken.locked()))

    event.listen(engine, "commit", committing)
    try:
        async with running(writer):
            await writer.submit(delivery("k", lost("1")))
    finally:
        event.remove(engine, "commit", committing)
    assert held[:2] == [("applying", True), ("committing", False)]
    assert not baton._taken.locked()


async def test_a_repeat_is_known_in_the_same_batch_and_later(ledger: Ledger) -> None:
    outcomes = await committed(ledger, delivery("k", lost("1")), delivery("k", lost("1")))
    outcomes += await committed(ledger, delivery("k", lost("1")))
    assert [outcome.status for outcome in outcomes] == ["applied", "duplicate", "duplicate"]
    assert [outcome.number for outcome in outcomes] == [1, 1, 1]
    assert ledger.head.deliveries == 1


async def test_one_delivery_that_fails_is_quarantined_and_its_neighbours_are_applied(ledger: Ledger) -> None:
    too_large = Change("deal", "2", NOW, {"known": True, "status": "lost", "amount": 2**70})
    outcomes = await committed(
        ledger, delivery("a", lost("1")), delivery("b", too_large), delivery("c", lost("3"))
    )
    assert [outcome.status for outcome in outcomes] == ["applied", "quarantined", "applied"]
    with ledger.engine.begin() as connection:
        (quarantined,) = log.quarantined(connection, "office")
        stored = log.one(connection, "office", outcomes[1].number)
    assert quarantined.number == outcomes[1].number
    assert "Traceback" in quarantined.detail
    assert stored is not None
    assert stored.body == b"b"
    assert not stored.applied
    assert ledger.differences() == []


async def test_rejected_parts_are_kept_and_the_rest_is_applied(ledger: Ledger) -> None:
    (outcome,) = await committed(ledger, delivery("k", lost("1"), rejections=(Rejection(1, "no id"),)))
    assert outcome.status == "quarantined"
    with ledger.engine.begin() as connection:
        assert [(row.part, row.error) for row in log.quarantined(connection, "office")] == [(1, "no id")]
    assert ledger.tables()["loss_days"] != []


@pytest.mark.parametrize("bound", ["QUEUE_DELIVERIES", "QUEUE_BYTES"])
async def test_a_full_queue_refuses_at_once_and_ticks_wait_in_one_of_their_own(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(queue, bound, 2 if bound == "QUEUE_DELIVERIES" else 4)
    writer = writer_of(ledger)
    futures = [writer.submit(delivery(f"k{n}")) for n in range(2)]
    with pytest.raises(Overloaded) as refused:
        writer.submit(delivery("k2"))
    assert refused.value.retry_after > 0
    assert writer.depth == 2
    tick = writer.tick()
    async with running(writer):
        await asyncio.gather(*futures, tick)
    assert ledger.head.deliveries == 2
    with pytest.raises(Overloaded):
        writer.submit(delivery("k3"))
    with pytest.raises(Overloaded):
        writer.tick()


@pytest.mark.parametrize("bound", ["BATCH_DELIVERIES", "BATCH_BYTES"])
async def test_a_batch_is_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(queue, bound, 2)
    keys = "abc" if bound == "BATCH_DELIVERIES" else ("long", "a", "b", "c")
    outcomes = await committed(ledger, *(delivery(key) for key in keys))
    assert [outcome.seq for outcome in outcomes] == ([1, 1, 2] if len(keys) == 3 else [1, 2, 2, 3])


async def test_one_tick_answers_all_that_wait(ledger: Ledger) -> None:
    writer = writer_of(ledger)
    ledger.clock.moment = later(NOW, 24 * HOUR)
    ticks = [writer.tick() for _ in range(3)]
    async with running(writer):
        assert await asyncio.gather(*ticks) == [1, 1, 1]
        assert await writer.tick() == 0
    assert ledger.head.as_of == NOW + 24 * HOUR


async def test_a_commit_that_fails_is_unavailable_and_stores_nothing(
    sqlite_ledgers: Callable[[], str],
) -> None:
    ledger = Ledger(sqlite_ledgers(), NOW)
    broken = True

    @event.listens_for(ledger.engine, "before_cursor_execute")
    def _fail(_c: object, _u: object, statement: str, *_rest: object) -> None:
        if broken and "INSERT INTO deliveries" in statement:
            raise OperationalError(statement, {}, OSError("disk I/O error"))

    with pytest.raises(Unavailable):
        await committed(ledger, delivery("k", lost("1")))
    broken = False
    assert await committed(ledger, delivery("k", lost("1"))) == [
        Outcome("applied", 1, 1, frozenset({"deal 1"}))
    ]
    ledger.close()


async def test_stopping_commits_what_is_queued(ledger: Ledger) -> None:
    writer = writer_of(ledger)
    futures = [writer.submit(delivery(f"k{n}", lost(str(n)))) for n in range(600)]
    writer.start()
    await writer.stop()
    assert len(await asyncio.gather(*futures)) == 600
    assert ledger.head.deliveries == 600


async def test_subscribers_hear_of_a_commit_before_the_sender_is_answered(ledger: Ledger) -> None:
    seqs: list[int] = []
    writer = writer_of(ledger)
    writer.on_commit.append(lambda heads: seqs.append(heads["office"].seq))
    async with running(writer):
        outcome = await writer.submit(delivery("k", lost("1")))
        assert seqs == [outcome.seq]


async def submitted(writer: Writer, sent: Delivery) -> Outcome:
    """Submit a delivery that may be refused at once, or later."""
    return await writer.submit(sent)


async def test_nobody_waits_for_a_database_that_does_not_answer(ledger: Ledger) -> None:
    """The batch, and what waits behind it, is answered. When the database goes on, so does the writer, and
    the refused deliveries are recognised when they come again."""
    answers = threading.Event()
    event.listen(ledger.engine, "commit", lambda _connection: answers.wait(30))
    writer = Writer(ledger.database, {"office": OFFICE}, ledger.clock, patience=0.4)
    async with running(writer):
        first = writer.submit(delivery("a", lost("1")))
        while writer.depth:
            await asyncio.sleep(0)
        second = asyncio.create_task(submitted(writer, delivery("b", lost("2"))))
        with pytest.raises(Unavailable, match="does not answer"):
            await first
        with pytest.raises((Unavailable, Overloaded)):
            await second
        with pytest.raises(Overloaded):
            writer.submit(delivery("c", lost("3")))
        with pytest.raises(Unavailable, match="does not answer"):
            await writer.tick()
        writer._queue.patience = 30
        answers.set()
        again = [await writer.submit(delivery(key, lost(key))) for key in ("a", "b")]
    assert [outcome.status for outcome in again] == ["duplicate", "applied"]
    assert ledger.head.deliveries == 2


async def until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    while not holds():
        await asyncio.sleep(0.01)


async def test_that_nothing_can_be_stored_is_known_at_once_and_so_is_that_it_can_again(
    sqlite_ledgers: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk without room: small writes go on, and prove nothing."""
    monkeypatch.setattr(writer_module, "PROBE_SECONDS", 0.05)
    ledger = Ledger(sqlite_ledgers(), NOW)
    writer = Writer(ledger.database, {"office": OFFICE}, ledger.clock, patience=0.5)
    seen: list[bool] = []
    writer.on_storing.append(lambda: seen.append(writer.storing))
    async with running(writer):
        assert (await writer.submit(delivery("a", lost("1")))).status == "applied"
        with limited_pages(ledger):
            with pytest.raises(Unavailable):
                await writer.submit(delivery("b" * 300_000, lost("2")))
            assert seen == [False]
            await asyncio.sleep(0.3)
            assert not writer.storing
        await until(lambda: writer.storing)
        assert (await writer.submit(delivery("b" * 300_000, lost("2")))).status == "applied"
    assert seen == [False, True]
    assert ledger.differences() == []
    ledger.close()


async def test_a_database_that_goes_away_is_noticed_without_a_webhook(
    sqlite_ledgers: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "PROBE_SECONDS", 0.05)
    ledger = Ledger(sqlite_ledgers(), NOW)
    away = False

    @event.listens_for(ledger.engine, "before_cursor_execute")
    def _fail(_c: object, _u: object, statement: str, *_rest: object) -> None:
        if away and statement.startswith("UPDATE heads"):
            raise OperationalError(statement, {}, OSError("disk I/O error"))

    writer = Writer(ledger.database, {"office": OFFICE}, ledger.clock, patience=0.2)
    async with running(writer):
        await asyncio.sleep(0.2)
        assert writer.storing
        away = True
        await until(lambda: not writer.storing)
        away = False
        await until(lambda: writer.storing)
    with ledger.readers.begin() as connection:
        assert connection.execute(select(func.count()).select_from(INVALIDATIONS)).scalar_one() == 0
    ledger.close()


async def test_an_account_that_another_transaction_holds_is_no_sign_that_nothing_can_be_stored(
    postgres_ledgers: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "PROBE_SECONDS", 0.05)
    ledger = Ledger(postgres_ledgers(), NOW)
    writer = Writer(ledger.database, {"office": OFFICE}, ledger.clock, patience=0.2)
    with ledger.database.writing() as connection:
        assert heads.lock_if_free(connection, "office")
        async with running(writer):
            await asyncio.sleep(0.3)
            assert writer.storing
    ledger.close()


@contextmanager
def limited_pages(ledger: Ledger) -> Iterator[None]:
    """The database's file may not grow, as on a full disk."""

    def limit(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # not less than there are

    def lift(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")

    event.listen(ledger.engine, "begin", limit)
    try:
        yield
    finally:
        event.remove(ledger.engine, "begin", limit)
        event.listen(ledger.engine, "begin", lift)
