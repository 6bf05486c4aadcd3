"""The CRM kinds that can be connected, one line for each. Contract tests run over this registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.adapters.adapter import Adapter, NotAuthentic
from service.adapters.amocrm import AmoCRMAdapter
from service.adapters.hubspot import HubSpotAdapter
from service.adapters.standard import StandardAdapter
from service.config import Config, ConfigError

__all__ = ["ADAPTERS", "Adapter", "NotAuthentic", "check"]

ADAPTERS: Final[Mapping[str, Adapter]] = {
    "standard": StandardAdapter(),
    "amocrm": AmoCRMAdapter(),
    "hubspot": HubSpotAdapter(),
}


def check(config: Config) -> None:
    """Raise `ConfigError` for an account of a kind that there is not, or whose API cannot be asked as
    configured."""
    for account in config.accounts:
        adapter = ADAPTERS.get(account.crm)
        if adapter is None:
            known = ", ".join(sorted(ADAPTERS))
            raise ConfigError(
                f"account {account.id}: crm = {account.crm!r} is not supported; supported are: {known}"
            )
        if account.api is None:
            continue
        if adapter.api is None:
            raise ConfigError(
                f"account {account.id}: {account.crm} has no API to ask: take [accounts.api] out"
            )
        if account.api.url is None and adapter.api.url is None:
            raise ConfigError(
                f"account {account.id}: [accounts.api] needs the url of the {account.crm} account"
            )
