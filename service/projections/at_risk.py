"""Clients that can be lost right now: overdue tasks, and the money at stake (SPEC section 3.1 to 3.6 and
3.8). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from service.projections.facts import DealFacts, Moment, TaskFacts
from service.projections.flow import Contribution, EntitySums, Projection, Relation

DEAL_TASKS = Relation("deal_tasks", ("deal_id",), ("open_tasks", "overdue_tasks"), feeds="deal")
"""A deal's open tasks, and those of them that are overdue."""

DEAL_MANAGERS = Relation("deal_managers", ("deal_id", "manager_id"), ("overdue_tasks",), feeds="deal")
"""The same overdue tasks by manager."""

CLIENT_STAKES = Relation(
    "client_stakes",
    ("client_id",),
    ("open_deals", "open_amount", "deal_amount", "deal_tasks", "own_tasks"),
    feeds="client",
)
"""A client's open deals; those of them with overdue tasks, and these tasks; overdue tasks on the client
itself."""

CLIENT_MANAGERS = Relation(
    "client_managers",
    ("client_id", "manager_id"),
    ("deal_amount", "deal_tasks", "own_tasks"),
    feeds="client",
)
"""The same by the manager of the overdue tasks."""

DEALS_AT_RISK = Relation("deals_at_risk", ("client_id", "deal_id"), ("tasks", "amount"))
"""Which deals put a client at risk, their overdue tasks, and their amount: what the list is read by."""

MANAGER_STAKES = Relation("manager_stakes", ("manager_id",), ("tasks", "amount"))
"""A manager's overdue tasks, and what is at stake by them alone."""

AT_RISK = Relation("at_risk", (), ("clients", "amount", "tasks"))
"""The three figures on top."""


def from_task(task: TaskFacts, moment: Moment) -> Iterator[Contribution]:
    """An open task counts on its deal; an overdue one on its deal, or on the client itself."""
    if task.done_at is not None:
        return
    overdue = task.overdue(moment.now)
    if task.deal_id is not None:
        yield DEAL_TASKS, (task.deal_id,), (1, int(overdue))
        if overdue:
            yield DEAL_MANAGERS, (task.deal_id, task.manager_id), (1,)
    elif task.client_id is not None and overdue:
        yield CLIENT_STAKES, (task.client_id,), (0, 0, 0, 0, 1)
        yield CLIENT_MANAGERS, (task.client_id, task.manager_id), (0, 0, 1)


def from_deal(deal: DealFacts, node: EntitySums) -> Iterator[Contribution]:
    """An open deal counts on its client; with overdue tasks (or not known yet) it puts the client at risk."""
    overdue_tasks = node.sum(DEAL_TASKS)[1] if deal.phase in ("open", "unknown") else 0
    if deal.phase == "open":
        yield CLIENT_STAKES, (deal.client_id,), (1, deal.amount, 0, 0, 0)
    if not overdue_tasks:
        return
    yield CLIENT_STAKES, (deal.client_id,), (0, 0, deal.amount, overdue_tasks, 0)
    yield DEALS_AT_RISK, (deal.client_id, deal.id), (overdue_tasks, deal.amount)
    for (manager_id,), (tasks,) in node.rows(DEAL_MANAGERS).items():
        yield CLIENT_MANAGERS, (deal.client_id, manager_id), (deal.amount, tasks, 0)


def from_client(client: EntitySums) -> Iterator[Contribution]:
    """A client with an overdue task is at risk; one on the client itself puts all of its open deals at
    stake."""
    _, open_amount, deal_amount, deal_tasks, own_tasks = client.sum(CLIENT_STAKES)
    if not deal_tasks + own_tasks:
        return
    yield AT_RISK, (), (1, open_amount if own_tasks else deal_amount, deal_tasks + own_tasks)
    for (manager_id,), (amount, by_deals, own) in client.rows(CLIENT_MANAGERS).items():
        yield MANAGER_STAKES, (manager_id,), (by_deals + own, open_amount if own else amount)


PROJECTION = Projection(
    "at_risk",
    (
        DEAL_TASKS,
        DEAL_MANAGERS,
        CLIENT_STAKES,
        CLIENT_MANAGERS,
        DEALS_AT_RISK,
        MANAGER_STAKES,
        AT_RISK,
    ),
    from_task=from_task,
    from_deal=from_deal,
    from_client=from_client,
)
