"""«Спасено сегодня»: clients whose overdue task was completed today, and that are at risk no more (SPEC
section 3.10).

A task counts on the local day on which it was completed, and only as long as that day is today. A task on a
lost or deleted deal saved nobody. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from service.projections.at_risk import CLIENT_STAKES
from service.projections.facts import DealFacts, Moment, TaskFacts
from service.projections.flow import Contribution, EntitySums, Projection, Relation

DEAL_SAVES = Relation("deal_saves", ("deal_id",), ("tasks",), feeds="deal")
"""Tasks on the deal that were completed today after they were due."""

CLIENT_SAVES = Relation(
    "client_saves", ("client_id",), ("deals", "open_amount", "won_amount", "own_tasks"), feeds="client"
)
"""The client's deals with such a task, those still open and those won; such tasks on the client itself."""

SAVED_TODAY = Relation("saved_today", (), ("clients", "amount"))
"""The figure on the board."""


def from_task(task: TaskFacts, moment: Moment) -> Iterator[Contribution]:
    """A task completed today after its due time counts on its deal, or on the client itself."""
    if task.done_day != moment.today or not task.late:
        return
    if task.deal_id is not None:
        yield DEAL_SAVES, (task.deal_id,), (1,)
    elif task.client_id is not None:
        yield CLIENT_SAVES, (task.client_id,), (0, 0, 0, 1)


def from_deal(deal: DealFacts, node: EntitySums) -> Iterator[Contribution]:
    """A deal with such a task counts once on its client, unless it was lost or deleted."""
    if deal.phase in ("open", "won", "unknown") and node.sum(DEAL_SAVES)[0]:
        open_amount = deal.amount if deal.phase == "open" else 0
        yield CLIENT_SAVES, (deal.client_id,), (1, open_amount, deal.amount - open_amount, 0)


def from_client(client: EntitySums) -> Iterator[Contribution]:
    """A client with such a task, and with no overdue task left, is saved."""
    deals, open_amount, won_amount, own_tasks = client.sum(CLIENT_SAVES)
    _, all_open_amount, _, deal_tasks, own_overdue_tasks = client.sum(CLIENT_STAKES)
    if deals + own_tasks and not deal_tasks + own_overdue_tasks:
        yield SAVED_TODAY, (), (1, (all_open_amount if own_tasks else open_amount) + won_amount)


PROJECTION = Projection(
    "saved_today",
    (DEAL_SAVES, CLIENT_SAVES, SAVED_TODAY),
    from_task=from_task,
    from_deal=from_deal,
    from_client=from_client,
)
