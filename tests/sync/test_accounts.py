"""Syncs that begin, end and begin again as the configuration changes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from service.config import Account
from service.sync.accounts import SyncedAccounts
from tests.ledger.offices import OFFICE


class Noted:
    """A sync that says when it begins, and when it has ended."""

    def __init__(self, account: Account, told: list[str]) -> None:
        self._name, self._told = account.title, told

    async def run(self) -> None:
        """Until cancelled; its end takes a while, as giving a lease back does."""
        self._told.append(f"{self._name} begins")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self._told.append(f"{self._name} ends")

    def wake(self) -> None:
        """Nothing to do."""


class Syncs:
    """Makes one for each account but the quiet one."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begin(self, account: Account) -> Noted | None:
        """The sync of an account."""
        return None if account.id == "quiet" else Noted(account, self.told)

    async def close(self) -> None:
        """Say so."""
        self.told.append("closed")


async def settled() -> None:
    """Let every task have its turns."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_sync_ends_before_that_of_the_changed_account_begins_and_others_go_on() -> None:
    syncs = Syncs()
    told = syncs.told
    one, other = replace(OFFICE, id="one", title="one"), replace(OFFICE, id="other", title="other")
    quiet = replace(OFFICE, id="quiet", title="quiet")
    synced = SyncedAccounts({"one": one, "other": other, "quiet": quiet}, syncs)
    task = asyncio.create_task(synced.run())
    await settled()
    assert told == ["one begins", "other begins"]
    told.clear()
    new = replace(one, title="new")
    synced.on_accounts({"one": new, "other": other})
    await settled()
    assert told == ["one ends", "new begins"]
    told.clear()
    synced.on_accounts({"one": new})
    await settled()
    assert told == ["other ends"]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert told == ["other ends", "new ends", "closed"]
