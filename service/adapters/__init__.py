"""The CRM kinds that can be connected, one line each. Contract tests run over this registry."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from service.adapters.protocol import Adapter, NotAuthentic

__all__ = ["ADAPTERS", "Adapter", "NotAuthentic"]

KINDS: Final = (
    "standard",
    "amocrm",
    "bitrix24",
    "hubspot",
    "pipedrive",
)
"""The modules or packages in this folder that have an `ADAPTER`."""


ADAPTERS: Final[Mapping[str, Adapter]] = {kind: import_module(f"{__name__}.{kind}").ADAPTER for kind in KINDS}
"""The adapters by the account's `crm`."""
