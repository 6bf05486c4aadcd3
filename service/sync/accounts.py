"""Runs the sync of each account whose CRM is asked. A reload of the configuration begins and ends syncs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from service.config import Account


class Sync(Protocol):
    """The sync of one account; see `runner.AccountSync`."""

    async def run(self) -> None:
        """Work until cancelled."""
        ...

    def wake(self) -> None:
        """Look for needs at once."""
        ...


class _Running(NamedTuple):
    account: Account
    sync: Sync
    task: asyncio.Task[None]


class Makes(Protocol):
    """Makes syncs; see `syncs.Syncs`."""

    def begin(self, account: Account) -> Sync | None:
        """The sync of an account; None if its CRM is not asked."""
        ...

    async def close(self) -> None:
        """Close what the syncs share."""
        ...


class SyncedAccounts:
    """Runs until cancelled; see the module.

    Args:
        accounts: By id.
        syncs: Closed when `run` ends.
    """

    def __init__(self, accounts: Mapping[str, Account], syncs: Makes) -> None:
        self._accounts = dict(accounts)
        self._syncs = syncs
        self._running: dict[str, _Running] = {}
        self._changed = asyncio.Event()

    def on_seq(self, account_ids: Iterable[str]) -> None:
        """Wake the accounts that a commit changed, here or on another node: it may have left needs."""
        for account_id in account_ids:
            if (running := self._running.get(account_id)) is not None:
                running.sync.wake()

    def on_accounts(self, accounts: Mapping[str, Account]) -> None:
        """Ask the CRMs of these accounts from now on."""
        self._accounts = dict(accounts)
        self._changed.set()

    async def run(self) -> None:
        """Run until cancelled."""
        try:
            while True:
                self._changed.clear()
                await self._follow(self._accounts)
                await self._changed.wait()
        finally:
            await self._end(list(self._running))
            await self._syncs.close()

    async def _follow(self, accounts: Mapping[str, Account]) -> None:
        """End the syncs of accounts that changed or are gone, and then begin those that do not run: an old
        one must have given back its lease."""
        old = [key for key, running in self._running.items() if accounts.get(key) is not running.account]
        await self._end(old)
        for account_id, account in accounts.items():
            if account_id not in self._running and (sync := self._syncs.begin(account)) is not None:
                task = asyncio.create_task(sync.run())
                self._running[account_id] = _Running(account, sync, task)

    async def _end(self, account_ids: Iterable[str]) -> None:
        tasks = [self._running.pop(account_id).task for account_id in account_ids]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
