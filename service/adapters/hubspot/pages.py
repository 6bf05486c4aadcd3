"""The frame around the results of HubSpot's API: paging, errors, ids. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw

from service.adapters.fields import UNDECODABLE
from service.adapters.hubspot.records import record_id

Id: TypeAlias = str | int

_NOT_FOUND: Final = "OBJECT_NOT_FOUND"
"""The category of an error that is an answer: there is no such record, or no such link."""

_COMPLETE: Final = "COMPLETE"


class _Next(msgspec.Struct):
    after: Id = ""


class _Paging(msgspec.Struct):
    next: _Next | None = None


class _Error(msgspec.Struct):
    category: str = ""


class Results(msgspec.Struct):
    """The frame of every answer."""

    results: list[Raw]
    status: str = _COMPLETE
    errors: list[_Error] = []
    paging: _Paging | None = None

    @property
    def is_complete(self) -> bool:
        """Whether a record that is left out does not exist. False where it may only not have been read."""
        return self.status == _COMPLETE and all(error.category == _NOT_FOUND for error in self.errors)


class WithId(msgspec.Struct):
    """A result that has an id."""

    id: Id


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


class _RateLimit(msgspec.Struct, rename="camel"):
    policy_name: str = ""


RESULTS = msgspec.json.Decoder(Results)
LINKS = msgspec.json.Decoder(Links)
_WITH_ID = msgspec.json.Decoder(WithId)
_RATE_LIMIT = msgspec.json.Decoder(_RateLimit)


@dataclass(frozen=True, slots=True)
class SyncPage:
    """The part of an answer that decides what is asked next.

    Args:
        ids: The records in it; of an answer about links, the records that have one.
        after: The cursor of the next page; None after the last.
        is_complete: A record that is left out does not exist.
    """

    ids: frozenset[str] = frozenset()
    after: str | None = None
    is_complete: bool = False


def page_of(body: bytes, resource: str) -> SyncPage:
    """The page in an answer; an empty, incomplete one where the body is no answer of the API."""
    try:
        answer = RESULTS.decode(body)
    except UNDECODABLE:
        return SyncPage()
    ids_in = _linked_ids if resource.startswith("links:") else _own_ids
    ids: set[str] = set()
    is_complete = answer.is_complete
    for result in answer.results:
        try:
            ids |= ids_in(result)
        except UNDECODABLE:
            is_complete = False
    following = answer.paging.next if answer.paging else None
    return SyncPage(frozenset(ids), (str(following.after) or None) if following else None, is_complete)


def is_answer(body: bytes) -> bool:
    """Whether a body has the frame of an answer: a list of results."""
    try:
        RESULTS.decode(body)
    except UNDECODABLE:
        return False
    return True


def rate_limit_policy(body: bytes) -> str:
    """The limit that a 429 names; empty where it names none."""
    try:
        return _RATE_LIMIT.decode(body).policy_name
    except UNDECODABLE:
        return ""


def _own_ids(result: Raw) -> set[str]:
    return {record_id(_WITH_ID.decode(result).id)}


def _linked_ids(result: Raw) -> set[str]:
    links = LINKS.decode(result)
    return {record_id(links.origin.id)} if links.to else set()
