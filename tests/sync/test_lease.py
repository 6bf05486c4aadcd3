"""Only one process at a time works on an account; and which failures its work survives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Connection, select

from service.config import Account
from service.ledger.database.errors import Unavailable
from service.ledger.database.tables import SYNCS
from service.ledger.write.outcome import Overloaded
from service.ledger.write.syncs import LEASE
from service.model import SECOND, Instant
from service.sync.accounts import SyncedAccounts
from service.sync.runner import RENEW_EVERY, AccountSync
from tests.sync.connected import Connected
from tests.sync.small_office import DEAR, add_deal, calls, reasons


async def holder(service: Connected) -> tuple[str, int]:
    """Who has the account's lease, until when."""

    def lease(connection: Connection) -> tuple[str, int]:
        row = connection.execute(select(SYNCS.c.holder, SYNCS.c.held_until)).one()
        return row.holder, row.held_until

    return await service.database.read(lease)


@asynccontextmanager
async def running(sync: AccountSync | SyncedAccounts) -> AsyncIterator[None]:
    """Run a sync in the background; it has been cancelled at the end."""
    async with asyncio.timeout(20):
        task = asyncio.create_task(sync.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def complete(service: Connected) -> None:
    """Wait until the backfill is complete."""
    while (await service.state()).synced_at is None:
        await asyncio.sleep(0.001)


async def test_a_second_process_does_nothing_while_the_first_works(service: Connected) -> None:
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


async def test_it_takes_over_when_the_lease_runs_out(service: Connected) -> None:
    other = service.another()
    await service.sync.turn()
    service.clock.still.advance(LEASE / SECOND + 1)
    assert await other.turn() == 0
    assert (await holder(service))[0] == other._crm.holder
    assert await service.sync.turn() == RENEW_EVERY / SECOND


async def test_a_process_that_ends_releases_its_lease(service: Connected) -> None:
    other = service.another()
    async with running(service.sync):
        await complete(service)
    assert (await holder(service))[1] == 0
    await other.turn()
    assert (await holder(service))[0] == other._crm.holder


@pytest.mark.parametrize("error", [Unavailable("away"), RuntimeError("a defect")])
async def test_it_goes_on_after_the_database_was_away_and_after_a_defect(
    service: Connected, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [error] * 3
    turn = service.sync.turn

    async def broken() -> float:
        if left:
            raise left.pop()
        return await turn()

    monkeypatch.setattr(service.sync, "turn", broken)
    async with running(service.sync):
        await complete(service)
    assert await service.board() == service.truth()


async def test_a_commit_wakes_the_account_that_waits(service: Connected) -> None:
    class Watched:
        """A clock whose time never ends a wait."""

        def now(self) -> Instant:
            return service.clock.now()

        def monotonic(self) -> float:
            return service.clock.monotonic()

        async def wait(self, seconds: float, wake: asyncio.Event) -> None:
            waiting.set()
            await wake.wait()

    await service.work()
    waiting = asyncio.Event()
    service.sync._clock = Watched()

    class Syncs:
        def begin(self, _account: Account) -> AccountSync:
            return service.sync

        async def close(self) -> None:
            pass

    synced = SyncedAccounts({"office": service.account}, Syncs())
    async with running(synced):
        await waiting.wait()
        await service.postman.tell(add_deal(service.vendor.office))
        await service.postman.tell(service.vendor.office.lose(max(service.vendor.office.deals), DEAR))
        waiting.clear()
        synced.on_seq(("office", "other"))
        await waiting.wait()
    assert await reasons(service) == [DEAR]


async def test_answers_wait_while_webhooks_fill_the_queue(service: Connected) -> None:
    writer, refused = service.sync._crm._writer, [Overloaded(2)] * 3

    class Full:
        def submit(self, delivery: object) -> object:
            if refused:
                raise refused.pop()
            return writer.submit(delivery)  # type: ignore[arg-type]  # a delivery

    service.sync._crm._writer = Full()  # type: ignore[assignment]  # its queue is full
    before = service.clock.now()
    await service.work()
    assert service.clock.now() - before >= 3 * 2 * SECOND
    assert await service.board() == service.truth()
