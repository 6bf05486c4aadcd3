"""The worked examples (SPEC sections 2.7 and 3.11), to the rouble, at whatever moment the demo starts.

The month's refusals lie on its days so far, in working hours where there were any: at five past midnight on
the 1st they all lie in those five minutes. The month before has refusals on the same days, to compare with.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.calendar import day_start, days, local_day, parse_period, previous, shifted
from service.config import zone
from service.demo import names
from service.demo.books import Books
from service.demo.records import Lead, Task
from service.demo.wire import Webhook
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
"""The same days of the month before: more for the department to answer for, less in all."""

AT_RISK: Final = ("Абонемент на 3 месяца", 5_184, "Иван Петров")
"""The one deal with overdue tasks: what for, roubles, for whom."""

FORGOTTEN: Final = (("позвонить", 26 * 3600), ("отправить счёт", 4 * 3600), ("согласовать договор", 45 * 60))
"""Its three tasks, and by how many seconds each is overdue."""

QUIET_LEADS: Final = 12
"""Other open leads; every fourth has no next step."""

LATE_TASKS: Final = (9, 5, 3, 1)
"""How many tasks each manager did too late on earlier days of the last four weeks."""

_FIRST_ID: Final = 30_410_001
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_OPENS, _CLOSES = 10 * _HOUR, 19 * _HOUR  # the office's hours, in seconds of the day
_AGE: Final = 40 * _DAY  # of the leads that are still open


@dataclass(frozen=True, slots=True)
class Opening:
    """What happened before the curtain rose: the webhooks of it, and the books that it left."""

    webhooks: tuple[Webhook, ...]
    books: Books


def opening(now: Instant, rng: random.Random) -> Opening:
    """The worked examples as seen at `now`."""
    story = _Story(now, rng)
    story.refusals_of_both_months()
    story.client_at_risk()
    story.other_leads()
    return Opening(tuple(story.books.drain()), story.books)


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
    """Writes the books up to one moment."""

    def __init__(self, now: Instant, rng: random.Random) -> None:
        self.books = Books(_FIRST_ID)
        self._now = now // SECOND
        self._today = local_day(now, ZONE)
        self._rng = rng

    def refusals_of_both_months(self) -> None:
        month = parse_period("month", self._today)
        self._refusals(THIS_MONTH, days(month.first, self._today))
        first, last = previous(month, self._today)
        self._refusals(LAST_MONTH, days(first, last))

    def client_at_risk(self) -> None:
        goods, price, client = AT_RISK
        manager_id = next(iter(names.MANAGERS))
        lead = self.books.add_lead(goods, price, client, manager_id, self._now - _AGE)
        for text, late in FORGOTTEN:
            self.books.add_task(lead, text, self._now - late, self._now - late - 2 * _HOUR)

    def other_leads(self) -> None:
        """Nothing of them is urgent for two days, so that a still demo stays as it is."""
        managers = tuple(names.MANAGERS)
        leads = [self._lead(managers[number % len(managers)]) for number in range(QUIET_LEADS)]
        for manager_id, late_tasks in zip(managers, LATE_TASKS, strict=True):
            own = [lead for lead in leads if lead.manager_id == manager_id]
            for _ in range(late_tasks):
                self._late_task(self._rng.choice(own))
        for number, lead in enumerate(leads):
            if number % 4 != 1:
                due_at = self._now + self._rng.randint(2 * _DAY, 9 * _DAY)
                self._task(lead, due_at, self._now - self._rng.randint(_HOUR, _DAY))

    def _lead(self, manager_id: int) -> Lead:
        goods, price = names.purchase(self._rng)
        opened_at = self._now - self._rng.randint(_AGE, 2 * _AGE)
        return self.books.add_lead(goods, price, names.client(self._rng), manager_id, opened_at)

    def _late_task(self, lead: Lead) -> None:
        """A promise of an earlier day, kept on that day but after its time: it is nobody saved today."""
        start = self._start(shifted(self._today, -self._rng.randint(1, 27)))
        due_at = start + self._rng.randint(_OPENS, _CLOSES - 2 * _HOUR)
        task = self._task(lead, due_at, due_at - _DAY)
        self.books.complete(task, due_at + self._rng.randint(_HOUR // 4, 5 * _HOUR))

    def _task(self, lead: Lead, due_at: int, at: int) -> Task:
        return self.books.add_task(lead, self._rng.choice(names.TASK_TEXTS), due_at, at)

    def _refusals(self, table: Mapping[str, tuple[int, int]], on: Sequence[Day]) -> None:
        for reason, (count, roubles) in table.items():
            for price in shares(roubles, count, self._rng):
                at = self._moment(self._rng.choice(on))
                goods = self._rng.choice(tuple(names.GOODS))
                manager_id = self._rng.choice(tuple(names.MANAGERS))
                self.books.add_refusal(goods, price, reason, manager_id, at)

    def _moment(self, day: Day) -> int:
        """A second of the local day: in working hours where they have begun, never after now."""
        start = self._start(day)
        earliest = start + _OPENS if self._now > start + _OPENS else start
        return self._rng.randint(earliest, min(start + _CLOSES, self._now))

    def _start(self, day: Day) -> int:
        return day_start(day, ZONE) // SECOND
