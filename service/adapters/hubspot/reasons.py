"""The loss reasons: the values of one property of a deal, by the label that people see. Pure.

A choice (`select`, `radio`, `checkbox`, `booleancheckbox`) has an internal value and a label, and several
chosen values are joined by `;`; the definition of the property has them all. A text is its own label. Source:
developers.hubspot.com/docs/api-reference/latest/crm/properties/guide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, unquote

import msgspec
from msgspec import Raw

from service.adapters.fields import UNDECODABLE, optional_text
from service.adapters.hubspot.properties import reason_id
from service.adapters.parsed import Parsed
from service.model import Change, Instant

_SEPARATOR: Final = ";"


class _Option(msgspec.Struct):
    value: str
    label: str = ""


class _Property(msgspec.Struct):
    name: str
    type: str
    options: list[_Option] = []


_PROPERTY = msgspec.json.Decoder(_Property)


def is_property(body: bytes) -> bool:
    """Whether a body is the definition of a property."""
    try:
        _PROPERTY.decode(body)
    except UNDECODABLE:
        return False
    return True


def asked_reasons(ids: Iterable[str]) -> tuple[str, ...]:
    """The ids of reasons as a call keeps them, where a space separates them."""
    return tuple(map(quote, ids))


def named_reasons(definition: Raw, asked: Iterable[str], asked_at: Instant) -> Parsed:
    """The names of all choices, and of the reasons that were asked for.

    Args:
        asked: By `asked_reasons`.
    """
    labels = {option.value: option.label for option in _PROPERTY.decode(definition).options}
    values = dict.fromkeys((*labels, *map(unquote, asked)))
    named = ((reason_id(value), optional_text(_label(value, labels))) for value in values)
    return Parsed(tuple(Change("reason", id, asked_at, {"name": name}) for id, name in named if id and name))


def _label(value: str, labels: Mapping[str, str]) -> str:
    """The label of the first choice in a value; the value itself where there is none."""
    chosen = (labels.get(part.strip()) for part in value.split(_SEPARATOR))
    return labels.get(value) or next(filter(None, chosen), value)
