"""HubSpot's object types, and how the ids of their records become ids on the board. Pure.

HubSpot numbers the records of each object type apart, so a contact and a company can have the same number.
Both are clients on the board; a company's client id has a prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from service.model import Change, Instant, Merging, merger_id

LinkTarget: TypeAlias = Literal["deals", "contacts", "companies"]
"""An object type that deals or tasks are linked to. HubSpot calls a link an association."""

LINK_TARGETS: Final[Mapping[str, tuple[LinkTarget, ...]]] = {
    "deals": ("contacts", "companies"),
    "tasks": ("deals", "contacts", "companies"),
}
"""The object types whose links are read, by preference: the first one that a record is linked to counts. A
deal's client is its contact, else its company; a task is on its deal, else on the client itself."""

_RECORD_ID: Final = re.compile(r"[0-9]{1,20}")
_COMPANY_PREFIX: Final = "company-"


def record_id(value: str | int | None) -> str:
    """A record's id. Raises `ValueError` for anything but a number."""
    text = str(value)
    if not _RECORD_ID.fullmatch(text):
        raise ValueError("the record's id is missing or is not a number")
    return text


def client_id(target: LinkTarget, record: str) -> str:
    """The id on the board of a deal or a client, from the record id of the deal, contact or company."""
    return _COMPANY_PREFIX + record if target == "companies" else record


def merged_records(target: LinkTarget, ids: Iterable[str], kept: str, version: Instant) -> tuple[Change, ...]:
    """The changes by which records of one type were merged into another one: they are gone, and whatever is
    linked to them is linked to it."""
    entity: Merging = "deal" if target == "deals" else "client"
    into = {"into_id": client_id(target, kept)}
    merged = [client_id(target, id) for id in record_ids(ids) if id != kept]
    mergers = (Change("merger", merger_id(entity, id), version, into) for id in merged)
    return (*mergers, *(Change(entity, id, version, deleted=True) for id in merged))


def record_ids(ids: Iterable[str]) -> list[str]:
    """The ids that are record ids, without repeats. Of client ids these are the contacts."""
    return [record for record in dict.fromkeys(ids) if _RECORD_ID.fullmatch(record)]


def company_ids(client_ids: Iterable[str]) -> list[str]:
    """The record ids of those clients that are companies."""
    return record_ids(id.removeprefix(_COMPANY_PREFIX) for id in client_ids if id.startswith(_COMPANY_PREFIX))
