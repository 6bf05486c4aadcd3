"""What a service is configured to do now, and who hears that this has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from service.config import Account, Config, Secret
from service.served.accounts import Accounts

OnAccounts: TypeAlias = Callable[[Mapping[str, Account]], None]
"""Called on the event loop with the accounts, by id, after a reload. An account that did not change is the
same object as before."""


class Served:
    """See the package. A part that only looks accounts up gets `accounts`; one that keeps something that
    follows from them subscribes to `on_accounts`.

    Attributes:
        on_accounts: The subscribers; see `OnAccounts`.
    """

    def __init__(self, config: Config) -> None:
        self.on_accounts: list[OnAccounts] = []
        self._config = config
        self._accounts = Accounts({account.id: account for account in config.accounts})

    @property
    def accounts(self) -> Mapping[str, Account]:
        """By id; it shows the accounts of each reload."""
        return self._accounts

    @property
    def metrics_token(self) -> Secret | None:
        """See `Config`."""
        return self._config.metrics_token

    def accounts_of(self, config: Config) -> Mapping[str, Account]:
        """The accounts of another configuration, by id; those that did not change are the ones served now."""
        now = self._accounts.now
        return {
            account.id: served if (served := now.get(account.id)) == account else account
            for account in config.accounts
        }

    def replace(self, config: Config) -> None:
        """Work by another configuration from now on."""
        self._config, self._accounts.now = config, self.accounts_of(config)
        for subscriber in self.on_accounts:
            subscriber(self._accounts.now)
