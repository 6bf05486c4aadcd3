"""Deliveries of the log with what they changed, as `lossboard tail` and the admin page tell of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection

from service.config import Account
from service.ledger.read.decoding import decode
from service.ledger.write import log, state
from service.ledger.write.log import Stored

MOST_ENTITIES: Final = 20
"""Changed entities of one delivery that people are told of; an import changes thousands."""

UNTOLD: Final = frozenset({"known"})
"""Fields that say nothing to people."""

PAGE: Final = 25
"""Deliveries of a page."""


class Told(NamedTuple):
    """A delivery, and what else it takes to tell of it.

    Args:
        currencies: Those of the deals whose amounts it changed, by entity; empty where none is known.
        ignored: The board has no use for anything in it: an event of another type.
    """

    stored: Stored
    currencies: Mapping[str, str]
    ignored: bool


def told(connection: Connection, account: Account, page: Sequence[Stored]) -> list[Told]:
    """Deliveries with what else it takes to tell of them."""
    amounts = [_amounts(stored) for stored in page]
    ids = sorted({deal_id for one in amounts for deal_id in one})
    deals = state.load(connection, account.id, "deal", ids) if ids else {}
    currencies = {deal_id: str(deal.values.get("currency") or "") for deal_id, deal in deals.items()}
    return [
        Told(
            stored,
            {f"deal {deal_id}": currencies[deal_id] for deal_id in one if deal_id in currencies},
            _is_ignored(stored, account),
        )
        for stored, one in zip(page, amounts, strict=True)
    ]


def newest(connection: Connection, account: Account, upto: int | None) -> list[Told]:
    """A page of deliveries, newest first.

    Args:
        upto: The number of the first of them; None, or one that there is not yet: the newest there is.
    """
    there = log.newest_number(connection, account.id)
    last = there if upto is None else min(upto, there)
    after = max(0, last - PAGE)
    return told(connection, account, log.stored(connection, account.id, after, min(PAGE, last))[::-1])


def _amounts(stored: Stored) -> list[str]:
    """The ids of the deals that are told of and whose amounts a delivery changed."""
    shown = [entity for entity, fields in stored.changed.items() if fields.keys() - UNTOLD][:MOST_ENTITIES]
    return [entity.removeprefix("deal ") for entity in shown if "amount" in stored.changed[entity]]


def _is_ignored(stored: Stored, account: Account) -> bool:
    """Whether a delivery says nothing that the board has a use for."""
    if stored.changed or stored.body is None or stored.source != "webhook":
        return False
    try:
        decoded = decode(stored, account)
    except Exception:  # the delivery is in quarantine, which says more
        return False
    return not decoded.changes and not decoded.rejections
