"""Deals that count with amount 0, because it is not known (SPEC section 2.8) or its currency has no rate
(section 4). The board warns of them. Pure."""

from __future__ import annotations

from typing import Final

from service.projections.facts import DealFacts
from service.projections.flow import Contribution, EntitySums, Projection, Relation

UNKNOWN: Final = ""
"""Stands for the currency of an amount that is not known."""

UNCONVERTED = Relation("unconverted", ("currency",), ("deals",))
"""Open and lost deals whose amount cannot be converted, by currency."""

AMOUNT_UNKNOWN = Relation("amount_unknown", (), ("deals",))
"""Open and lost deals whose amount is not known."""

UNPRICED = Relation("unpriced", ("currency", "deal_id"), ("deals",))
"""The deals of both, one by one; their list is read by its keys."""


def from_deal(deal: DealFacts, _sums: EntitySums) -> list[Contribution]:
    """An open or lost deal whose amount is not known, or cannot be converted, counts."""
    if deal.phase not in ("open", "lost"):
        return []
    if deal.unconverted is not None:
        return [(UNCONVERTED, (deal.unconverted,), (1,)), (UNPRICED, (deal.unconverted, deal.id), (1,))]
    if deal.amount_unknown:
        return [(AMOUNT_UNKNOWN, (), (1,)), (UNPRICED, (UNKNOWN, deal.id), (1,))]
    return []


PROJECTION = Projection("unconverted", (UNCONVERTED, AMOUNT_UNKNOWN, UNPRICED), from_deal=from_deal)
