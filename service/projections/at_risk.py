"""Clients at risk: their overdue tasks, and the money at stake (SPEC sections 3.1 to 3.6 and 3.8). Pure."""

from __future__ import annotations

from service.projections.facts import DealFacts, Moment, TaskFacts
from service.projections.flow import Contribution, EntitySums, Projection, Relation

DEAL_TASKS = Relation("deal_tasks", ("deal_id",), ("open_tasks", "overdue_tasks"), feeds="deal")
"""A deal's open tasks, and how many of them are overdue."""

DEAL_MANAGERS = Relation("deal_managers", ("deal_id", "manager_id"), ("overdue_tasks",), feeds="deal")
"""A deal's overdue tasks by manager."""

CLIENT_DEALS = Relation(
    "client_deals",
    ("client_id",),
    ("open_deals", "open_amount", "late_amount", "deal_tasks", "own_tasks", "gone"),
    feeds="client",
)
"""A client's open deals and their amount; the amount of those with overdue tasks (`late_amount`); the overdue
tasks on its deals (`deal_tasks`) and on the client itself (`own_tasks`); 1 if the client was deleted, so that
the latter count no more."""

CLIENT_MANAGERS = Relation(
    "client_managers", ("client_id", "manager_id"), ("late_amount", "deal_tasks", "own_tasks"), feeds="client"
)
"""A client's overdue tasks by manager, and the amount of the deals that they are on."""

DEALS_AT_RISK = Relation("deals_at_risk", ("client_id", "deal_id"), ("tasks", "amount"))
"""The deals that put a client at risk: their overdue tasks and their amount. The list's tasks are read by its
keys."""

STAKES = Relation("stakes", ("client_id",), ("tasks", "amount", "open_amount"))
"""The clients at risk: their overdue tasks, the amount at stake, and the amount of all their open deals."""

MANAGER_STAKES = Relation("manager_stakes", ("manager_id",), ("tasks", "amount"))
"""A manager's overdue tasks, and the amount that these tasks alone put at stake."""

AT_RISK = Relation("at_risk", (), ("clients", "amount", "tasks"))
"""The three figures on top: how many rows `STAKES` has, and the sums of two of its measures."""


def at_stake(own_tasks: int, open_amount: int, late_amount: int) -> int:
    """The amount that overdue tasks put at stake for a client (SPEC section 3.3).

    Args:
        own_tasks: How many of the tasks are on the client itself: one of them puts all open deals at stake.
        open_amount: The amount of all the client's open deals.
        late_amount: The amount of the deals that have such a task, each counted once.
    """
    return open_amount if own_tasks else late_amount


def from_task(task: TaskFacts, moment: Moment) -> list[Contribution]:
    """An open task counts on its deal; an overdue one on its deal, or on the client itself."""
    if task.done_at is not None:
        return []
    overdue = task.overdue(moment.now)
    if task.deal_id is not None:
        parts: list[Contribution] = [(DEAL_TASKS, (task.deal_id,), (1, int(overdue)))]
        if overdue:
            parts.append((DEAL_MANAGERS, (task.deal_id, task.manager_id), (1,)))
        return parts
    if task.client_id is not None and overdue:
        return [
            (CLIENT_DEALS, (task.client_id,), (0, 0, 0, 0, 1, 0)),
            (CLIENT_MANAGERS, (task.client_id, task.manager_id), (0, 0, 1)),
        ]
    return []


def from_deal(deal: DealFacts, sums: EntitySums) -> list[Contribution]:
    """An open deal counts on its client. An overdue task on an open or unknown deal puts the client at
    risk."""
    if deal.phase not in ("open", "unknown"):
        return []
    parts: list[Contribution] = []
    if deal.phase == "open":
        parts.append((CLIENT_DEALS, (deal.client_id,), (1, deal.amount, 0, 0, 0, 0)))
    if overdue_tasks := sums.row(DEAL_TASKS)[1]:
        parts.append((CLIENT_DEALS, (deal.client_id,), (0, 0, deal.amount, overdue_tasks, 0, 0)))
        parts.append((DEALS_AT_RISK, (deal.client_id, deal.id), (overdue_tasks, deal.amount)))
        for (_, manager_id), (tasks,) in sums.rows(DEAL_MANAGERS).items():
            parts.append((CLIENT_MANAGERS, (deal.client_id, manager_id), (deal.amount, tasks, 0)))
    return parts


def from_gone(client_id: str) -> list[Contribution]:
    """Nobody is there to be called."""
    return [(CLIENT_DEALS, (client_id,), (0, 0, 0, 0, 0, 1))]


def from_client(client: EntitySums) -> list[Contribution]:
    """A client with an overdue task is at risk, by each manager who has such a task."""
    _, open_amount, late_amount, deal_tasks, own_tasks, gone = client.row(CLIENT_DEALS)
    present = not gone
    tasks = deal_tasks + present * own_tasks
    if not tasks:
        return []
    amount = at_stake(present * own_tasks, open_amount, late_amount)
    parts: list[Contribution] = [
        (STAKES, (client.id,), (tasks, amount, open_amount)),
        (AT_RISK, (), (1, amount, tasks)),
    ]
    for (_, manager_id), (late_amount, deal_tasks, own_tasks) in client.rows(CLIENT_MANAGERS).items():
        if tasks := deal_tasks + present * own_tasks:
            amount = at_stake(present * own_tasks, open_amount, late_amount)
            parts.append((MANAGER_STAKES, (manager_id,), (tasks, amount)))
    return parts


PROJECTION = Projection(
    "at_risk",
    (
        DEAL_TASKS,
        DEAL_MANAGERS,
        CLIENT_DEALS,
        CLIENT_MANAGERS,
        DEALS_AT_RISK,
        STAKES,
        MANAGER_STAKES,
        AT_RISK,
    ),
    from_task=from_task,
    from_deal=from_deal,
    from_client=from_client,
    from_gone=from_gone,
)
