"""The writer: group commit, isolation of what fails, bounds, and a database that goes away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from service.ledger.database.database import in_time
from service.ledger.database.errors import Unavailable
from service.ledger.write import log
from service.ledger.write import writer as writer_module
from service.ledger.write.heads import Head
from service.ledger.write.outcome import Outcome, Overloaded
from service.ledger.write.writer import Writer
from service.model import Change, Decoded, Delivery, Rejection, Value
from tests.histories import at
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T10:00:00+03:00")
T = TypeVar("T")


def delivery(key: str, *changes: Change, rejections: tuple[Rejection, ...] = ()) -> Delivery:
    return Delivery("office", NOW, {}, key.encode(), Decoded(key, changes, rejections))


def lost(deal_id: str, amount: int = 100) -> Change:
    fields: dict[str, Value] = {"known": True, "status": "lost", "amount": amount, "closed_at": NOW}
    return Change("deal", deal_id, NOW, fields)


@asynccontextmanager
async def running(
    ledger: Ledger, on_commit: Callable[[Mapping[str, Head]], None] = lambda _heads: None
) -> AsyncIterator[Writer]:
    writer = Writer(ledger.database, {"office": OFFICE}, ledger.clock)
    writer.on_commit.append(on_commit)
    writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


def run(work: Awaitable[T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(bounded())


def test_deliveries_that_wait_together_are_committed_together(ledger: Ledger) -> None:
    sizes: list[int] = []

    async def story() -> list[Outcome]:
        writer = Writer(
            ledger.database,
            {"office": OFFICE},
            ledger.clock,
            lambda size, _: sizes.append(size),
        )
        futures = [writer.submit(delivery(f"k{n}", lost(str(n)))) for n in range(100)]
        writer.start()
        outcomes = await asyncio.gather(*futures)
        await writer.stop()
        return outcomes

    outcomes = run(story())
    assert [outcome.number for outcome in outcomes] == list(range(1, 101))
    assert {outcome.status for outcome in outcomes} == {"applied"}
    assert sizes == [100]
    assert ledger.head.seq == 1


def test_a_repeat_is_known_in_the_same_batch_and_later(ledger: Ledger) -> None:
    async def story() -> list[Outcome]:
        async with running(ledger) as writer:
            first = await asyncio.gather(
                writer.submit(delivery("k", lost("1"))), writer.submit(delivery("k", lost("1")))
            )
            return [*first, await writer.submit(delivery("k", lost("1")))]

    outcomes = run(story())
    assert [(each.status, each.number) for each in outcomes] == [
        ("applied", 1),
        ("duplicate", 1),
        ("duplicate", 1),
    ]
    assert ledger.head.deliveries == 1


def test_one_delivery_that_fails_is_quarantined_and_its_neighbours_are_applied(ledger: Ledger) -> None:
    too_large = Change("deal", "2", NOW, {"known": True, "status": "lost", "amount": 2**70})

    async def story() -> list[Outcome]:
        writer = Writer(ledger.database, {"office": OFFICE}, ledger.clock)
        futures = [
            writer.submit(delivery(key, change))
            for key, change in (("a", lost("1")), ("b", too_large), ("c", lost("3")))
        ]
        writer.start()
        outcomes = await asyncio.gather(*futures)
        await writer.stop()
        return outcomes

    outcomes = run(story())
    assert [outcome.status for outcome in outcomes] == ["applied", "quarantined", "applied"]
    with ledger.engine.begin() as connection:
        held = log.quarantined(connection, "office")
        stored = log.one(connection, "office", outcomes[1].number)
    assert [each.number for each in held] == [outcomes[1].number]
    assert "Traceback" in held[0].detail
    assert stored is not None
    assert stored.body == b"b"
    assert ledger.differences() == []


def test_rejected_parts_are_kept_and_the_rest_is_applied(ledger: Ledger) -> None:
    async def story() -> Outcome:
        async with running(ledger) as writer:
            return await writer.submit(delivery("k", lost("1"), rejections=(Rejection(1, "no id"),)))

    assert run(story()).status == "quarantined"
    with ledger.engine.begin() as connection:
        assert [(each.part, each.error) for each in log.quarantined(connection, "office")] == [(1, "no id")]
    assert ledger.tables()["loss_days"] != []


def test_a_full_queue_refuses_at_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "QUEUE_DELIVERIES", 2)

    async def story() -> None:
        writer = Writer(ledger.database, {"office": OFFICE}, ledger.clock)
        waiting = [writer.submit(delivery(f"k{n}")) for n in range(2)]
        with pytest.raises(Overloaded) as refused:
            writer.submit(delivery("k2"))
        assert refused.value.retry_after > 0
        writer.start()
        await asyncio.gather(*waiting)
        await writer.stop()
        with pytest.raises(Overloaded):
            writer.submit(delivery("k3"))

    run(story())
    assert ledger.head.deliveries == 2


def test_a_commit_that_fails_is_unavailable_and_stores_nothing(sqlite_ledgers: Callable[[], str]) -> None:
    ledger = Ledger(sqlite_ledgers(), NOW)
    broken = True

    @event.listens_for(ledger.engine, "before_cursor_execute")
    def _fail(_c: object, _u: object, statement: str, *_rest: object) -> None:
        if broken and "INSERT INTO deliveries" in statement:
            raise OperationalError(statement, {}, OSError("disk I/O error"))

    async def story() -> Outcome:
        nonlocal broken
        async with running(ledger) as writer:
            with pytest.raises(Unavailable):
                await writer.submit(delivery("k", lost("1")))
            broken = False
            return await writer.submit(delivery("k", lost("1")))

    assert run(story()) == Outcome("applied", 1, 1, frozenset({"deal 1"}))
    ledger.close()


def test_stopping_commits_what_is_queued(ledger: Ledger) -> None:
    async def story() -> list[Outcome]:
        writer = Writer(ledger.database, {"office": OFFICE}, ledger.clock)
        futures = [writer.submit(delivery(f"k{n}", lost(str(n)))) for n in range(600)]
        writer.start()
        await writer.stop()
        return await asyncio.gather(*futures)

    assert len(run(story())) == 600
    assert ledger.head.deliveries == 600


def test_committed_is_told_before_the_sender_is_answered(ledger: Ledger) -> None:
    told: list[int] = []

    async def story() -> None:
        async with running(ledger, lambda heads: told.append(heads["office"].seq)) as writer:
            outcome = await writer.submit(delivery("k", lost("1")))
            assert told == [outcome.seq]

    run(story())


def test_nobody_waits_for_a_database_that_does_not_answer(ledger: Ledger) -> None:
    """The batch, and what waits behind it, is answered; when the database goes on, so does the writer, and
    what was told to come again is known."""
    answers = threading.Event()

    def _hang(_connection: object) -> None:
        answers.wait(30)

    async def story() -> list[Outcome]:
        event.listen(ledger.engine, "commit", _hang)
        writer = Writer(ledger.database, {"office": OFFICE}, ledger.clock, patience=0.1)
        writer.start()
        first = writer.submit(delivery("a", lost("1")))
        while writer.depth:
            await asyncio.sleep(0)
        for each in (first, writer.submit(delivery("b", lost("2"))), writer.tick()):
            with pytest.raises(Unavailable, match="does not answer"):
                await each
        answers.set()
        again = [await writer.submit(delivery(key, lost(key))) for key in ("a", "b")]
        await writer.stop()
        return again

    assert [each.status for each in run(story())] == ["duplicate", "applied"]
    assert ledger.head.deliveries == 2


def test_nobody_waits_for_a_read_that_does_not_come_back() -> None:
    answers = threading.Event()

    async def story() -> None:
        assert await in_time(lambda: 7) == 7
        with pytest.raises(Unavailable, match="does not answer"):
            await in_time(lambda: answers.wait(30), seconds=0.05)
        answers.set()

    run(story())
