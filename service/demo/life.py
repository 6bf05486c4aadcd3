"""The life of the simulated office: what happens next, by chance but within bounds.

Clients come, managers set tasks and forget some, catch up on others, win and lose deals. The chances depend
on how many clients are at risk, so that the board stays lively and never floods.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from service.demo import names
from service.demo.books import Books
from service.demo.records import Lead
from service.demo.wire import Webhook
from service.model import SECOND, Instant

CALM: Final = 2
"""Clients at risk up to which nobody hurries to call back."""

CROWDED: Final = 7
"""Clients at risk, now or within a minute, from which on no manager takes on another short promise."""

FEWEST_LEADS: Final = 10
"""Open leads below which none is closed."""

MOST_LEADS: Final = 36
"""Open leads from which on no client comes."""

_TASKS_A_LEAD: Final = 3
_SOON: Final = 60  # seconds; the longest of the short promises
_DAY: Final = 86_400
_BURST: Final = 0.06  # how often three things happen at once

_Deed = Callable[[int], None]


class Life:
    """Managers at work on the books.

    Args:
        books: The CRM's state, as the opening left it.
        rng: Where chance comes from; the same seed, books and moments give the same life.
    """

    def __init__(self, books: Books, rng: random.Random) -> None:
        self.books = books
        self._rng = rng

    def pause(self) -> float:
        """Seconds until something happens again."""
        return self._rng.uniform(2.0, 6.0)

    def next_events(self, now: Instant) -> list[Webhook]:
        """What happens at this moment: mostly one thing, sometimes three at once, rarely nothing."""
        second = now // SECOND
        for _ in range(3 if self._rng.random() < _BURST else 1):
            deeds = self._chances(second)
            self._rng.choices(list(deeds), list(deeds.values()))[0](second)
        return self.books.drain()

    def _chances(self, now: int) -> dict[_Deed, float]:
        at_risk = len({task.lead_id for task in self.books.overdue(now)})
        expected = len({task.lead_id for task in self.books.overdue(now + _SOON)})
        leads = len(self.books.leads)
        hurry = max(0, at_risk - CALM)
        return {
            self._promise: 10.0 if expected < CALM + 3 else 4.0 if expected < CROWDED else 0.0,
            self._call_back: 1.2 * hurry if at_risk < CROWDED else 40.0,
            self._postpone: 0.5 * hurry,
            self._meet_client: 3.0 if leads < MOST_LEADS else 0.0,
            self._lose: 1.5 if leads > FEWEST_LEADS else 0.0,
            self._win: 1.0 if leads > FEWEST_LEADS else 0.0,
            self._reprice: 1.5,
        }

    def _meet_client(self, now: int) -> None:
        goods, price = names.purchase(self._rng)
        manager_id = self._rng.choice(tuple(names.MANAGERS))
        lead = self.books.add_lead(goods, price, names.client(self._rng), manager_id, now)
        if self._rng.random() < 0.35:
            self._agree_next_step(lead, now)

    def _promise(self, now: int) -> None:
        """A task for the next minute, sooner on a lead that has none, on one where nothing is urgent."""
        urgent = {task.lead_id for task in self.books.overdue(now + _SOON)}
        leads = [lead for lead in self._settled(now) if lead.id not in urgent]
        idle = [lead for lead in leads if not self.books.tasks_of(lead)]
        chosen = idle if idle and self._rng.random() < 0.7 else leads
        free = [lead for lead in chosen if len(self.books.tasks_of(lead)) < _TASKS_A_LEAD]
        if free:
            self._add_task(self._rng.choice(free), now + self._rng.randint(20, _SOON), now)

    def _call_back(self, now: int) -> None:
        """An overdue task is done at last, mostly with the next step agreed."""
        overdue = [task for task in self.books.overdue(now) if task.updated_at < now]
        if not overdue:
            return
        task = self._rng.choice(overdue)
        self.books.complete(task, now)
        lead = self.books.leads[task.lead_id]
        if self._rng.random() < 0.6 and len(self.books.tasks_of(lead)) < _TASKS_A_LEAD:
            self._agree_next_step(lead, now)

    def _postpone(self, now: int) -> None:
        overdue = [task for task in self.books.overdue(now) if task.updated_at < now]
        if overdue:
            self.books.postpone(self._rng.choice(overdue), now + self._rng.randint(_DAY // 2, 2 * _DAY), now)

    def _reprice(self, now: int) -> None:
        leads = self._settled(now)
        if leads:
            lead = self._rng.choice(leads)
            self.books.reprice(lead, names.price(lead.name, self._rng), now)

    def _lose(self, now: int) -> None:
        leads = self._settled(now)
        if leads:
            reason = self._rng.choices(tuple(names.REASONS), tuple(names.REASONS.values()))[0]
            self.books.lose(self._rng.choice(leads), reason, now)

    def _win(self, now: int) -> None:
        leads = self._settled(now)
        if leads:
            self.books.win(self._rng.choice(leads), now)

    def _agree_next_step(self, lead: Lead, now: int) -> None:
        self._add_task(lead, now + self._rng.randint(_DAY, 5 * _DAY), now)

    def _add_task(self, lead: Lead, due_at: int, now: int) -> None:
        self.books.add_task(lead, self._rng.choice(names.TASK_TEXTS), due_at, now)

    def _settled(self, now: int) -> list[Lead]:
        return [lead for lead in self.books.leads.values() if self.books.settled(lead, now)]
