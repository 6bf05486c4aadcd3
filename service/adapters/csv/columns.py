"""The columns of a CSV file, by their names in CRMs' exports, in Russian and in English. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from service.adapters.csv.lines import Unreadable
from service.adapters.fields import printable
from service.reasons import reason_key

Kind: TypeAlias = Literal["deal", "task"]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


_LINKS: Final[Mapping[str, tuple[str, ...]]] = {
    "client": _names(
        "client, клиент, основной контакт, полное имя контакта, контакт, main contact, contact, "
        "contact person, associated contact, компания, компания: название компании, company, organization, "
        "associated company"
    ),
    "client_id": _names("client id, id клиента, id контакта, contact id"),
    "phone": _names(
        "phone, телефон, рабочий телефон, мобильный телефон, контакт: рабочий телефон, "
        "контакт: мобильный телефон, рабочий телефон контакта, phone number, mobile phone, "
        "mobile phone number, work phone"
    ),
    "manager": _names(
        "manager, ответственный, менеджер, исполнитель, ответственный пользователь, responsible, "
        "responsible user, owner, deal owner, assigned to user, assigned to"
    ),
    "manager_id": _names("manager id, id ответственного, id менеджера, responsible user id, owner id"),
    "url": _names("url, ссылка, ссылка на сделку, link"),
    "changed": _names(
        "updated at, дата изменения, дата редактирования, дата последнего изменения, изменена, изменено, "
        "last modified date, last modified, update time, modified at, date modified"
    ),
}

_NAMES: Final[Mapping[Kind, Mapping[str, tuple[str, ...]]]] = {
    "deal": {
        "id": _names("id, id сделки, сделка id, номер сделки, deal id, lead id, record id"),
        "name": _names("name, название сделки, название, сделка, deal name, lead name, lead title, title"),
        "status": _names(
            "status, этап сделки, статус сделки, статус, этап, стадия сделки, стадия, deal stage, "
            "lead stage, stage"
        ),
        "reason": _names(
            "reason, причина отказа, причина закрытия, причина проигрыша, loss reason, lost reason, "
            "closed lost reason"
        ),
        "amount": _names("amount, бюджет, сумма, сумма сделки, budget, value, sale, price"),
        "currency": _names("currency, валюта, currency of value, deal currency code"),
        "closed_at": _names(
            "closed at, дата закрытия, дата закрытия сделки, дата завершения, lost time, won time, "
            "deal closed on, close date, date closed, предполагаемая дата закрытия"
        ),
        "pipeline": _names("pipeline, воронка, направление"),
        "pipeline_id": _names("pipeline id, id воронки"),
        **_LINKS,
    },
    "task": {
        "id": _names("id, id задачи, task id, activity id"),
        "text": _names("text, текст задачи, текст, задача, название, название задачи, task, subject, title"),
        "deal_id": _names("deal id, id сделки, сделка id, номер сделки, lead id"),
        "due_at": _names(
            "due at, срок, крайний срок, срок исполнения, срок выполнения, выполнить до, дедлайн, due date, "
            "due, deadline"
        ),
        "completed": _names(
            "completed, выполнена, выполнено, завершена, статус задачи, статус, done, status"
        ),
        "completed_at": _names(
            "completed at, дата выполнения, дата завершения, дата закрытия, completed date, "
            "marked as done time, closed at"
        ),
        **_LINKS,
    },
}
"""The names of each column, as `_key` returns them. Where a file has several, the earlier name wins. The
first two stand in the error for a missing column."""

_NEEDED: Final[Mapping[Kind, tuple[tuple[str, ...], ...]]] = {
    "deal": (("id",), ("status",), ("amount",)),
    "task": (("id",), ("due_at",), ("deal_id", "client_id", "client")),
}
"""A file must have one column of each group."""

_OF_WHAT: Final = re.compile(r"(сделка|задача|deal|lead|task|activity)\s*[-–—:]\s*")
_MONEY: Final = re.compile(r"[\s,(]+(₽|\?|руб\.?|rub|\$|usd|€|eur)\)?")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file.

    Args:
        names: In the order of the file's first line.
        places: The indexes of each known column; of several, in the order in which a cell is looked for.
    """

    kind: Kind
    names: tuple[str, ...]
    places: Mapping[str, tuple[int, ...]]

    @property
    def ignored(self) -> tuple[str, ...]:
        """The names of the unknown columns."""
        used = {place for places in self.places.values() for place in places}
        return tuple(name for place, name in enumerate(self.names) if place not in used and name)

    def require(self) -> None:
        """Raise `Unreadable` when a needed column is missing."""
        missing = [" or ".join(map(self._called, group)) for group in _missing(self)]
        if missing:
            raise Unreadable(f"there is no column for {'; nor for '.join(missing)}, of {self.kind}s")

    def name_of(self, column: str) -> str:
        """The name that a known column has in the file, fit for a terminal; empty without the column."""
        places = self.places.get(column)
        return printable(self.names[places[0]]) if places else ""

    def _called(self, column: str) -> str:
        english, russian = _NAMES[self.kind][column][:2]
        return f'{column} (called "{english}" or "{russian}")'


def columns_of(names: Sequence[str]) -> Columns:
    """The columns of deals or of tasks, whichever fits the names better."""
    candidates = [_columns(kind, names) for kind in _NAMES]
    return max(candidates, key=lambda columns: (not _missing(columns), len(columns.places)))


def _missing(columns: Columns) -> list[tuple[str, ...]]:
    return [group for group in _NEEDED[columns.kind] if not columns.places.keys() & set(group)]


def _columns(kind: Kind, names: Iterable[str]) -> Columns:
    names = tuple(names)
    keys = [_key(name) for name in names]
    places = {
        column: tuple(place for name in known for place, key in enumerate(keys) if key == name)
        for column, known in _NAMES[kind].items()
    }
    return Columns(kind, names, {column: indexes for column, indexes in places.items() if indexes})


def _key(name: str) -> str:
    """A column's name in the form in which names are compared: without the kind in front of it, a currency
    behind it, and underscores."""
    key = reason_key(name.replace("_", " "))
    key = key[front.end() :] if (front := _OF_WHAT.match(key)) else key
    behind = _MONEY.search(key)
    return key[: behind.start()] if behind and behind.end() == len(key) else key
