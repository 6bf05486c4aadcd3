"""One process at a time works an account; and what its work outlasts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select

from service.ledger.database.errors import Unavailable
from service.ledger.database.tables import SYNCS
from service.ledger.write.outcome import Overloaded
from service.ledger.write.syncs import LEASE
from service.model import SECOND
from service.sync.runner import RENEW_EVERY, Runner
from tests.sync.connected import Connected
from tests.sync.told import DEAR, add_deal, calls, reasons, told


async def holder(service: Connected) -> tuple[str, int]:
    """Who has the account's lease, until when."""

    def found(connection: object) -> tuple[str, int]:
        row = connection.execute(select(SYNCS.c.holder, SYNCS.c.held_until)).one()  # type: ignore[attr-defined]
        return row.holder, row.held_until

    return await service.database.read(found)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Let others work until something holds."""
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.001)


def test_a_second_process_does_nothing_while_the_first_works(sqlite_ledgers: Callable[[], str]) -> None:
    async def story(service: Connected) -> None:
        other = service.another()
        await service.sync.turn()
        before = calls(service)
        for _ in range(3):
            assert await other.turn() == RENEW_EVERY / SECOND
        assert calls(service) == before
        for _ in range(20):  # the first renews its lease as it works
            service.clock.still.advance(RENEW_EVERY / SECOND)
            await service.sync.turn()
            assert await other.turn() > 0
        assert (await holder(service))[0] == service.sync._crm.holder

    told(sqlite_ledgers, story, deals=3)


def test_it_takes_over_when_the_lease_runs_out(sqlite_ledgers: Callable[[], str]) -> None:
    async def story(service: Connected) -> None:
        other = service.another()
        await service.sync.turn()
        service.clock.still.advance(LEASE / SECOND + 1)
        assert await other.turn() == 0
        assert (await holder(service))[0] == other._crm.holder
        assert await service.sync.turn() == RENEW_EVERY / SECOND

    told(sqlite_ledgers, story, deals=3)


def test_a_process_that_ends_releases_its_lease(sqlite_ledgers: Callable[[], str]) -> None:
    async def story(service: Connected) -> None:
        other = service.another()
        running = asyncio.create_task(service.sync.run())

        async def complete() -> bool:
            return (await service.state()).synced_at is not None

        await until(complete)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (await holder(service))[1] == 0
        await other.turn()
        assert (await holder(service))[0] == other._crm.holder

    told(sqlite_ledgers, story, deals=3)


@pytest.mark.parametrize("error", [Unavailable("away"), RuntimeError("a defect")])
def test_it_goes_on_after_the_database_was_away_and_after_a_defect(
    error: Exception, sqlite_ledgers: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(service: Connected) -> None:
        left = [error] * 3
        turn = service.sync.turn

        async def broken() -> float:
            if left:
                raise left.pop()
            return await turn()

        monkeypatch.setattr(service.sync, "turn", broken)
        running = asyncio.create_task(service.sync.run())

        async def complete() -> bool:
            return (await service.state()).synced_at is not None

        await until(complete)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert await service.board() == service.truth()

    told(sqlite_ledgers, story, deals=3)


def test_a_commit_wakes_the_account_that_waits(sqlite_ledgers: Callable[[], str]) -> None:
    async def story(service: Connected) -> None:
        class Watched:
            """Stands in for the clock of a service: nobody who waits is woken by it."""

            def now(self) -> int:
                return service.clock.now()

            async def wait(self, seconds: float, wake: asyncio.Event) -> None:
                waiting.set()
                await wake.wait()

        await service.work()
        waiting = asyncio.Event()
        service.sync._clock = Watched()
        running = asyncio.create_task(service.sync.run())
        await asyncio.wait_for(waiting.wait(), 20)
        await service.postman.tell(add_deal(service.vendor.office))
        await service.postman.tell(service.vendor.office.lose(max(service.vendor.office.deals), DEAR))
        waiting.clear()
        runner = Runner.__new__(Runner)
        runner._syncs = {"office": service.sync}
        runner.on_seq(("office", "other"))
        await asyncio.wait_for(waiting.wait(), 20)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert await reasons(service) == [DEAR]

    told(sqlite_ledgers, story, deals=3)


def test_answers_wait_while_webhooks_fill_the_queue(sqlite_ledgers: Callable[[], str]) -> None:
    async def story(service: Connected) -> None:
        writer, refused = service.sync._crm._writer, [Overloaded(2)] * 3

        class Full:
            def submit(self, delivery: object) -> object:
                if refused:
                    raise refused.pop()
                return writer.submit(delivery)  # type: ignore[arg-type]  # a delivery

        service.sync._crm._writer = Full()  # type: ignore[assignment]  # the queue of it is full
        before = service.clock.now()
        await service.work()
        assert service.clock.now() - before >= 3 * 2 * SECOND
        assert await service.board() == service.truth()

    told(sqlite_ledgers, story, deals=3)
