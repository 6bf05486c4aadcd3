"""«Спасено сегодня»: clients whose overdue task was completed today, and who have no overdue task left (SPEC
section 3.10). Pure.

A task counts on the local day on which it was completed, and only while that day is today. A task on a lost
or deleted deal saves nobody.
"""

from __future__ import annotations

from typing import Final

from service.projections.at_risk import CLIENT_DEALS, at_stake
from service.projections.facts import DealFacts, Moment, Phase, TaskFacts
from service.projections.flow import Contribution, EntitySums, Projection, Relation

DEAL_SAVES = Relation("deal_saves", ("deal_id",), ("tasks",), feeds="deal")
"""A deal's tasks that were completed late, today."""

CLIENT_SAVES = Relation(
    "client_saves", ("client_id",), ("deals", "open_amount", "won_amount", "own_tasks"), feeds="client"
)
"""A client's deals with such tasks, the amounts of the open and of the won ones; such tasks on the client
itself."""

SAVED_CLIENTS = Relation("saved_clients", ("client_id",), ("clients", "amount"))
"""The clients saved today, and the amount of each."""

SAVING_PHASES: Final[frozenset[Phase]] = frozenset({"open", "won", "unknown"})
"""The phases of a deal whose task can save a client."""

SAVED_TODAY = Relation("saved_today", (), SAVED_CLIENTS.measures)
"""The figure on the board: the sum of `SAVED_CLIENTS`."""


def from_task(task: TaskFacts, moment: Moment) -> list[Contribution]:
    """A task completed late, today, counts on its deal, or on the client itself."""
    if task.done_day != moment.today or not task.late:
        return []
    if task.deal_id is not None:
        return [(DEAL_SAVES, (task.deal_id,), (1,))]
    if task.client_id is not None:
        return [(CLIENT_SAVES, (task.client_id,), (0, 0, 0, 1))]
    return []


def from_deal(deal: DealFacts, sums: EntitySums) -> list[Contribution]:
    """A deal with such a task counts once on its client, unless it was lost or deleted."""
    if deal.phase not in SAVING_PHASES or not sums.row(DEAL_SAVES)[0]:
        return []
    open_amount = deal.amount if deal.phase == "open" else 0
    return [(CLIENT_SAVES, (deal.client_id,), (1, open_amount, deal.amount - open_amount, 0))]


def from_client(client: EntitySums) -> list[Contribution]:
    """A client with such a task, and with no overdue task left, is saved: what was at stake, and what was
    won."""
    if not client.rows(CLIENT_SAVES):
        return []
    deals, saved_amount, won_amount, own_tasks = client.row(CLIENT_SAVES)
    _, open_amount, _, deal_tasks, own_overdue_tasks, gone = client.row(CLIENT_DEALS)
    own_tasks, own_overdue_tasks = (0, 0) if gone else (own_tasks, own_overdue_tasks)
    if deals + own_tasks and not deal_tasks + own_overdue_tasks:
        saved = 1, at_stake(own_tasks, open_amount, saved_amount) + won_amount
        return [(SAVED_CLIENTS, (client.id,), saved), (SAVED_TODAY, (), saved)]
    return []


PROJECTION = Projection(
    "saved_today",
    (DEAL_SAVES, CLIENT_SAVES, SAVED_CLIENTS, SAVED_TODAY),
    from_task=from_task,
    from_deal=from_deal,
    from_client=from_client,
)
