"""Chance at work in the simulated office: a random, plausible history, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final, TypeAlias, TypeVar

from service.demo.office import Deal, Event, Office, Second, Task

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

WEIGHTS: Final[Mapping[str, int]] = {
    "add_client": 8,
    "rename_client": 3,
    "add_deal": 10,
    "edit_deal": 20,
    "lose": 7,
    "win": 4,
    "reopen": 2,
    "delete_deal": 2,
    "restore_deal": 1,
    "add_task": 18,
    "edit_task": 6,
    "reschedule": 10,
    "reassign": 4,
    "complete": 13,
    "reopen_task": 2,
    "delete_task": 2,
}
"""How often each deed is done, of a hundred or so: tasks and edits make up most of a manager's day."""

_GOODS: Final = (
    "Абонемент",
    "Пробное занятие",
    "Séance",
    "Ремонт & монтаж",
    "100 % предоплата",
    "Курс «Старт»",
)
_TEXTS: Final = ("позвонить", "отправить счёт", "уточнить = адрес?", "напомнить о встрече", "перезвонить +7…")
_NAMES: Final = ("Иван Петров", "Ольга Ли", "Пётр О'Нил", "Мария Ёлкина", "Zoë Müller", "Сергей [VIP]")
_FIRMS: Final = ("ООО «Зерно»", "ИП Лебедев & сын", "Acme, Inc.")


@dataclass(frozen=True)
class Habits:
    """What the office does, and how finely.

    Args:
        weights: How often each deed of `WEIGHTS` is done; one that is left out never is.
        unit: Minor units that every amount is a multiple of; 1 where the CRM knows kopecks.
        no_reason: How often a deal is lost without a reason.
        undated: How often a task has no due time.
        unlinked: How often a task is on no deal and no client.
    """

    weights: Mapping[str, int] = field(default_factory=lambda: WEIGHTS)
    unit: int = 100
    no_reason: float = 0.1
    undated: float = 0.05
    unlinked: float = 0.03


HABITS: Final[Mapping[str, Habits]] = {
    "amocrm": Habits(undated=0.0),  # prices are whole roubles, and a task must have a due time
    "bitrix24": Habits(
        weights={deed: weight for deed, weight in WEIGHTS.items() if deed != "restore_deal"},
        unit=1,
        no_reason=0.0,
    ),  # a restored deal has another id, and a lost deal is always in some stage
    "hubspot": Habits(unit=1, undated=0.0),  # `hs_timestamp` is required
    "pipedrive": Habits(unit=1),
}
"""What an office does that keeps its records in a CRM of each kind: only what that CRM can hold."""

_Deed: TypeAlias = Callable[[], Event]
_T = TypeVar("_T", Deal, Task)


@dataclass(frozen=True)
class _Staff:
    office: Office
    random: Random
    habits: Habits

    def possible(self) -> dict[str, _Deed]:
        """The deeds that can be done now."""
        office = self.office
        here = [deal for deal in office.deals.values() if not deal.deleted]
        gone = [deal for deal in office.deals.values() if deal.deleted]
        opened = [deal for deal in here if deal.status == "open"]
        closed = [deal for deal in here if deal.status != "open"]
        tasks = [task for task in office.tasks.values() if not task.deleted]
        to_do = [task for task in tasks if not task.completed]
        done = [task for task in tasks if task.completed]
        deeds: dict[str, _Deed] = {"add_client": self._add_client, "add_deal": self._add_deal}
        deeds["add_task"] = lambda: self._add_task(opened)
        if office.clients:
            deeds["rename_client"] = lambda: office.rename_client(
                self.random.choice(list(office.clients)), self._name()
            )
        of_deals: dict[str, tuple[list[Deal], Callable[[Deal], Event]]] = {
            "edit_deal": (opened * 3 + closed, self._edit_deal),
            "lose": (opened, self._lose),
            "win": (opened, lambda deal: office.win(deal.id)),
            "reopen": (closed, lambda deal: office.reopen(deal.id)),
            "delete_deal": (here, lambda deal: office.delete_deal(deal.id)),
            "restore_deal": (gone, lambda deal: office.restore_deal(deal.id)),
        }
        of_tasks: dict[str, tuple[list[Task], Callable[[Task], Event]]] = {
            "edit_task": (to_do, lambda task: office.edit_task(task.id, self._other(_TEXTS, task.text))),
            "reschedule": (to_do, lambda task: office.reschedule(task.id, self._due())),
            "reassign": (to_do, lambda task: office.reassign(task.id, self._manager(task.manager_id))),
            "complete": (to_do, lambda task: office.complete(task.id)),
            "reopen_task": (done, lambda task: office.reopen_task(task.id)),
            "delete_task": (tasks, lambda task: office.delete_task(task.id)),
        }
        for deed, (some_deals, to_deal) in of_deals.items():
            if some_deals:
                deeds[deed] = partial(self._one_of, some_deals, to_deal)
        for deed, (some_tasks, to_task) in of_tasks.items():
            if some_tasks:
                deeds[deed] = partial(self._one_of, some_tasks, to_task)
        return deeds

    def _one_of(self, some: Sequence[_T], to: Callable[[_T], Event]) -> Event:
        return to(self.random.choice(some))

    def _add_client(self) -> Event:
        company = self.random.random() < 0.2
        return self.office.add_client(self.random.choice(_FIRMS) if company else self._name(), company)

    def _add_deal(self) -> Event:
        return self.office.add_deal(
            self.random.choice(_GOODS),
            self._amount(),
            self._client(),
            self._manager(),
            self.random.choice(list(self.office.pipelines)),
        )

    def _edit_deal(self, deal: Deal) -> Event:
        edit = self.office.edit_deal
        edits: list[_Deed] = [
            *[lambda: edit(deal.id, amount=self._amount())] * 4,
            lambda: edit(deal.id, name=self._other(_GOODS, deal.name)),
            lambda: edit(deal.id, manager_id=self._manager(deal.manager_id)),
            lambda: edit(deal.id, client_id=self._client()),
        ]
        if deal.status == "open":
            others = [id for id in self.office.pipelines if id != deal.pipeline_id]
            edits += [lambda: edit(deal.id, pipeline_id=self.random.choice(others))] if others else []
        if deal.status == "lost":
            edits += [lambda: edit(deal.id, reason=self._reason())] * 3
        return self.random.choice(edits)()

    def _lose(self, deal: Deal) -> Event:
        return self.office.lose(deal.id, self._reason())

    def _add_task(self, deals: list[Deal]) -> Event:
        text, manager_id, due_at = self.random.choice(_TEXTS), self._manager(), self._due()
        if deals and self.random.random() < 0.8:
            return self.office.add_task(text, manager_id, due_at, deal_id=self.random.choice(deals).id)
        if self.random.random() < self.habits.unlinked:
            return self.office.add_task(text, manager_id, due_at)
        client_id = self.random.choice(list(self.office.clients)) if self.office.clients else None
        return self.office.add_task(text, manager_id, due_at, client_id=client_id)

    def _amount(self) -> int:
        """Up to 200 000 roubles; now and then nothing, as where nobody has asked yet."""
        some = self.habits.unit * self.random.randrange(1, 20_000_000 // self.habits.unit)
        return 0 if self.random.random() < 0.1 else some

    def _reason(self) -> str | None:
        if self.random.random() < self.habits.no_reason:
            return None
        return self.random.choice(list(self.office.reasons.values()))

    def _due(self) -> Second | None:
        """From a quarter of an hour ago to three days ahead, sooner rather than later."""
        if self.random.random() < self.habits.undated:
            return None
        ahead = self.random.choice((HOUR, 8 * HOUR, 3 * DAY))
        return int(self.office.now()) + self.random.randrange(-15 * MINUTE, ahead)

    def _client(self) -> int | None:
        known = list(self.office.clients)
        return self.random.choice(known) if known and self.random.random() < 0.85 else None

    def _manager(self, not_this: int | None = None) -> int:
        return self.random.choice([id for id in self.office.managers if id != not_this])

    def _name(self) -> str:
        return f"{self.random.choice(_NAMES)} {self.random.randrange(100)}"

    def _other(self, texts: tuple[str, ...], not_this: str) -> str:
        return self.random.choice([text for text in texts if text != not_this])


def random_history(
    office: Office, random: Random, steps: int, habits: Habits | None = None
) -> Iterator[Event]:
    """Do `steps` deeds, one at a time; yields after each, so that the caller can move the clock and post
    webhooks.

    A done or deleted task is edited no more, and tasks are set on open deals, as people do it.
    """
    staff = _Staff(office, random, habits or Habits())
    for _ in range(steps):
        deeds = staff.possible()
        likely = {deed: weight for deed, weight in staff.habits.weights.items() if deed in deeds}
        yield deeds[random.choices(list(likely), list(likely.values()))[0]]()
