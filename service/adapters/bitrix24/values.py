"""The values in the answers of Bitrix24's API. Pure.

Depending on the method, a number is a JSON number or text, and "none" is null, "", 0, "0", false or []. Each
function returns UNSET for a value that it cannot read, and raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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

LEAD: Final = "lead:"
"""The prefix of the deal id of a lead, and of the reason id of a lead's status: leads and their statuses are
apart from deals and their stages (SPEC section 3.2)."""

ACTIVITY: Final = "a"
"""The prefix of the task id of a CRM activity, because activities and tasks are numbered apart."""

_NONE: Final = (None, "", "0", 0, False)
_TASK_RECORD: Final = re.compile(r"(D|L|C|CO)_([1-9][0-9]{0,17})")
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


TYPES: Final[Mapping[str, str]] = {"1": "L", "2": "D", "3": "C", "4": "CO"}
"""The CRM's types of records by `OWNER_TYPE_ID`, as a task's list of records abbreviates them."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The record of the CRM that a task or an activity is on, of all that it is bound to.

    That is the first deal; without a deal, the first lead; else the first contact; else the first company.
    Other records, such as those of smart processes, are not on the board.

    Args:
        page: The address of the record's page below the portal's; None without a record.
    """

    deal_id: str | None = None
    client_id: str | None = None
    page: str | None = None

    @classmethod
    def of(cls, records: Iterable[tuple[str, str]]) -> Bound:
        """The record among some, each given by its abbreviated type and its id."""
        first: dict[str, str] = {}
        for kind, id in records:
            first.setdefault(kind, id)
        for kind, deal_prefix, client_prefix, page in _BOARD_RECORDS:
            if kind in first:
                id = first[kind]
                deal_id = None if deal_prefix is None else deal_prefix + id
                client_id = None if client_prefix is None else client_prefix + id
                return cls(deal_id, client_id, f"crm/{page}/details/{id}")
        return cls()


_BOARD_RECORDS: Final = (
    ("D", "", None, "deal"),
    ("L", LEAD, None, "lead"),
    ("C", None, CONTACT, "contact"),
    ("CO", None, COMPANY, "company"),
)


def task_records(value: object) -> list[tuple[str, str]]:
    """The records that a task is bound to, such as `D_42`, `L_4`, `C_5`, `CO_7`; none where it is false."""
    texts = [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
    return [(match[1], match[2]) for text in texts if (match := _TASK_RECORD.fullmatch(text))]


def activity_records(sent: Json) -> list[tuple[str, str]]:
    """The records that an activity is bound to: its owner, then its bindings."""
    bindings = sent.get("BINDINGS")
    pairs = [sent, *(bindings if isinstance(bindings, list) else ())]
    return [
        (TYPES[kind], id)
        for pair in pairs
        if isinstance(pair, dict)
        and (kind := str(pair.get("OWNER_TYPE_ID"))) in TYPES
        and isinstance(id := linked(pair.get("OWNER_ID")), str)
    ]
