"""The blind spot: open deals with no open task at all (SPEC section 3.9). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from service.projections.at_risk import DEAL_TASKS
from service.projections.facts import DealFacts
from service.projections.flow import Contribution, EntitySums, Projection, Relation

NO_NEXT_STEP = Relation("no_next_step", (), ("deals", "amount"))
"""Open deals without a next step."""


def from_deal(deal: DealFacts, sums: EntitySums) -> Iterator[Contribution]:
    """An open deal with no open task, dated or not, counts."""
    open_tasks, _ = sums.row(DEAL_TASKS)
    if deal.phase == "open" and not open_tasks:
        yield NO_NEXT_STEP, (), (1, deal.amount)


PROJECTION = Projection("no_next_step", (NO_NEXT_STEP,), from_deal=from_deal)
