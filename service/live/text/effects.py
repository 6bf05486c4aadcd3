"""What a delivery changed, as operators read it: the names of entities and fields are those of the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.calendar import iso
from service.config import Account
from service.ledger.read.admin.deliveries import UNTOLD
from service.model import Instant, Value
from service.money import decimal_string
from service.projections.batch import Changed

_MOMENTS: Final = frozenset({"due_at", "closed_at", "completed_at"})


def effects(changed: Changed, account: Account, currencies: Mapping[str, str]) -> list[str]:
    """A text for each entity of which something can be told.

    Args:
        currencies: Those of the deals whose amounts it changed, by entity; the account's where there is none.
    """
    return [
        f"{entity}: {', '.join(shown)}"
        for entity, fields in changed.items()
        for currency in [currencies.get(entity) or account.currency]
        if (
            shown := [
                f"{name} {_shown(name, old, account, currency)} → {_shown(name, new, account, currency)}"
                for name, (old, new) in fields.items()
                if name not in UNTOLD
            ]
        )
    ]


def _shown(name: str, value: Value, account: Account, currency: str) -> str:
    if value is None:
        return "–"
    if name == "amount" and isinstance(value, int):
        return f"{decimal_string(value, currency)} {currency}"
    if name in _MOMENTS and isinstance(value, int):
        return iso(Instant(value), account.zone)
    return str(value)
