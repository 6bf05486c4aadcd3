"""Money lost on refusals, by the day, reason, manager and pipeline (SPEC section 2). Pure.

Refusals of every kind are kept. A reader looks up which reasons are controllable, objective or excluded, so
reclassifying a reason moves its money without recomputing anything.
"""

from __future__ import annotations

from service.projections.facts import DealFacts
from service.projections.flow import Contribution, EntitySums, Projection, Relation

LOSSES = Relation("losses", ("day", "reason_id", "manager_id", "pipeline_id"), ("count", "amount"))
"""Lost deals by the local day on which they were lost."""

LOSS_DAYS = Relation("loss_days", ("day", "reason_id"), ("count", "amount"))
"""Lost deals by day and reason alone. A board without a filter is read from these rows: a year costs no more
than its days."""


def from_deal(deal: DealFacts, _sums: EntitySums) -> list[Contribution]:
    """A lost deal counts on its day."""
    if deal.lost_day is None:
        return []
    day, refusal = deal.lost_day, (1, deal.amount)
    return [
        (LOSSES, (day, deal.reason_id, deal.manager_id, deal.pipeline_id), refusal),
        (LOSS_DAYS, (day, deal.reason_id), refusal),
    ]


PROJECTION = Projection("losses", (LOSSES, LOSS_DAYS), from_deal=from_deal)
