"""The life of the simulated office: what happens next, by chance but within bounds.

Clients come, managers add tasks and forget some, catch up on others, win and lose deals. One thing happens at
a time, at a pace that a person can follow. The chances depend on how many clients are at risk, so that the
board stays lively and never floods.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from service.demo import names
from service.demo.office import Deal, Event, Office, Second, Task

CALM: Final = 2
"""Clients at risk up to which nobody hurries to call back."""

CROWDED: Final = 7
"""Clients at risk, now or within a minute, from which on no manager takes on another short promise."""

FEWEST_DEALS: Final = 10
"""Open deals below which none is closed."""

MOST_DEALS: Final = 36
"""Open deals from which on no client comes."""

REASON_WEIGHTS: Final[Mapping[str, int]] = {
    "Не отвечает более 3-х раз": 35,
    "Выбрал других": 10,
    "Хочет, но не сейчас": 18,
    "Целевой, но нет потребности": 10,
    "Не подходит график": 9,
    "Нет у нас услуги": 6,
    "Больше не звонить": 4,
    "Спам": 5,
    "Дубль": 3,
}
"""How often of a hundred times a deal is lost for each reason."""

PAUSE_SECONDS: Final = (6.0, 15.0)
"""The shortest and the longest time between two things that happen."""

LONG_OVERDUE: Final = 2
"""Clients whose promise is hours or days old, up to which another such one may turn up."""

_TASKS_A_DEAL: Final = 3
_SOON: Final = 60  # seconds; the longest of the short promises
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_TRIES: Final = 20  # deeds that are looked at until one can be done

_Deed = Callable[[], None]


class Life:
    """Managers at work.

    Args:
        office: As the story left it.
        rng: The source of chance; the same seed, office and moments give the same life.
    """

    def __init__(self, office: Office, rng: random.Random) -> None:
        self.office = office
        self._rng = rng
        self._events: list[Event] = []

    def pause_seconds(self) -> float:
        """Seconds until something happens again."""
        return self._rng.uniform(*PAUSE_SECONDS)

    def next_events(self) -> Sequence[Event]:
        """What happens at this moment: one thing, which may change several records; rarely nothing.

        No record changes twice within a second, because both changes would carry the same version.
        """
        self._events = []
        chances = self._chances()
        for deed in self._rng.choices(list(chances), list(chances.values()), k=_TRIES):
            deed()
            if self._events:
                break
        return self._events

    def open_deals(self) -> list[Deal]:
        """The open deals, oldest first."""
        return [deal for deal in self.office.deals.values() if deal.status == "open"]

    def open_tasks(self, deal: Deal) -> list[Task]:
        """A deal's open tasks, oldest first."""
        return [task for task in self._open_tasks() if task.deal_id == deal.id]

    def overdue(self, ahead: Second = 0) -> list[Task]:
        """The open tasks that are due now, or some seconds ahead."""
        moment = self._now + ahead
        return [task for task in self._open_tasks() if task.due_at is not None and task.due_at <= moment]

    def at_risk(self, ahead: Second = 0) -> set[int | None]:
        """The ids of the deals with overdue tasks, now or some seconds ahead."""
        return {task.deal_id for task in self.overdue(ahead)}

    @property
    def _now(self) -> Second:
        return int(self.office.now())

    def _open_tasks(self) -> list[Task]:
        return [task for task in self.office.tasks.values() if not task.completed]

    def _settled(self) -> list[Deal]:
        """The open deals that were changed before this second, and whose open tasks were, too."""
        now = self._now
        busy = {task.deal_id for task in self._open_tasks() if task.updated_at >= now}
        return [deal for deal in self.open_deals() if deal.updated_at < now and deal.id not in busy]

    def _chances(self) -> dict[_Deed, float]:
        at_risk, expected = len(self.at_risk()), len(self.at_risk(_SOON))
        deals = len(self.open_deals())
        hurry = max(0, at_risk - CALM)
        long_overdue = len(self.at_risk(-_HOUR))
        return {
            self._promise: 8.0 if expected < CALM + 3 else 3.0 if expected < CROWDED else 0.0,
            self._remember: 2.0 if long_overdue < LONG_OVERDUE and expected < CROWDED else 0.0,
            self._call_back: 2.5 * hurry if at_risk < CROWDED else 40.0,
            self._postpone: 0.5 * hurry,
            self._meet_client: 2.0 if deals < MOST_DEALS else 0.0,
            self._lose: 2.5 if deals > FEWEST_DEALS else 0.0,
            self._win: 1.0 if deals > FEWEST_DEALS else 0.0,
            self._reprice: 0.5,
        }

    def _meet_client(self) -> None:
        """Open a deal with a new client, or with an earlier one once every name is taken."""
        client_id = self._new_client() or self._earlier_client()
        if client_id is None:
            return
        goods, price = names.purchase(self._rng)
        manager_id = self._rng.choice(tuple(self.office.managers))
        pipeline_id = next(iter(self.office.pipelines))
        deal = self._note(self.office.add_deal(goods, price * 100, client_id, manager_id, pipeline_id))
        if self._rng.random() < 0.35:
            self._agree_next_step(self.office.deals[deal.id])

    def _new_client(self) -> int | None:
        name = names.client(self._rng, {client.name for client in self.office.clients.values()})
        return None if name is None else self._note(self.office.add_client(name)).id

    def _earlier_client(self) -> int | None:
        """A client without an open deal."""
        free = self.office.clients.keys() - {deal.client_id for deal in self.open_deals()}
        return self._rng.choice(sorted(free)) if free else None

    def _promise(self) -> None:
        """Add a task for the next minute to a deal where nothing is urgent, sooner to one without tasks."""
        if deal := self._calm_deal():
            self._add_task(deal, self._rng.randint(20, _SOON))

    def _remember(self) -> None:
        """Enter a promise that nobody kept and nobody wrote down: it is hours or days old."""
        if deal := self._calm_deal():
            hours = self._rng.choice((self._rng.randint(2, 9), self._rng.randint(25, 80)))
            self._add_task(deal, -hours * _HOUR - self._rng.randint(0, _HOUR - 1))

    def _calm_deal(self) -> Deal | None:
        """A deal where nothing is urgent and that can take another task, rather one without any."""
        urgent = self.at_risk(_SOON)
        deals = [deal for deal in self._settled() if deal.id not in urgent]
        idle = [deal for deal in deals if not self.open_tasks(deal)]
        chosen = idle if idle and self._rng.random() < 0.7 else deals
        free = [deal for deal in chosen if len(self.open_tasks(deal)) < _TASKS_A_DEAL]
        return self._rng.choice(free) if free else None

    def _call_back(self) -> None:
        """Complete an overdue task at last, mostly with the next step agreed."""
        overdue = [task for task in self.overdue() if task.updated_at < self._now]
        if not overdue:
            return
        task = self._rng.choice(overdue)
        self._note(self.office.complete(task.id))
        deal = self.office.deals[task.deal_id or 0]
        if self._rng.random() < 0.6 and len(self.open_tasks(deal)) < _TASKS_A_DEAL:
            self._agree_next_step(deal)

    def _postpone(self) -> None:
        overdue = [task for task in self.overdue() if task.updated_at < self._now]
        if overdue:
            task, ahead = self._rng.choice(overdue), self._rng.randint(_DAY // 2, 2 * _DAY)
            self._note(self.office.reschedule(task.id, self._now + ahead))

    def _reprice(self) -> None:
        deals = self._settled()
        if deals:
            deal = self._rng.choice(deals)
            self._note(self.office.edit_deal(deal.id, amount=names.price(deal.name, self._rng) * 100))

    def _lose(self) -> None:
        deals = self._settled()
        if deals:
            reason = self._rng.choices(tuple(REASON_WEIGHTS), tuple(REASON_WEIGHTS.values()))[0]
            deal = self._rng.choice(deals)
            self._complete_all(deal)
            self._note(self.office.lose(deal.id, reason))

    def _win(self) -> None:
        deals = self._settled()
        if deals:
            deal = self._rng.choice(deals)
            self._complete_all(deal)
            self._note(self.office.win(deal.id))

    def _complete_all(self, deal: Deal) -> None:
        for task in self.open_tasks(deal):
            self._note(self.office.complete(task.id))

    def _agree_next_step(self, deal: Deal) -> None:
        self._add_task(deal, self._rng.randint(_DAY, 5 * _DAY))

    def _add_task(self, deal: Deal, ahead: Second) -> None:
        text = self._rng.choice(names.TASK_TEXTS)
        self._note(self.office.add_task(text, deal.manager_id, self._now + ahead, deal_id=deal.id))

    def _note(self, event: Event) -> Event:
        self._events.append(event)
        return event
