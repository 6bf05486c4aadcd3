"""The values in what Bitrix24's API answers. Pure.

Numbers come as numbers or as text, and "none" as null, "", 0, "0", false or [], as each method likes. A
function says UNSET for what it cannot read, and raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from msgspec import UNSET, UnsetType

from service.adapters.fields import optional_text
from service.calendar import parse_instant
from service.model import Instant
from service.money import parse_amount

Json: TypeAlias = Mapping[str, object]
"""An object of JSON. Numbers with a fraction are kept as the text that they were sent as."""

CONTACT: Final = "C_"
COMPANY: Final = "CO_"
"""What a client's id begins with, for contacts and companies are numbered apart: what the vendor writes where
a task is bound to one."""

ACTIVITY: Final = "a"
"""What a task's id begins with that is an activity of the CRM: activities and tasks are numbered apart."""

_NONE: Final = (None, "", "0", 0, False)
_BINDING: Final = re.compile(r"(D_|C_|CO_)([1-9][0-9]{0,17})")
_CODE: Final = re.compile(r"[!-~]{1,50}")
_ID: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_YEAR: Final = re.compile(r"[0-9]{4}(?=-)")
_FINEST: Final = Decimal("0.0001")
_NEVER: Final = 2100
"""A due time in a year after this one says that there is none: activities without one have the last day that
the vendor's database holds, in 9999."""


def is_none(value: object) -> bool:
    """Whether it says that there is no such thing."""
    return value in _NONE if isinstance(value, str | int | None) else value == []


def number(value: object) -> str | UnsetType:
    """An id: a whole number, 0 too."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and _ID.fullmatch(text) else UNSET


def code(value: object) -> str | UnsetType:
    """The id of a stage, such as `C5:LOSE`."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else UNSET


def linked(value: object) -> str | None | UnsetType:
    """The id of something else; None where the vendor says that there is none."""
    return None if is_none(value) else number(value)


def text(value: object) -> str | None | UnsetType:
    """A name or a text; None for an empty one."""
    return optional_text(value) if isinstance(value, str | None) else UNSET


def full_name(*parts: object) -> str | None:
    """A person's name, of the parts that there are."""
    return optional_text(" ".join(part.strip() for part in parts if isinstance(part, str) and part.strip()))


def currency(value: object) -> str | UnsetType:
    """A code of ISO 4217."""
    return value if isinstance(value, str) and _CURRENCY.fullmatch(value) else UNSET


def amount(value: object, of: str) -> int | None | UnsetType:
    """Minor units of an amount in a currency, rounded half to even; None for null."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return UNSET
    try:
        return parse_amount(f"{Decimal(value).quantize(_FINEST):f}", of)
    except (ArithmeticError, ValueError):
        return UNSET


def moment(value: object) -> Instant | UnsetType:
    """A time. The vendor sends all of them with their offsets; one without is not guessed at."""
    try:
        return parse_instant(value) if isinstance(value, str) else UNSET
    except (ValueError, OverflowError):
        return UNSET


def due_time(value: object) -> Instant | None | UnsetType:
    """When something is due; None where the vendor says never."""
    if is_none(value):
        return None
    year = _YEAR.match(value) if isinstance(value, str) else None
    if year and int(year[0]) > _NEVER:
        return None
    return moment(value)


def bindings(value: object) -> tuple[str | None, str | None]:
    """The deal that a task is on, or else the client, of what it is bound to: `D_42`, `C_5`, `CO_7`. A
    contact comes before a company."""
    found: dict[str, str] = {}
    for each in value if isinstance(value, list) else ():
        bound = _BINDING.fullmatch(each) if isinstance(each, str) else None
        if bound:
            found.setdefault(bound[1], bound[2])
    if "D_" in found:
        return found["D_"], None
    return None, next((kind + found[kind] for kind in (CONTACT, COMPANY) if kind in found), None)
