"""The pages of HubSpot's answers: what is around the results, and what the next question depends on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw

from service.adapters.fields import UNDECODABLE
from service.adapters.hubspot.records import record_id

Id: TypeAlias = str | int

_NOT_THERE: Final = "OBJECT_NOT_FOUND"
"""The category of an error that is no failure: there is no such record, or no such link."""

_DONE: Final = "COMPLETE"


class _Next(msgspec.Struct):
    after: Id = ""


class _Paging(msgspec.Struct):
    next: _Next | None = None


class _Error(msgspec.Struct):
    category: str = ""


class Results(msgspec.Struct):
    """What every answer has around its results."""

    results: list[Raw]
    status: str = _DONE
    errors: list[_Error] = []
    paging: _Paging | None = None

    @property
    def is_complete(self) -> bool:
        """Whether what is left out is not there, rather than not read."""
        return self.status == _DONE and all(each.category == _NOT_THERE for each in self.errors)


class Numbered(msgspec.Struct):
    """A result that has an id."""

    id: Id


class _Label(msgspec.Struct):
    label: str | None = None


class Target(msgspec.Struct, rename="camel"):
    """What a record is linked to."""

    to_object_id: Id
    association_types: list[_Label] = []

    @property
    def is_primary(self) -> bool:
        """Whether it is the one that people chose among several."""
        return any(each.label == "Primary" for each in self.association_types)


class Links(msgspec.Struct, rename={"origin": "from"}):
    """The links of a record to those of one other object."""

    origin: Numbered
    to: list[Target] = []


class _Refusal(msgspec.Struct, rename="camel"):
    policy_name: str = ""


RESULTS = msgspec.json.Decoder(Results)
LINKS = msgspec.json.Decoder(Links)
_NUMBERED = msgspec.json.Decoder(Numbered)
_REFUSAL = msgspec.json.Decoder(_Refusal)


@dataclass(frozen=True, slots=True)
class Page:
    """What the next question depends on.

    Args:
        ids: The records that it has; of an answer about links, those that have one.
        after: Where the next page begins; None after the last.
        is_complete: What it leaves out is not there.
    """

    ids: frozenset[str] = frozenset()
    after: str | None = None
    is_complete: bool = False


def page_of(body: bytes, resource: str) -> Page:
    """An answer's page; one without anything for what is no answer."""
    try:
        answer = RESULTS.decode(body)
    except UNDECODABLE:
        return Page()
    identify = _linked_id if resource.startswith("links:") else _numbered_id
    ids: set[str] = set()
    is_complete = answer.is_complete
    for result in answer.results:
        try:
            ids |= identify(result)
        except UNDECODABLE:
            is_complete = False
    following = answer.paging.next if answer.paging else None
    return Page(frozenset(ids), (str(following.after) or None) if following else None, is_complete)


def policy(body: bytes) -> str:
    """Which limit a 429 is about; empty where it does not say."""
    try:
        return _REFUSAL.decode(body).policy_name
    except UNDECODABLE:
        return ""


def _numbered_id(result: Raw) -> set[str]:
    return {record_id(_NUMBERED.decode(result).id)}


def _linked_id(result: Raw) -> set[str]:
    links = LINKS.decode(result)
    return {record_id(links.origin.id)} if links.to else set()
