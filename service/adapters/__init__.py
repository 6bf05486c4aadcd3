"""The CRM kinds that can be connected, one line for each. Contract tests run over this registry."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from service.adapters.protocol import Adapter, NotAuthentic
from service.config import Config, ConfigError

__all__ = ["ADAPTERS", "Adapter", "NotAuthentic", "check"]

KINDS: Final = (
    "standard",
    "amocrm",
    "bitrix24",
    "hubspot",
    "pipedrive",
)
"""Each is called as its file here, which ends with its `ADAPTER`; there mypy holds it to the interface."""


def _adapter(kind: str) -> Adapter:
    adapter: Adapter = import_module(f"{__name__}.{kind}").ADAPTER
    return adapter


ADAPTERS: Final[Mapping[str, Adapter]] = {kind: _adapter(kind) for kind in KINDS}
"""By the account's `crm`."""


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
