"""The frame around the results of HubSpot's API: paging, errors, ids. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw

from service.adapters.fields import UNDECODABLE
from service.adapters.hubspot.properties import merged_ids
from service.adapters.hubspot.records import record_id

Id: TypeAlias = str | int

_NOT_FOUND: Final = "OBJECT_NOT_FOUND"
"""The category of an error that is an answer: there is no such record, or no such link."""

_COMPLETE: Final = "COMPLETE"


class _Next(msgspec.Struct):
    after: Id = ""


class _Paging(msgspec.Struct):
    next: _Next | None = None


class _Concerned(msgspec.Struct):
    ids: list[Id] = []


class _Error(msgspec.Struct):
    category: str = ""
    context: _Concerned | None = None


class Results(msgspec.Struct):
    """The frame of every answer except the one about a property."""

    results: list[Raw]
    status: str = _COMPLETE
    errors: list[_Error] = []
    paging: _Paging | None = None

    @property
    def is_complete(self) -> bool:
        """Whether no part of the answer failed."""
        return self.status == _COMPLETE and all(error.category == _NOT_FOUND for error in self.errors)

    @property
    def not_found(self) -> set[str]:
        """The records of which the answer says that they do not exist."""
        concerned = [error.context for error in self.errors if error.category == _NOT_FOUND]
        return {str(id) for context in concerned if context for id in context.ids}


class WithId(msgspec.Struct):
    """A result that has an id."""

    id: Id


class _Identity(WithId):
    properties: dict[str, str | None] = {}


class _Label(msgspec.Struct):
    label: str | None = None


class Link(msgspec.Struct, rename="camel"):
    """One record that another is linked to."""

    to_object_id: Id
    association_types: list[_Label] = []

    @property
    def is_primary(self) -> bool:
        """Whether it is the company that the office marked as the main one."""
        return any(type.label == "Primary" for type in self.association_types)


class Links(msgspec.Struct, rename={"origin": "from"}):
    """The links of one record to the records of one object type."""

    origin: WithId
    to: list[Link] = []


RESULTS = msgspec.json.Decoder(Results)
LINKS = msgspec.json.Decoder(Links)
_IDENTITY = msgspec.json.Decoder(_Identity)


@dataclass(frozen=True, slots=True)
class SyncPage:
    """The part of an answer that decides what is asked next, and what is not there.

    Args:
        ids: The records in it; of an answer about links, the records that have one.
        gone: The records of which it says, by an error of the documented form, that they do not exist.
        merged: The records that were merged into one that is in it.
        after: The cursor of the next page; None after the last.
        is_complete: No part of it failed, and every result has an id.
    """

    ids: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    merged: frozenset[str] = frozenset()
    after: str | None = None
    is_complete: bool = False


def page_of(body: bytes, resource: str) -> SyncPage:
    """The page in an answer; an empty, incomplete one where the body is no answer of the API."""
    try:
        answer = RESULTS.decode(body)
    except UNDECODABLE:
        return SyncPage()
    ids_in = _linked_ids if resource.startswith("links:") else _own_ids
    ids, merged = set[str](), set[str]()
    is_complete = answer.is_complete
    for result in answer.results:
        try:
            present, absorbed = ids_in(result)
        except UNDECODABLE:
            is_complete = False
        else:
            ids |= present
            merged |= absorbed
    following = answer.paging.next if answer.paging else None
    after = (str(following.after) or None) if following else None
    gone = frozenset(answer.not_found - ids)
    return SyncPage(frozenset(ids), gone, frozenset(merged - ids), after, is_complete)


def _own_ids(result: Raw) -> tuple[set[str], set[str]]:
    record = _IDENTITY.decode(result)
    return {record_id(record.id)}, set(merged_ids(record.properties))


def _linked_ids(result: Raw) -> tuple[set[str], set[str]]:
    links = LINKS.decode(result)
    return ({record_id(links.origin.id)} if links.to else set()), set()
