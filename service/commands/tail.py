"""Formats deliveries as text, for a person who connects a CRM or looks into quarantine. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from service.adapters.fields import printable
from service.calendar import iso
from service.config import Account
from service.ledger.read.admin.deliveries import MOST_ENTITIES
from service.ledger.write.log import Quarantined, Stored
from service.live.text.effects import effects
from service.telemetry.delivery_id import stored_id

POLL_SECONDS: Final = 0.5
"""How often new deliveries are looked for."""

DROPPED: Final = "(dropped by retention)"
IGNORED: Final = "ignored: the board has no use for events of this type"

NO_CURRENCIES: Final[Mapping[str, str]] = {}


def line(
    stored: Stored, account: Account, currencies: Mapping[str, str] = NO_CURRENCIES, *, ignored: bool = False
) -> str:
    """One delivery in one line: its id, when it came, and what it changed.

    Args:
        currencies: Those of the deals whose amounts it changed, by entity; the account's where there is none.
        ignored: The board has no use for anything in it: an event of another type.
    """
    changes = effects(stored.changed, account, currencies)
    more = [f"and {len(changes) - MOST_ENTITIES} more"] if len(changes) > MOST_ENTITIES else []
    nothing = IGNORED if ignored else "changed nothing" if stored.body is not None else DROPPED
    what = "; ".join(changes[:MOST_ENTITIES] + more) or nothing
    conflict = f" (CONFLICT: the id of delivery {stored.conflicts_with}, another body)"
    mark = "" if stored.conflicts_with is None else conflict
    name = stored_id(account.id, stored.number)
    return f"{name} {iso(stored.received_at, account.zone)}{mark} {printable(what)}"


def full(stored: Stored, account: Account, quarantined: Sequence[Quarantined]) -> Iterator[str]:
    """All lines about one delivery: when it came, its errors, its headers and its raw body."""
    yield line(stored, account)
    for row in quarantined:
        if row.number == stored.number:
            yield f"part {row.part}: {row.error}"
            yield from (f"    {text}" for text in row.detail.splitlines())
    yield from (f"{name}: {value}" for name, value in stored.headers.items())
    body = DROPPED if stored.body is None else stored.body.decode("utf-8", "replace")
    yield printable(body)
