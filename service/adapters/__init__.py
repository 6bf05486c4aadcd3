"""The CRM kinds that can be connected, one line each. Contract tests run over this registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
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


@lru_cache(maxsize=len(KINDS))  # a rebuild from the log asks for each delivery
def _imported(kind: str) -> Adapter:
    adapter: Adapter = import_module(f"{__name__}.{kind}").ADAPTER
    return adapter


class _Adapters(Mapping[str, Adapter]):
    """Imports an adapter when it is asked for: an office has one CRM, and not the others."""

    def __getitem__(self, kind: str) -> Adapter:
        if kind not in KINDS:
            raise KeyError(kind)
        return _imported(kind)

    def __iter__(self) -> Iterator[str]:
        return iter(KINDS)

    def __len__(self) -> int:
        return len(KINDS)


ADAPTERS: Final[Mapping[str, Adapter]] = _Adapters()
"""The adapters by the account's `crm`."""
