"""Deliveries as lines of text, for whoever connects a CRM or looks into quarantine. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from service.adapters.fields import printable
from service.calendar import iso
from service.config import Account
from service.ledger.write.log import Quarantined, Stored
from service.model import Value

INTERVAL: Final = 0.5
"""Seconds between two looks for new deliveries."""

MOST_SHOWN: Final = 20
"""Deals, tasks and names that one line shows; an import changes thousands."""

_MOMENTS: Final = frozenset({"due_at", "closed_at", "completed_at"})
_HIDDEN: Final = frozenset({"known"})


def line(stored: Stored, account: Account) -> str:
    """One delivery: its number, when it came, and what it changed."""
    changes = [
        f"{entity}: {', '.join(shown)}"
        for entity, fields in stored.changed.items()
        if (
            shown := [
                f"{name} {_shown(name, old, account)} → {_shown(name, new, account)}"
                for name, (old, new) in fields.items()
                if name not in _HIDDEN
            ]
        )
    ]
    more = [f"and {len(changes) - MOST_SHOWN} more"] if len(changes) > MOST_SHOWN else []
    what = "; ".join(changes[:MOST_SHOWN] + more) or "changed nothing"
    return f"{account.id} {stored.number} {iso(stored.received_at, account.zone)} {printable(what)}"


def full(stored: Stored, account: Account, held: Sequence[Quarantined]) -> Iterator[str]:
    """One delivery whole: when it came, what is wrong with it, its headers and its raw body."""
    yield line(stored, account)
    for each in held:
        if each.number == stored.number:
            yield f"part {each.part}: {each.error}"
            yield from (f"    {row}" for row in each.detail.splitlines())
    yield from (f"{name}: {value}" for name, value in stored.headers.items())
    body = "(dropped after its time)" if stored.body is None else stored.body.decode("utf-8", "replace")
    yield printable(body)


def _shown(name: str, value: Value, account: Account) -> str:
    if value is None:
        return "–"
    if name in _MOMENTS and isinstance(value, int):
        return iso(value, account.zone)
    return str(value)
