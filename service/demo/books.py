"""The simulated CRM's books: its open leads and tasks. Whatever is done to them is put down as a webhook.

Moments are amoCRM's whole seconds. Two changes of one entity within a second would carry the same version, so
whoever changes an entity asks `settled` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

from service.demo import wire
from service.demo.records import LOST_STAGE, TALKS_STAGE, WON_STAGE, Contact, Lead, Task
from service.demo.wire import Webhook

_WEEK: Final = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Truth:
    """What a board must show of these books (SPEC sections 3.4 and 3.9); amounts in roubles."""

    clients: int
    amount: int
    overdue_tasks: int
    without_next_step: int
    without_next_step_amount: int


class Books:
    """Open leads, each with its own client, and the open tasks on them; closed ones are forgotten."""

    def __init__(self, first_id: int) -> None:
        self.leads: dict[int, Lead] = {}
        self.tasks: dict[int, Task] = {}
        self._ids = count(first_id)
        self._outbox: list[Webhook] = []

    def drain(self) -> list[Webhook]:
        """The webhooks of all that was done since the last call, in the order in which it was done."""
        webhooks, self._outbox = self._outbox, []
        return webhooks

    def add_lead(self, goods: str, price: int, client: str, manager_id: int, at: int) -> Lead:
        """A client comes for `goods`."""
        lead = Lead(next(self._ids), goods, price, manager_id, created_at=at, updated_at=at)
        contact = Contact(next(self._ids), client, lead.id, manager_id, created_at=at, updated_at=at)
        self.leads[lead.id] = lead
        self._outbox += [wire.lead_added(lead), wire.contact_added(contact)]
        return lead

    def add_task(self, lead: Lead, text: str, due_at: int, at: int) -> Task:
        """The lead's manager promises something."""
        task = Task(next(self._ids), lead.id, text, lead.manager_id, due_at, created_at=at, updated_at=at)
        self.tasks[task.id] = task
        self._outbox.append(wire.task_added(task))
        return task

    def complete(self, task: Task, at: int) -> None:
        """The manager kept the promise, in time or late."""
        del self.tasks[task.id]
        self._outbox.append(wire.task_updated(replace(task, completed=True, updated_at=at)))

    def postpone(self, task: Task, due_at: int, at: int) -> None:
        """The manager moves the due time."""
        moved = replace(task, due_at=due_at, updated_at=at)
        self.tasks[task.id] = moved
        self._outbox.append(wire.task_updated(moved))

    def reprice(self, lead: Lead, price: int, at: int) -> None:
        """The client wants more, or less."""
        changed = replace(lead, price=price, updated_at=at)
        self.leads[lead.id] = changed
        self._outbox.append(wire.lead_updated(changed))

    def win(self, lead: Lead, at: int) -> None:
        """The client pays; what was left to do is done."""
        self._close(replace(lead, stage=WON_STAGE, updated_at=at), lead.stage)

    def lose(self, lead: Lead, reason: str, at: int) -> None:
        """The client is gone; what was left to do is done with."""
        self._close(replace(lead, stage=LOST_STAGE, reason=reason, updated_at=at), lead.stage)

    def add_refusal(self, goods: str, price: int, reason: str, manager_id: int, at: int) -> None:
        """A lead is lost that came before the board was connected: its refusal is the first heard of it."""
        lead = Lead(next(self._ids), goods, price, manager_id, at - _WEEK, at, LOST_STAGE, reason)
        self._outbox.append(wire.lead_moved(lead, TALKS_STAGE))

    def tasks_of(self, lead: Lead) -> list[Task]:
        """The lead's open tasks, oldest first."""
        return [task for task in self.tasks.values() if task.lead_id == lead.id]

    def overdue(self, now: int) -> list[Task]:
        """Open tasks whose time has come."""
        return [task for task in self.tasks.values() if task.due_at <= now]

    def without_next_step(self) -> list[Lead]:
        """Open leads that nobody has a task on."""
        busy = {task.lead_id for task in self.tasks.values()}
        return [lead for lead in self.leads.values() if lead.id not in busy]

    def settled(self, lead: Lead, now: int) -> bool:
        """Neither the lead nor a task of its was changed within this second (or in a future one)."""
        return lead.updated_at < now and all(task.updated_at < now for task in self.tasks_of(lead))

    def truth(self, now: int) -> Truth:
        """The figures that a board must show at this moment."""
        overdue = self.overdue(now)
        at_risk = [self.leads[lead_id] for lead_id in {task.lead_id for task in overdue}]
        forgotten = self.without_next_step()
        return Truth(len(at_risk), _sum(at_risk), len(overdue), len(forgotten), _sum(forgotten))

    def _close(self, closed: Lead, old_stage: int) -> None:
        for task in self.tasks_of(closed):
            self.complete(task, closed.updated_at)
        del self.leads[closed.id]
        self._outbox.append(wire.lead_moved(closed, old_stage))


def _sum(leads: Sequence[Lead]) -> int:
    return sum(lead.price for lead in leads)
