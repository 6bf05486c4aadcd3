"""HubSpot's records as the board knows them: which objects are asked for, and under which ids. Pure.

Each of HubSpot's objects counts its records on its own, so a contact and a company can have one number. Both
are clients; a company's id says that it is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

Linked: TypeAlias = Literal["deals", "contacts", "companies"]

LINKED: Final[Mapping[str, tuple[Linked, ...]]] = {
    "deals": ("contacts", "companies"),
    "tasks": ("deals", "contacts", "companies"),
}
"""What each object's records are looked for at, one after the other until there is one: a deal's client is a
person, else a company; a task is on a deal, else on the client itself."""

_ID: Final = re.compile(r"[0-9]{1,20}")
_COMPANY: Final = "company-"


def record_id(given: str | int | None) -> str:
    """A record's id. Raises `ValueError` for anything but a number."""
    text = str(given)
    if not _ID.fullmatch(text):
        raise ValueError("the record's id is missing or is not a number")
    return text


def client_id(is_company: bool, record: str) -> str:
    """The client that a contact or a company is."""
    return _COMPANY + record if is_company else record


def numbers(ids: Iterable[str]) -> list[str]:
    """Those ids that are records' own, each once; of clients, those of contacts."""
    return [each for each in dict.fromkeys(ids) if _ID.fullmatch(each)]


def companies_of(clients: Iterable[str]) -> list[str]:
    """The records of those clients that are companies."""
    return numbers(each.removeprefix(_COMPANY) for each in clients if each.startswith(_COMPANY))
