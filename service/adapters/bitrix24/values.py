"""The values in the answers of Bitrix24's API. Pure.

Depending on the method, a number is a JSON number or text, and "none" is null, "", 0, "0", false or []. Each
function returns UNSET for a value that it cannot read, and raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from msgspec import UNSET, UnsetType

from service.adapters.fields import optional_text
from service.calendar import parse_instant
from service.model import Instant

Json: TypeAlias = Mapping[str, object]
"""A JSON object. A number with a fraction is kept as the text that was sent."""

CONTACT: Final = "C_"
COMPANY: Final = "CO_"
"""The prefixes of client ids, because contacts and companies are numbered apart. Bitrix24 itself uses them in
a task's list of CRM records."""

ACTIVITY: Final = "a"
"""The prefix of the task id of a CRM activity, because activities and tasks are numbered apart."""

_NONE: Final = (None, "", "0", 0, False)
_BINDING: Final = re.compile(r"(D_|C_|CO_)([1-9][0-9]{0,17})")
_CODE: Final = re.compile(r"[!-~]{1,50}")
_ID: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_YEAR: Final = re.compile(r"[0-9]{4}(?=-)")
_LAST_DUE_YEAR: Final = 2100
"""A due time in a later year means that there is none. Bitrix24 gives an activity without a due time the last
day that its database can hold, in 9999."""


def is_none(value: object) -> bool:
    """Whether the value means "none"."""
    return value in _NONE if isinstance(value, str | int | None) else value == []


def number(value: object) -> str | UnsetType:
    """An id: a whole number; 0 is one too."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and _ID.fullmatch(text) else UNSET


def code(value: object) -> str | UnsetType:
    """The id of a stage, such as `C5:LOSE`."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else UNSET


def linked(value: object) -> str | None | UnsetType:
    """The id of a linked object; None where Bitrix24 says that there is none."""
    return None if is_none(value) else number(value)


def text(value: object) -> str | None | UnsetType:
    """A name or a text; None for an empty one."""
    return optional_text(value) if isinstance(value, str | None) else UNSET


def full_name(*parts: object) -> str | None:
    """A name joined from those parts that are not empty; None if all are."""
    return optional_text(" ".join(part.strip() for part in parts if isinstance(part, str) and part.strip()))


def moment(value: object) -> Instant | UnsetType:
    """A time. Bitrix24 sends each time with its offset; one without an offset is not read."""
    try:
        return parse_instant(value) if isinstance(value, str) else UNSET
    except (ValueError, OverflowError):
        return UNSET


def due_time(value: object) -> Instant | None | UnsetType:
    """When a task is due; None where Bitrix24 says never."""
    if is_none(value):
        return None
    year = _YEAR.match(value) if isinstance(value, str) else None
    if year and int(year[0]) > _LAST_DUE_YEAR:
        return None
    return moment(value)


def bindings(value: object) -> tuple[str | None, str | None]:
    """The deal and the client of a task, from its list of CRM records, such as `D_42`, `C_5`, `CO_7`.

    A task is on its first deal; without a deal, on its first contact; without a contact, on its first
    company.
    """
    first_ids: dict[str, str] = {}
    for text in value if isinstance(value, list) else ():
        binding = _BINDING.fullmatch(text) if isinstance(text, str) else None
        if binding:
            first_ids.setdefault(binding[1], binding[2])
    if "D_" in first_ids:
        return first_ids["D_"], None
    clients = (prefix + first_ids[prefix] for prefix in (CONTACT, COMPANY) if prefix in first_ids)
    return None, next(clients, None)
