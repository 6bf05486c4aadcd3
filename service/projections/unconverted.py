"""Deals that count with amount 0 because their currency has no rate; the board warns of them (SPEC section
4). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from service.projections.facts import DealFacts
from service.projections.flow import Contribution, EntitySums, Projection, Relation

UNCONVERTED = Relation("unconverted", ("currency",), ("deals",))
"""Open and lost deals whose amount cannot be converted, by currency."""


def from_deal(deal: DealFacts, _sums: EntitySums) -> Iterator[Contribution]:
    """An open or lost deal with an amount in a currency without a rate counts."""
    if deal.unconverted is not None and deal.phase in ("open", "lost"):
        yield UNCONVERTED, (deal.unconverted,), (1,)


PROJECTION = Projection("unconverted", (UNCONVERTED,), from_deal=from_deal)
