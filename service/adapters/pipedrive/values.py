"""The values in Pipedrive's JSON: webhooks v2 and v1, and the API. Pure.

Each function returns None for a value that it cannot read, and raises nothing unless its docstring says so.

Sources: pipedrive.readme.io/docs/guide-for-webhooks-v2, guide-for-webhooks (v1), and the OpenAPI documents of
developers.pipedrive.com/docs/api/v1 and v2.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType

from service.adapters.fields import optional_text
from service.calendar import day_start, is_plausible, parse_instant
from service.model import SECOND, Day, Instant, earlier

Node: TypeAlias = "str | int | bool | None | list[Node] | Object"
Object: TypeAlias = dict[str, Node]
"""A JSON object. Decimal numbers in it are text, so that no amount ever becomes a float."""

ORGANIZATION: Final = "org:"
"""The prefix of an organisation's client id, because persons and organisations are numbered apart."""

LEAD: Final = "lead:"
"""The prefix of a lead's id on the board, where a lead is a deal (SPEC section 3.2)."""

_UUID = re.compile(r"[0-9a-f]{8,12}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?", re.ASCII)
_DATE = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)
_NAIVE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Link:
    """The entity that an object is linked to; an id of None means none. Only v1 sends names."""

    id: str | None
    name: str | None = None


def parse(body: bytes) -> Object:
    """The JSON object in a body. Raises `ValueError` when the body is none."""
    try:
        node: Node = json.loads(body, parse_float=str, parse_constant=str)
    except RecursionError:
        raise ValueError("the body is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from None
    if not isinstance(node, dict):
        raise ValueError("the body is not a JSON object")
    return node


def identifier_of(value: Node) -> str | None:
    """An id, sent as a number or as digits; None for 0."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value) if isinstance(value, str) or 0 < value < 10**20 else ""
    return text if _ID.fullmatch(text) and text.strip("0") else None


def lead_id_of(value: Node) -> str | None:
    """A lead's id, a UUID; None for anything else."""
    text = value.lower() if isinstance(value, str) else ""
    return text if _UUID.fullmatch(text) else None


def link_of(sent: Object, key: str, name_key: str = "") -> Link | None:
    """The link under a key; None if it was not sent or cannot be read.

    The value is an id, null, or in v1 an object with `value` or `id`, and `name`. The name can also stand
    under `name_key`.
    """
    if key not in sent:
        return None
    value, name = sent[key], sent.get(name_key)
    if isinstance(value, dict):
        name = value.get("name", name)
        value = value.get("value", value.get("id"))
    if value is None or (value == 0 and not isinstance(value, bool)) or value == "":
        return Link(None)
    linked_id = identifier_of(value)
    if linked_id is None:
        return None
    return Link(linked_id, optional_text(name) if isinstance(name, str) else None)


def moment(value: Node) -> Instant | None:
    """A time: in ISO 8601 (v2), in UTC without an offset (v1), or as a number of seconds, milliseconds or
    microseconds (`timestamp` and `timestamp_micro` in v1)."""
    if isinstance(value, str):
        text = f"{value}+00:00" if _NAIVE_TIME.fullmatch(value) else value
        try:
            return parse_instant(text)
        except (ValueError, OverflowError):
            return None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    for unit in (1, 1000, SECOND):
        if is_plausible(instant := Instant(value * (SECOND // unit))):
            return instant
    return None


def due_moment(due_date: Node, due_time: Node, zone: ZoneInfo) -> Instant | None | UnsetType:
    """When an activity is due; None for one without a date, UNSET for a date or time that cannot be read.

    Date and time are in UTC, by the vendor's description of `due_time` (v2 wraps the time in an object whose
    `timezone_id` is null). A date without a time means the last second of that day in the account's zone.
    """
    if due_date is None or due_date == "":
        return None
    if not isinstance(due_date, str) or not _DATE.fullmatch(due_date):
        return UNSET
    if isinstance(due_time, dict):
        due_time = due_time.get("value")
    if isinstance(due_time, str) and _CLOCK_TIME.fullmatch(due_time):
        return UNSET if (due := moment(f"{due_date}T{due_time}Z")) is None else due
    if due_time is not None and due_time != "":
        return UNSET
    try:
        next_day = Day(date.fromisoformat(due_date).toordinal() + 1)
    except ValueError:
        return UNSET
    return earlier(day_start(next_day, zone), SECOND)


def flag(value: Node) -> bool | None:
    """A boolean. v1 also sends 0 and 1."""
    if isinstance(value, bool):
        return value
    return {0: False, 1: True}.get(value) if isinstance(value, int) else None
