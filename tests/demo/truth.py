"""The simulated office's truth as the service's own changes: what a flawless CRM of kind `standard` would
have posted by now.

A board that a simulated CRM filled is compared with a board of these changes. Nothing here depends on a CRM's
format or on the service's adapters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from service.demo.office import Client, Deal, Office, Second, Task
from service.model import SECOND, Change, Instant, Value
from service.reasons import reason_key


def never(_deal: Deal) -> bool:
    """For a CRM without leads."""
    return False


def changes_of(office: Office, is_lead: Callable[[Deal], bool] = never) -> list[Change]:
    """The truth as changes: what a flawless CRM of kind `standard` would have told of it by now.

    A reason's id is the key of its name, a client's, manager's and pipeline's is the office's. A deleted deal
    or task is told as deleted, and nothing else of it.

    Args:
        is_lead: Whether the CRM keeps a deal as a lead: then its id is `lead:<id>`, and it has no pipeline.
    """
    then = max(
        (
            record.updated_at
            for records in (office.deals, office.tasks, office.clients)
            for record in records.values()
        ),
        default=0,
    )
    return [
        *(_deal_change(deal, is_lead(deal)) for deal in office.deals.values()),
        *(_task_change(task, _deal_id(office, task, is_lead)) for task in office.tasks.values()),
        *(
            Change("client", str(client.id), Instant(client.updated_at * SECOND), _told(client))
            for client in office.clients.values()
        ),
        *(_named("manager", str(id), name, then) for id, name in office.managers.items()),
        *(_named("pipeline", str(id), name, then) for id, name in office.pipelines.items()),
        *(_named("reason", reason_key(name), name, then) for name in office.reasons.values()),
    ]


def _told(client: Client) -> dict[str, Value]:
    return {"name": client.name, "phone": client.phone and re.sub("[^+0-9]", "", client.phone)}


def _deal_id(office: Office, task: Task, is_lead: Callable[[Deal], bool]) -> str | None:
    if task.deal_id is None:
        return None
    return f"lead:{task.deal_id}" if is_lead(office.deals[task.deal_id]) else str(task.deal_id)


def _deal_change(deal: Deal, is_lead: bool) -> Change:
    deal_id = f"lead:{deal.id}" if is_lead else str(deal.id)
    if deal.deleted:
        return Change("deal", deal_id, Instant(deal.updated_at * SECOND), deleted=True)
    told: dict[str, Value] = {
        "known": True,
        "name": deal.name,
        "status": deal.status,
        "reason_id": reason_key(deal.reason) if deal.reason else None,
        "amount": deal.amount,
        "closed_at": _instant(deal.closed_at),
        "client_id": _id(deal.client_id),
        "manager_id": str(deal.manager_id),
        "pipeline_id": None if is_lead else str(deal.pipeline_id),
    }
    return Change("deal", deal_id, Instant(deal.updated_at * SECOND), told)


def _task_change(task: Task, deal_id: str | None) -> Change:
    if task.deleted:
        return Change("task", str(task.id), Instant(task.updated_at * SECOND), deleted=True)
    told: dict[str, Value] = {
        "text": task.text,
        "deal_id": deal_id,
        "client_id": _id(task.client_id),
        "manager_id": str(task.manager_id),
        "due_at": _instant(task.due_at),
        "completed": task.completed,
        "completed_at": _instant(task.completed_at),
    }
    return Change("task", str(task.id), Instant(task.updated_at * SECOND), told)


def _named(entity: Literal["manager", "pipeline", "reason"], id: str, name: str, at: Second) -> Change:
    return Change(entity, id, Instant(at * SECOND), {"name": name})


def _instant(moment: Second | None) -> Instant | None:
    return None if moment is None else Instant(moment * SECOND)


def _id(id: int | None) -> str | None:
    return None if id is None else str(id)
