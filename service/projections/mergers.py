"""Merged deals and clients: whatever is linked to one is linked to the record that is left. Pure.

A merger is never undone, and it does not end with the record that was merged, which the CRM deletes. So state
keeps in a link the id of the record that is left, and needs no other rule for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from service.model import Entity, Merging, Value, merger_id
from service.projections.merge import Record

LINKS: Final[Mapping[Entity, Mapping[str, Merging]]] = {
    "deal": {"client_id": "client"},
    "task": {"client_id": "client", "deal_id": "deal"},
}
"""The links to what can be merged: entity → field → what it links to."""

Successors: TypeAlias = Mapping[str, str]
"""By `merger_id`: the id of the record into which one was merged, which may have been merged too."""


@dataclass(frozen=True, slots=True)
class Redirection:
    """What a batch leads elsewhere.

    Args:
        into: The successors of whatever is linked in the batch.
        records: The deals and tasks that are linked to what the batch's mergers are about.
    """

    into: Successors = field(default_factory=dict)
    records: Mapping[Entity, Mapping[str, Record]] = field(default_factory=dict)


NO_REDIRECTION: Final = Redirection()


def successors(mergers: Mapping[str, Record]) -> dict[str, str]:
    """The successors that these mergers name."""
    named = ((key, record.values.get("into_id")) for key, record in mergers.items())
    return {key: into for key, into in named if isinstance(into, str) and into}


def links(entity: Entity, values: Mapping[str, Value]) -> Iterator[str]:
    """The `merger_id` of everything that an entity with these values is linked to."""
    for name, linked in LINKS.get(entity, {}).items():
        if isinstance(value := values.get(name), str) and value:
            yield merger_id(linked, value)


def redirect(entity: Entity, records: Iterable[Record], into: Successors) -> None:
    """Lead the links of records of one entity to what is left."""
    for record in records if into else ():
        for name, linked in LINKS.get(entity, {}).items():
            value = record.values.get(name)
            if isinstance(value, str) and (key := merger_id(linked, value)) in into:
                record.values[name] = left_of(key, into).partition(" ")[2]


def left_of(key: str, into: Successors) -> str:
    """What is left of a record, both by their `merger_id`. Of records that were merged in a circle it is the
    one with the least id."""
    entity = key.partition(" ")[0]
    passed = [key]
    while (merged_into := into.get(passed[-1])) is not None:
        following = f"{entity} {merged_into}"
        if following in passed:
            return min(passed[passed.index(following) :])
        passed.append(following)
    return passed[-1]
