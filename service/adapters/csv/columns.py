"""Which column of a CSV file holds what, by its name: as CRMs' exports call it, in Russian and in English.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from service.adapters.csv.lines import Unreadable
from service.reasons import reason_key

Kind: TypeAlias = Literal["deal", "task"]

_LINKS: Final[Mapping[str, tuple[str, ...]]] = {
    "client": (
        "client",
        "клиент",
        "основной контакт",
        "полное имя контакта",
        "контакт",
        "main contact",
        "contact",
        "contact person",
        "associated contact",
        "компания",
        "компания: название компании",
        "company",
        "organization",
        "associated company",
    ),
    "client_id": ("client id", "id клиента", "id контакта", "contact id"),
    "manager": (
        "manager",
        "ответственный",
        "менеджер",
        "исполнитель",
        "ответственный пользователь",
        "responsible",
        "responsible user",
        "owner",
        "deal owner",
        "assigned to user",
        "assigned to",
    ),
    "manager_id": ("manager id", "id ответственного", "id менеджера", "responsible user id", "owner id"),
    "url": ("url", "ссылка", "ссылка на сделку", "link"),
    "changed": (
        "updated at",
        "дата изменения",
        "дата редактирования",
        "дата последнего изменения",
        "изменена",
        "изменено",
        "last modified date",
        "last modified",
        "update time",
        "modified at",
        "date modified",
    ),
}

_NAMES: Final[Mapping[Kind, Mapping[str, tuple[str, ...]]]] = {
    "deal": {
        "id": ("id", "id сделки", "сделка id", "номер сделки", "deal id", "lead id", "record id"),
        "name": (
            "name",
            "название сделки",
            "название",
            "сделка",
            "deal name",
            "lead name",
            "lead title",
            "title",
        ),
        "status": (
            "status",
            "этап сделки",
            "статус сделки",
            "статус",
            "этап",
            "стадия сделки",
            "стадия",
            "deal stage",
            "lead stage",
            "stage",
        ),
        "reason": (
            "reason",
            "причина отказа",
            "причина закрытия",
            "причина проигрыша",
            "loss reason",
            "lost reason",
            "closed lost reason",
        ),
        "amount": ("amount", "бюджет", "сумма", "сумма сделки", "budget", "value", "sale", "price"),
        "currency": ("currency", "валюта", "currency of value", "deal currency code"),
        "closed_at": (
            "closed at",
            "дата закрытия",
            "дата закрытия сделки",
            "дата завершения",
            "lost time",
            "won time",
            "deal closed on",
            "close date",
            "date closed",
            "предполагаемая дата закрытия",
        ),
        "pipeline": ("pipeline", "воронка", "направление"),
        "pipeline_id": ("pipeline id", "id воронки"),
        **_LINKS,
    },
    "task": {
        "id": ("id", "id задачи", "task id", "activity id"),
        "text": (
            "text",
            "текст задачи",
            "текст",
            "задача",
            "название",
            "название задачи",
            "task",
            "subject",
            "title",
        ),
        "deal_id": ("deal id", "id сделки", "сделка id", "номер сделки", "lead id"),
        "due_at": (
            "due at",
            "срок",
            "крайний срок",
            "срок исполнения",
            "срок выполнения",
            "выполнить до",
            "дедлайн",
            "due date",
            "due",
            "deadline",
        ),
        "completed": (
            "completed",
            "выполнена",
            "выполнено",
            "завершена",
            "статус задачи",
            "статус",
            "done",
            "status",
        ),
        "completed_at": (
            "completed at",
            "дата выполнения",
            "дата завершения",
            "дата закрытия",
            "completed date",
            "marked as done time",
            "closed at",
        ),
        **_LINKS,
    },
}
"""The names of each column, as `_key` gives them, first those that win where a file has several. Two
are told to whoever misses one."""

_NEEDED: Final[Mapping[Kind, tuple[tuple[str, ...], ...]]] = {
    "deal": (("id",), ("status",), ("amount",)),
    "task": (("id",), ("due_at",), ("deal_id", "client_id", "client")),
}
"""Of each group one must be there."""

_OF_WHAT: Final = re.compile(r"(сделка|задача|deal|lead|task|activity)\s*[-–—:]\s*")
_MONEY: Final = re.compile(r"[\s,(]+(₽|\?|руб\.?|rub|\$|usd|€|eur)\)?")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file.

    Args:
        names: As the file's first line has them.
        places: Where each known column is; of several, in the order in which a cell is looked for.
    """

    kind: Kind
    names: tuple[str, ...]
    places: Mapping[str, tuple[int, ...]]

    @property
    def ignored(self) -> tuple[str, ...]:
        """The names that are not known."""
        used = {place for places in self.places.values() for place in places}
        return tuple(name for place, name in enumerate(self.names) if place not in used and name)

    def require(self) -> None:
        """Raise `Unreadable` when a needed column is missing."""
        missing = [" or ".join(map(self._called, group)) for group in _missing(self)]
        if missing:
            raise Unreadable(f"there is no column for {'; nor for '.join(missing)}, of {self.kind}s")

    def _called(self, column: str) -> str:
        english, russian = _NAMES[self.kind][column][:2]
        return f'{column} (called "{english}" or "{russian}")'


def columns_of(names: Sequence[str]) -> Columns:
    """The columns of deals or of tasks, whichever the names fit."""
    found = [_columns(kind, names) for kind in _NAMES]
    return max(found, key=lambda each: (not _missing(each), len(each.places)))


def _missing(columns: Columns) -> list[tuple[str, ...]]:
    return [group for group in _NEEDED[columns.kind] if not columns.places.keys() & set(group)]


def _columns(kind: Kind, names: Iterable[str]) -> Columns:
    names = tuple(names)
    keys = [_key(name) for name in names]
    places = {
        column: tuple(place for each in called for place, key in enumerate(keys) if key == each)
        for column, called in _NAMES[kind].items()
    }
    return Columns(kind, names, {column: where for column, where in places.items() if where})


def _key(name: str) -> str:
    """A column's name as it is compared: without its kind in front, a currency behind, and underscores."""
    key = reason_key(name.replace("_", " "))
    key = key[front.end() :] if (front := _OF_WHAT.match(key)) else key
    behind = _MONEY.search(key)
    return key[: behind.start()] if behind and behind.end() == len(key) else key
