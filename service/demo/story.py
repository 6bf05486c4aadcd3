"""The worked examples (SPEC sections 2.7 and 3.11), to the rouble, at whatever moment the demo starts.

The month's refusals lie on its days so far, in working hours where there were any: at five past midnight on
the 1st they all lie in those five minutes. The month before has refusals on the same days, to compare with.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final

from service.calendar import day_start, days, local_day, parse_period, previous, shifted
from service.config import zone
from service.demo import names
from service.demo.office import Deal, Event, Office, OfficeClock, Second, Task
from service.model import SECOND, Day, Instant

ZONE: Final = zone("Europe/Moscow")
"""Where the office works."""

THIS_MONTH: Final[Mapping[str, tuple[int, int]]] = {
    "Не отвечает более 3-х раз": (60, 111_197),
    "Выбрал других": (1, 16_416),
    "Хочет, но не сейчас": (41, 118_430),
    "Целевой, но нет потребности": (27, 64_215),
    "Не подходит график": (19, 52_340),
    "Нет у нас услуги": (14, 31_762),
    "Больше не звонить": (8, 18_200),
    "Спам": (12, 21_600),
    "Дубль": (7, 24_150),
}
"""Refusals and roubles by reason: 170 and 412 560 in all but the last two, which no board counts."""

LAST_MONTH: Final[Mapping[str, tuple[int, int]]] = {
    "Не отвечает более 3-х раз": (71, 139_480),
    "Выбрал других": (4, 21_350),
    "Хочет, но не сейчас": (38, 96_200),
    "Целевой, но нет потребности": (24, 61_740),
    "Не подходит график": (15, 40_310),
    "Нет у нас услуги": (10, 27_450),
    "Больше не звонить": (6, 14_900),
}
"""The same days of the month before: more that was the department's fault, less in all."""

AT_RISK: Final = ("Абонемент на 3 месяца", 5_184, "Иван Петров")
"""The one deal with overdue tasks: the goods, the roubles, the client."""

FORGOTTEN: Final = (("позвонить", 26 * 3600), ("отправить счёт", 4 * 3600), ("согласовать договор", 45 * 60))
"""Its three tasks, and by how many seconds each is overdue."""

QUIET_DEALS: Final = 12
"""Other open deals; every fourth has no next step."""

LATE_TASKS: Final = (9, 5, 3, 1)
"""How many tasks each manager completed too late on earlier days of the last four weeks."""

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_WEEK: Final = 7 * _DAY
_OPENS, _CLOSES = 10 * _HOUR, 19 * _HOUR  # the office's hours, in seconds of the day
_AGE: Final = 40 * _DAY  # of the deals that are still open


def tell_story(office: Office, clock: OfficeClock, rng: random.Random) -> Sequence[Event]:
    """Play the worked examples in an empty office, as of now; the events that its CRM posts about them.

    The refusals are of deals that were opened before the board was connected, so no event opens them.
    """
    story = _Story(office, clock, rng)
    story.refusals_of_both_months()
    story.client_at_risk()
    story.other_deals()
    return story.events


def told_from(now: Instant) -> Day:
    """The first day of which the story, told at a moment, has every refusal."""
    today = local_day(now, ZONE)
    first, _ = previous(parse_period("month", today), today)
    return first


def shares(total: int, parts: int, rng: random.Random) -> list[int]:
    """`parts` uneven positive amounts that add up to `total` exactly; all but the last are whole tens.

    Raises:
        ValueError: `total` is too small for that many parts.
    """
    if total < 40 * parts:
        raise ValueError(f"{total} is too little for {parts} parts")
    weights = [rng.uniform(0.4, 1.6) for _ in range(parts)]
    amounts = [int(total * weight / sum(weights)) // 10 * 10 for weight in weights]
    return [*amounts[:-1], total - sum(amounts[:-1])]


class _Story:
    """Plays the past up to one moment."""

    def __init__(self, office: Office, clock: OfficeClock, rng: random.Random) -> None:
        self.events: list[Event] = []
        self._office = office
        self._clock = clock
        self._rng = rng
        self._now = int(clock())
        self._today = local_day(Instant(self._now * SECOND), ZONE)
        self._managers = tuple(office.managers)

    def refusals_of_both_months(self) -> None:
        month = parse_period("month", self._today)
        self._refusals(THIS_MONTH, days(month.first, self._today))
        first, last = previous(month, self._today)
        self._refusals(LAST_MONTH, days(first, last))

    def client_at_risk(self) -> None:
        goods, roubles, client = AT_RISK
        deal = self._open_deal(goods, roubles, client, self._managers[0], self._now - _AGE)
        for text, late in FORGOTTEN:
            self._add_task(deal, text, self._now - late, self._now - late - 2 * _HOUR)

    def other_deals(self) -> None:
        """Open deals of which nothing is urgent for two days, so that a still demo stays as it is."""
        deals = [
            self._quiet_deal(self._managers[number % len(self._managers)]) for number in range(QUIET_DEALS)
        ]
        for manager_id, late_tasks in zip(self._managers, LATE_TASKS, strict=True):
            own = [deal for deal in deals if deal.manager_id == manager_id]
            for _ in range(late_tasks):
                self._late_task(self._rng.choice(own))
        for number, deal in enumerate(deals):
            if number % 4 != 1:
                due_at = self._now + self._rng.randint(2 * _DAY, 9 * _DAY)
                self._some_task(deal, due_at, self._now - self._rng.randint(_HOUR, _DAY))

    def _quiet_deal(self, manager_id: int) -> Deal:
        goods, roubles = names.purchase(self._rng)
        opened_at = self._now - self._rng.randint(_AGE, 2 * _AGE)
        client = names.client(self._rng, {known.name for known in self._office.clients.values()})
        assert client is not None, "there are more names than deals"
        return self._open_deal(goods, roubles, client, manager_id, opened_at)

    def _late_task(self, deal: Deal) -> None:
        """Complete a task after its due time, on the same earlier day: it counts as nobody saved today."""
        start = self._start(shifted(self._today, -self._rng.randint(1, 27)))
        due_at = start + self._rng.randint(_OPENS, _CLOSES - 2 * _HOUR)
        task = self._some_task(deal, due_at, due_at - _DAY)
        with self._clock.at(due_at + self._rng.randint(_HOUR // 4, 5 * _HOUR)):
            self.events.append(self._office.complete(task.id))

    def _some_task(self, deal: Deal, due_at: Second, at: Second) -> Task:
        return self._add_task(deal, self._rng.choice(names.TASK_TEXTS), due_at, at)

    def _add_task(self, deal: Deal, text: str, due_at: Second, at: Second) -> Task:
        with self._clock.at(at):
            event = self._office.add_task(text, deal.manager_id, due_at, deal_id=deal.id)
        self.events.append(event)
        return self._office.tasks[event.id]

    def _open_deal(self, goods: str, roubles: int, client: str, manager_id: int, at: Second) -> Deal:
        with self._clock.at(at):
            came = self._office.add_client(client)
            opened = self._office.add_deal(goods, roubles * 100, came.id, manager_id, self._pipeline_id)
        self.events += [came, opened]
        return self._office.deals[opened.id]

    def _refusals(self, table: Mapping[str, tuple[int, int]], on: Sequence[Day]) -> None:
        for reason, (count, total) in table.items():
            for roubles in shares(total, count, self._rng):
                at = self._moment(self._rng.choice(on))
                goods = self._rng.choice(tuple(names.GOODS))
                manager_id = self._rng.choice(self._managers)
                with self._clock.at(at - _WEEK):
                    deal = self._office.add_deal(goods, roubles * 100, None, manager_id, self._pipeline_id)
                with self._clock.at(at):
                    self.events.append(self._office.lose(deal.id, reason))

    @property
    def _pipeline_id(self) -> int:
        return next(iter(self._office.pipelines))

    def _moment(self, day: Day) -> Second:
        """A second of the local day: in working hours where they have begun, never after now."""
        start = self._start(day)
        earliest = start + _OPENS if self._now > start + _OPENS else start
        return self._rng.randint(earliest, min(start + _CLOSES, self._now))

    def _start(self, day: Day) -> Second:
        return day_start(day, ZONE) // SECOND
