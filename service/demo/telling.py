"""What the simulated office does right now, and what each of the last events was, in words.

The words are in the present tense, which in Russian tells nobody's gender.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypeAlias, TypedDict
from zoneinfo import ZoneInfo

from service.demo.office import Deal, Event, EventKind, Office, Second, Task
from service.reasons import DEFAULT_REASONS, Kind

Language: TypeAlias = Literal["ru", "en"]

TOLD: Final = 6
"""How many events are told."""

_KEPT: Final = 40  # events: one deed changes up to five records
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR


class Line(TypedDict):
    """An event: its local time of day, and what it was."""

    at: str
    text: str


class Telling(TypedDict):
    """What the office does now, one sentence each, and the last events, newest first."""

    now: list[str]
    events: list[Line]


@dataclass(frozen=True, slots=True)
class Heard:
    """An event, the deal that it was about as it then was, and whether that had no overdue task any more."""

    event: Event
    deal: Deal
    saved: bool


class Teller:
    """Hears what happens in an office, and tells it.

    Args:
        crm: The kind of the office's CRM.
        zone: Where the office works.
    """

    def __init__(self, office: Office, crm: str, zone: ZoneInfo) -> None:
        self._office = office
        self._crm = crm
        self._zone = zone
        self._heard: deque[Heard] = deque(maxlen=_KEPT)

    def listen(self) -> None:
        """Hear everything that happens from now on."""
        self._office.listeners.append(self._hear)

    def _hear(self, event: Event) -> None:
        if (event.entity, event.kind) not in _WEIGHT:
            return
        deal, now = self._deal_of(event.after), self._office.now()
        tasks = [task for task in self._office.tasks.values() if task.deal_id == deal.id]
        self._heard.append(Heard(event, deal, not any(_is_overdue(task, now) for task in tasks)))

    def _deal_of(self, record: object) -> Deal:
        deal = self._office.deals[record.deal_id or 0] if isinstance(record, Task) else record
        assert isinstance(deal, Deal)
        return deal

    def tell(self, language: Language, until_life: float | None) -> Telling:
        """What happens, and what happened.

        Args:
            until_life: Seconds until the office goes on; None: it stays quiet.
        """
        now = int(self._office.now())
        words = _WORDS[language]
        told = [(heard.event.at, self._of_event(heard, language)) for heard in _deeds(self._heard)]
        told += [
            (due, words.due.format(**self._named(task, self._deal_of(task), language)))
            for due, task in self._fell_due(now)
        ]
        newest = sorted(told, key=lambda one: one[0], reverse=True)[:TOLD]
        return {
            "now": [words.office.format(crm=_CRMS.get(self._crm, self._crm)), self._phase(words, until_life)],
            "events": [{"at": f"{self._local(at):%H:%M:%S}", "text": text} for at, text in newest],
        }

    def _phase(self, words: _Words, until_life: float | None) -> str:
        if until_life is None:
            return words.still
        if until_life > 0:
            return words.examples.format(minutes=max(1, round(until_life / 60)))
        now = self._office.now()
        at_risk = {task.deal_id for task in self._office.tasks.values() if _is_overdue(task, now)}
        return words.life.format(clients=len(at_risk))

    def _fell_due(self, now: Second) -> Iterable[tuple[Second, Task]]:
        """The tasks that fell due since the first event that is kept, while they were open."""
        since = self._heard[0].event.at if self._heard else now
        for task in self._office.tasks.values():
            due = task.due_at
            if due is None or not max(since, task.created_at) < due <= now:
                continue
            if task.completed_at is None or task.completed_at > due:
                yield due, task

    def _of_event(self, heard: Heard, language: Language) -> str:
        event, words = heard.event, _WORDS[language]
        record, named = event.after, self._named(event.after, heard.deal, language)
        if isinstance(record, Task):
            if event.kind == "added" and (record.due_at or 0) < event.at:
                return words.remembered.format(**named)
            if event.kind == "completed" and not heard.saved:
                return words.called.format(**named)
        if event.kind == "lost":
            kind = DEFAULT_REASONS["ru"].kind_of(None, heard.deal.reason)
            return words.lost.format(**named) + words.kinds[kind]
        if isinstance(event.before, Deal):
            named["before"] = _money(event.before.amount, language)
        return words.events[event.entity, event.kind].format(**named)

    def _named(self, record: object, deal: Deal, language: Language) -> dict[str, str]:
        """The names and figures in a record and its deal."""
        named = {
            "client": self._office.clients[deal.client_id].name if deal.client_id else deal.name,
            "goods": deal.name,
            "money": _money(deal.amount, language),
            "manager": self._office.managers[deal.manager_id],
            "reason": deal.reason or "",
        }
        if isinstance(record, Task) and record.due_at is not None:
            late = _age(int(self._office.now()) - record.due_at, language)
            due, today = self._local(record.due_at), self._local(int(self._office.now())).date()
            when = f"{due:%H:%M:%S}" if due.date() == today else f"{due:%d.%m, %H:%M}"
            named |= {"text": record.text, "due": when, "late": late, "day": f"{due:%d.%m}"}
        return named

    def _local(self, at: Second) -> datetime:
        return datetime.fromtimestamp(at, self._zone)


class _Words(NamedTuple):
    office: str
    still: str
    examples: str
    life: str
    due: str
    remembered: str
    called: str
    lost: str
    kinds: Mapping[Kind, str]
    events: Mapping[tuple[str, EventKind], str]


_CRMS: Final = {
    "amocrm": "amoCRM",
    "bitrix24": "Bitrix24",
    "hubspot": "HubSpot",
    "pipedrive": "Pipedrive",
    "standard": "Standard Webhooks",
}

_WORDS: Final[Mapping[Language, _Words]] = {
    "ru": _Words(
        office="Это вымышленный отдел продаж: четыре менеджера работают в имитации CRM ({crm}), и та шлёт "
        "табло настоящие вебхуки.",
        still="Офис замер на примере из справки: 170 отказов на 412 560 ₽ и один забытый клиент.",
        examples="Сейчас на табло пример из справки, цифра в цифру: 170 отказов на 412 560 ₽ и один забытый "
        "клиент. Примерно через {minutes} мин. офис оживёт.",
        life="Раз в 6–15 секунд кто-то обещает, забывает, спохватывается или теряет сделку. Клиентов в риске "
        "сейчас: {clients}.",
        due="Срок вышел, а задача не закрыта: «{text}», {client}. Клиент в риске: {money}.",
        remembered="{manager} вносит забытое обещание «{text}»: {client}, просрочено на {late}.",
        called="{manager} закрывает просроченную задачу «{text}»: {client}, но ждут и другие.",
        lost="Отказ: {client}, «{goods}», {money}. Причина: «{reason}», ",
        kinds={
            "controllable": "вина отдела.",
            "objective": "повлиять было трудно.",
            "unclassified": "её нет ни в одном списке.",
            "excluded": "табло такие не считает.",
        },
        events={
            ("deal", "added"): "Новая сделка: {client}, «{goods}», {money}. Ведёт {manager}.",
            ("deal", "edited"): "{manager} меняет сумму: {client}, «{goods}», {before} → {money}.",
            ("deal", "won"): "Продажа: {client}, «{goods}», {money}. Ведёт {manager}.",
            ("task", "added"): "{manager} обещает «{text}»: {client}, срок {due}.",
            ("task", "rescheduled"): "{manager} переносит срок задачи «{text}» на {day}: {client}.",
            (
                "task",
                "completed",
            ): "{manager} закрывает просроченную задачу «{text}»: {client}, спасено {money}.",
        },
    ),
    "en": _Words(
        office="This sales department is made up: four managers work in a simulated CRM ({crm}), which posts "
        "real webhooks to the board.",
        still="The office stands still at the example of the help: 170 refusals, ₽412,560, and one forgotten "
        "client.",
        examples="The board shows the example of the help, figure by figure: 170 refusals, ₽412,560, and one "
        "forgotten client. In about {minutes} min the office comes to life.",
        life="Every 6 to 15 seconds somebody promises, forgets, catches up or loses a deal. Clients at risk "
        "now: {clients}.",
        due="The time is up, and the task is open: “{text}”, {client}. At risk: {money}.",
        remembered="{manager} enters a forgotten promise, “{text}”: {client}, overdue by {late}.",
        called="{manager} closes an overdue task, “{text}”: {client}, but others wait.",
        lost="Lost: {client}, “{goods}”, {money}. Reason: “{reason}”, ",
        kinds={
            "controllable": "the department's fault.",
            "objective": "hard to prevent.",
            "unclassified": "which is in no list.",
            "excluded": "which the board does not count.",
        },
        events={
            ("deal", "added"): "A new deal: {client}, “{goods}”, {money}, with {manager}.",
            ("deal", "edited"): "{manager} changes an amount: {client}, “{goods}”, {before} → {money}.",
            ("deal", "won"): "Won: {client}, “{goods}”, {money}, by {manager}.",
            ("task", "added"): "{manager} promises “{text}” to {client}, by {due}.",
            ("task", "rescheduled"): "{manager} moves “{text}” to {day}: {client}.",
            ("task", "completed"): "{manager} closes an overdue task, “{text}”: {client}, {money} saved.",
        },
    ),
}

_WEIGHT: Final[tuple[tuple[str, EventKind], ...]] = (
    ("deal", "lost"),
    ("deal", "won"),
    ("deal", "added"),
    ("task", "completed"),
    ("task", "rescheduled"),
    ("deal", "edited"),
    ("task", "added"),
)
"""What a deed is told by, if it changed several records: by the first of these."""


def _deeds(heard: Iterable[Heard]) -> Iterable[Heard]:
    """Of what happened at one moment, which is one deed, what it is told by."""
    deeds: dict[Second, Heard] = {}
    for one in sorted(heard, key=lambda one: _WEIGHT.index((one.event.entity, one.event.kind))):
        deeds.setdefault(one.event.at, one)
    return deeds.values()


def _is_overdue(task: Task, now: float) -> bool:
    return not task.completed and task.due_at is not None and task.due_at <= now


def _money(amount: int, language: Language) -> str:
    roubles = f"{amount // 100:,}"
    return f"₽{roubles}" if language == "en" else f"{roubles} ₽".replace(",", "\u00a0").replace(" ", "\u00a0")


def _age(seconds: Second, language: Language) -> str:
    days, hours = divmod(max(seconds, _HOUR) // _HOUR, 24)
    if days:
        return {"ru": f"{days} дн.", "en": f"{days} days" if days > 1 else "1 day"}[language]
    return {"ru": f"{hours} ч", "en": f"{hours} h"}[language]
