"""The blind spot: open deals with no open task at all (SPEC section 3.9). Pure."""

from __future__ import annotations

from service.projections.at_risk import DEAL_TASKS
from service.projections.facts import DealFacts
from service.projections.flow import Contribution, EntitySums, Projection, Relation

NO_NEXT_STEP = Relation("no_next_step", (), ("deals", "amount"))
"""Open deals without a next step."""


def from_deal(deal: DealFacts, sums: EntitySums) -> list[Contribution]:
    """An open deal with no open task, dated or not, counts."""
    if deal.phase == "open" and not sums.row(DEAL_TASKS)[0]:
        return [(NO_NEXT_STEP, (), (1, deal.amount))]
    return []


PROJECTION = Projection("no_next_step", (NO_NEXT_STEP,), from_deal=from_deal)
