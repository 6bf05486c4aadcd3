"""The answers of HubSpot's API, as changes and needs. Pure.

An answer's resource is a verb and the object type it applies to: `list:deals` (all, with their links),
`read:deals` (by id), `links:deals:contacts` (the links of those), `search:deals` (those that changed),
`sweep:deals` (the ids of all that count), `archived:deals`, `names:contacts`, `owners`, `pipelines`. An
answer to a batch has the status 207 where a part of it failed; its `errors` say which part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Raw

from service.adapters.api import RESOURCE, TASKS_DAYS, absent_ids, as_of
from service.adapters.fields import digest, identifier, optional_text, refuse_future
from service.adapters.hubspot.options import HubSpotOptions
from service.adapters.hubspot.pages import LINKS, RESULTS, Id, WithId, page_of
from service.adapters.hubspot.properties import Record, read_record
from service.adapters.hubspot.records import LINK_TARGETS, LinkTarget, client_id, record_id, record_ids
from service.adapters.parsed import Parsed, parse_body, rejected
from service.calendar import parse_instant
from service.config import Account
from service.model import DAY, Change, Decoded, Instant, Need, Request, Value, earlier

_PRIMARY: Final = "deal_to_company"
"""The type of the link to a deal's primary company in a list. The types of other links are longer."""

_Entity: TypeAlias = Literal["deal", "task"]


class _ListedLink(WithId):
    type: str = ""


class _ListedLinks(msgspec.Struct):
    results: list[_ListedLink] = []


class _ApiRecord(msgspec.Struct, rename="camel"):
    id: Id
    properties: dict[str, str | None] = {}
    updated_at: str | None = None
    archived: bool = False
    archived_at: str | None = None
    associations: dict[str, _ListedLinks] = {}


class _Owner(WithId, rename="camel"):
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None


class _Pipeline(WithId):
    label: str | None = None


_RECORD = msgspec.json.Decoder(_ApiRecord)
_OWNER = msgspec.json.Decoder(_Owner)
_PIPELINE = msgspec.json.Decoder(_Pipeline)


def decode(request: Request, account: Account) -> Decoded:
    """See `Api`. Each result stands alone. A record that was asked for and is left out was deleted, or has no
    link, but only if no part of the answer failed."""
    resource = request.headers.get(RESOURCE, "")
    reader = READERS.get(resource)
    if reader is None:
        error = ValueError(f"answers about {resource!r} are not read")
        return rejected(error).decoded(digest(request.body, str(request.received_at)))
    occasion = f"{resource} {request.received_at}" if reader.is_dated_by_asking else resource
    key = digest(request.body, occasion)
    context = _Context(request.received_at, account)
    parsed = parse_body(
        lambda: RESULTS.decode(request.body).results, lambda result: reader.read(result, context)
    )
    if reader.missing is not None and (page := page_of(request.body, resource)).is_complete:
        absent = record_ids(absent_ids(request, page.ids))
        parsed += Parsed(tuple(reader.missing(id, context) for id in absent))
    return parsed.decoded(key)


@dataclass(frozen=True, slots=True)
class _Context:
    """When the API was asked, and for which account."""

    asked_at: Instant
    account: Account


_Version: TypeAlias = Callable[[Raw, _Context], Instant]
"""Dates a name: by the last change of its record, or by when the API was asked."""


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the answers about one resource.

    Args:
        read: The changes and needs in one result.
        missing: The change for a record that was asked for and is left out.
        is_dated_by_asking: Its changes carry the time at which the API was asked, so that an equal answer at
            another time is a delivery of its own.
    """

    read: Callable[[Raw, _Context], Parsed]
    missing: Callable[[str, _Context], Change] | None = None
    is_dated_by_asking: bool = True


def _record(result: Raw, context: _Context) -> tuple[_ApiRecord, str, Instant]:
    """A record, its id, and when it was last changed or deleted."""
    record = _RECORD.decode(result)
    changed_at = record.archived_at if record.archived else record.properties.get("hs_lastmodifieddate")
    changed_at = changed_at or record.updated_at
    if changed_at is None:
        raise ValueError("the record does not say when it was changed")
    return record, record_id(record.id), refuse_future(parse_instant(changed_at), context.asked_at)


def _searched(entity: _Entity, result: Raw, context: _Context) -> Parsed:
    """A record from a search or from the list of deleted ones. Its links are not in it, so it is asked for by
    id; until then its properties are dated by its last change, because a search lags behind the webhooks."""
    record, id, version = _record(result, context)
    if record.archived:
        return Parsed((Change(entity, id, version, deleted=True),))
    portal = HubSpotOptions.of(context.account).account
    parsed = read_record(entity, Record(id, record.properties, portal), version, context.account, whole=True)
    return parsed + Parsed(needs=(Need(entity, id),))


def _read(entity: _Entity, result: Raw, context: _Context) -> Parsed:
    """A record that was asked for by its id: true at that moment, and whole."""
    parsed = _searched(entity, result, context)
    return replace(parsed, changes=tuple(as_of(parsed.changes, context.asked_at)), needs=())


def _listed(entity: _Entity, result: Raw, context: _Context) -> Parsed:
    """A record from a list, with its links; true at that moment. Tasks completed long ago are left out,
    because they count nowhere and there can be very many."""
    parsed = _read(entity, result, context)
    if parsed.changes[0].deleted:
        return parsed
    if _is_over(parsed.changes[0], earlier(context.asked_at, TASKS_DAYS * DAY)):
        return Parsed()
    target, linked_id = _first_link(entity, _RECORD.decode(result).associations)
    links = _link_fields(entity, target, linked_id)
    changes = tuple(
        msgspec.structs.replace(change, fields={**change.fields, **links})
        if change.entity == entity
        else change
        for change in parsed.changes
    )
    return replace(parsed, changes=changes)


def _is_over(task: Change, since: Instant) -> bool:
    times = [task.fields.get(name) for name in ("due_at", "completed_at")]
    return task.fields.get("completed") is True and all(time is None or int(time) < since for time in times)


def _first_link(
    entity: _Entity, associations: Mapping[str, _ListedLinks]
) -> tuple[LinkTarget | None, str | None]:
    """The link of a listed record that counts: its object type and the linked record's id."""
    for target in LINK_TARGETS[f"{entity}s"]:
        links = associations.get(target, _ListedLinks()).results
        ranked = [(link.type != _PRIMARY, int(record_id(link.id))) for link in links]
        if ranked:
            return target, str(min(ranked)[1])
    return None, None


def _swept(entity: _Entity, result: Raw, context: _Context) -> Parsed:
    """A record that exists; nothing else about it was asked."""
    _, id, version = _record(result, context)
    return Parsed((Change(entity, id, version, {"known": True} if entity == "deal" else {}),))


def _deleted(entity: _Entity, id: str, context: _Context) -> Change:
    return Change(entity, id, context.asked_at, deleted=True)


def _linked(entity: _Entity, target: LinkTarget, result: Raw, context: _Context) -> Parsed:
    """A record's link to records of one type: to the primary one of several, else to the oldest."""
    links = LINKS.decode(result)
    if not links.to:
        return Parsed()
    linked_id = str(min((not link.is_primary, int(record_id(link.to_object_id))) for link in links.to)[1])
    fields = _link_fields(entity, target, linked_id)
    return Parsed((Change(entity, record_id(links.origin.id), context.asked_at, fields),))


def _unlinked(entity: _Entity, id: str, context: _Context) -> Change:
    return Change(entity, id, context.asked_at, _link_fields(entity, None, None))


def _link_fields(entity: _Entity, target: LinkTarget | None, linked_id: str | None) -> dict[str, Value]:
    deal = linked_id if target == "deals" else None
    client = None if target is None or linked_id is None or deal else client_id(target, linked_id)
    if entity == "deal":
        return {"known": True, "client_id": client}
    return {"deal_id": deal, "client_id": client}


def _contact(version: _Version, result: Raw, context: _Context) -> Parsed:
    record = _RECORD.decode(result)
    first, last, email = (record.properties.get(name) for name in ("firstname", "lastname", "email"))
    names = (f"{first or ''} {last or ''}", email)
    return _named("client", record_id(record.id), names, version(result, context))


def _company(version: _Version, result: Raw, context: _Context) -> Parsed:
    record = _RECORD.decode(result)
    names = (record.properties.get("name"), record.properties.get("domain"))
    return _named("client", client_id("companies", record_id(record.id)), names, version(result, context))


def _asked_at(_result: Raw, context: _Context) -> Instant:
    return context.asked_at


def _changed_at(result: Raw, context: _Context) -> Instant:
    return _record(result, context)[2]


def _owner(result: Raw, context: _Context) -> Parsed:
    owner = _OWNER.decode(result)
    names = (f"{owner.first_name or ''} {owner.last_name or ''}", owner.email)
    return _named("manager", record_id(owner.id), names, context.asked_at)


def _pipeline(result: Raw, context: _Context) -> Parsed:
    pipeline = _PIPELINE.decode(result)
    return _named("pipeline", identifier(pipeline.id), (pipeline.label,), context.asked_at)


def _named(
    entity: Literal["client", "manager", "pipeline"], id: str, names: Sequence[str | None], version: Instant
) -> Parsed:
    """The first of the names that is not empty; nothing if all are."""
    name = next(filter(None, map(optional_text, names)), None)
    return Parsed((Change(entity, id, version, {"name": name}),) if name else ())


_ENTITIES: Final[Mapping[str, _Entity]] = {"deals": "deal", "tasks": "task"}
READERS: Final[Mapping[str, _Reader]] = {
    "owners": _Reader(_owner),
    "pipelines": _Reader(_pipeline),
    "names:contacts": _Reader(partial(_contact, _asked_at)),
    "names:companies": _Reader(partial(_company, _asked_at)),
    "search:contacts": _Reader(partial(_contact, _changed_at), is_dated_by_asking=False),
    "search:companies": _Reader(partial(_company, _changed_at), is_dated_by_asking=False),
    **{f"list:{objects}": _Reader(partial(_listed, entity)) for objects, entity in _ENTITIES.items()},
    **{
        f"read:{objects}": _Reader(partial(_read, entity), partial(_deleted, entity))
        for objects, entity in _ENTITIES.items()
    },
    **{
        f"{verb}:{objects}": _Reader(partial(read, entity), is_dated_by_asking=False)
        for objects, entity in _ENTITIES.items()
        for verb, read in (("search", _searched), ("sweep", _swept), ("archived", _searched))
    },
    **{
        f"links:{objects}:{target}": _Reader(
            partial(_linked, entity, target),
            partial(_unlinked, entity) if target == LINK_TARGETS[objects][-1] else None,
        )
        for objects, entity in _ENTITIES.items()
        for target in LINK_TARGETS[objects]
    },
}
"""By resource."""
