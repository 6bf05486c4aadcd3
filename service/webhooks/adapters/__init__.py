"""The CRM kinds that can be connected, one line for each. Contract tests run over this registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.config import Crm
from service.webhooks.adapters.adapter import Adapter, NotAuthentic
from service.webhooks.adapters.amocrm import AmoCRMAdapter
from service.webhooks.adapters.standard import StandardAdapter

__all__ = ["ADAPTERS", "Adapter", "NotAuthentic"]

ADAPTERS: Final[Mapping[Crm, Adapter]] = {
    "standard": StandardAdapter(),
    "amocrm": AmoCRMAdapter(),
}
