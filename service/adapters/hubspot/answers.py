"""What the answers of HubSpot's API say, as changes. Pure.

An answer's resource is a verb and what it is done to: `list:deals` (all, with their links), `read:deals` (by
id), `links:deals:contacts` (of those), `search:deals` (what changed), `roll:deals` (only which),
`archived:deals`, `names:contacts`, `owners`, `pipelines`. A batch answer is a 207 where a part of it failed;
its `errors` say which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Raw

from service.adapters.api import ASKED, RESOURCE, TASKS_DAYS, as_of
from service.adapters.fields import UNDECODABLE, digest, identifier, one_line, optional_text, refuse_future
from service.adapters.hubspot.options import HubSpotOptions
from service.adapters.hubspot.pages import LINKS, RESULTS, Id, Numbered, page_of
from service.adapters.hubspot.properties import Record, Told, read_record
from service.adapters.hubspot.records import LINKED, Linked, client_id, numbers, record_id
from service.calendar import parse_instant
from service.config import Account
from service.model import SECOND, Change, Decoded, Instant, Need, Rejection, Request, Value

_DAY: Final = 86_400 * SECOND
_PRIMARY: Final = "deal_to_company"
"""How a list calls the link to a deal's primary company; every other has a longer name."""

_Entity: TypeAlias = Literal["deal", "task"]


class _End(Numbered):
    type: str = ""


class _Ends(msgspec.Struct):
    results: list[_End] = []


class _Record(msgspec.Struct, rename="camel"):
    id: Id
    properties: dict[str, str | None] = {}
    updated_at: str | None = None
    archived: bool = False
    archived_at: str | None = None
    associations: dict[str, _Ends] = {}


class _Owner(Numbered, rename="camel"):
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None


class _Pipeline(Numbered):
    label: str | None = None


_RECORD = msgspec.json.Decoder(_Record)
_OWNER = msgspec.json.Decoder(_Owner)
_PIPELINE = msgspec.json.Decoder(_Pipeline)


def decode(request: Request, account: Account) -> Decoded:
    """See `Api`. Each result stands alone. What was asked for and is not there is gone, or has no link; but
    only where nothing failed."""
    resource = request.headers.get(RESOURCE, "")
    reader = _READERS.get(resource)
    if reader is None:
        key = digest(request.body, str(request.received_at))
        return Decoded(key, (), (Rejection(0, "an answer to a question that HubSpot is not asked"),))
    occasion = f"{resource} {request.received_at}" if reader.is_dated_here else resource
    key = digest(request.body, occasion)
    try:
        results = RESULTS.decode(request.body).results
    except UNDECODABLE as error:
        return Decoded(key, (), (Rejection(0, one_line(error)),))
    asked = _Asked(request.received_at, account)
    changes: list[Change] = []
    needs: list[Need] = []
    rejections: list[Rejection] = []
    for part, result in enumerate(results):
        try:
            told = reader.read(result, asked)
        except UNDECODABLE as error:
            rejections.append(Rejection(part, one_line(error)))
            continue
        changes += told.changes
        needs += told.needs
        rejections += [Rejection(part, error) for error in told.errors]
    if reader.missing is not None:
        page = page_of(request.body, resource)
        ids = numbers(request.headers.get(ASKED, "").split()) if page.is_complete else []
        changes += [reader.missing(each, asked) for each in ids if each not in page.ids]
    return Decoded(key, tuple(changes), tuple(rejections), tuple(dict.fromkeys(needs)))


@dataclass(frozen=True, slots=True)
class _Asked:
    """On which occasion the API was asked."""

    at: Instant
    account: Account


_When: TypeAlias = Callable[[Raw, _Asked], Instant]
"""When a name is so: as the record was changed, or as the API was asked."""


@dataclass(frozen=True, slots=True)
class _Reader:
    """How the answers to one resource are read.

    Args:
        missing: What it means that something asked for is not there.
        is_dated_here: A change in it is dated by when the API was asked.
    """

    read: Callable[[Raw, _Asked], Told]
    missing: Callable[[str, _Asked], Change] | None = None
    is_dated_here: bool = True


def _record(result: Raw, asked: _Asked) -> tuple[_Record, str, Instant]:
    """A record, its id, and when it was changed or deleted last."""
    record = _RECORD.decode(result)
    dated = record.archived_at if record.archived else record.properties.get("hs_lastmodifieddate")
    dated = dated or record.updated_at
    if dated is None:
        raise ValueError("the record does not say when it was changed")
    return record, record_id(record.id), refuse_future(parse_instant(dated), asked.at)


def _found(entity: _Entity, result: Raw, asked: _Asked) -> Told:
    """A record of a search, or a deleted one. Its links are not in it, so it is asked for whole.

    What is found is not held to be so still: a search can be behind the webhooks.
    """
    record, key, version = _record(result, asked)
    if record.archived:
        return Told([Change(entity, key, version, deleted=True)])
    sent = Record(key, record.properties, HubSpotOptions.of(asked.account).account)
    told = read_record(entity, sent, version, asked.account, whole=True)
    told.needs.append(Need(entity, key))
    return told


def _read(entity: _Entity, result: Raw, asked: _Asked) -> Told:
    """A record that was asked for by its id: true at that moment."""
    told = _found(entity, result, asked)
    told.changes = as_of(told.changes, asked.at)
    told.needs = [need for need in told.needs if need.entity != entity]
    return told


def _listed(entity: _Entity, result: Raw, asked: _Asked) -> Told:
    """A record of a list, with its links; true at that moment. A task that was done with long ago counts
    nowhere, and there can be very many."""
    told = _read(entity, result, asked)
    if told.changes[0].deleted:
        return told
    if _is_over(told.changes[0], asked.at - TASKS_DAYS * _DAY):
        return Told()
    linked, target = _target(entity, _RECORD.decode(result).associations)
    links = _link_fields(entity, linked, target)
    told.changes = [
        replace(each, fields={**each.fields, **links}) if each.entity == entity else each
        for each in told.changes
    ]
    if (client := links["client_id"]) is not None:
        told.needs.append(Need("client", str(client)))
    return told


def _is_over(task: Change, since: Instant) -> bool:
    times = [task.fields.get(name) for name in ("due_at", "completed_at")]
    return task.fields.get("completed") is True and all(each is None or int(each) < since for each in times)


def _target(entity: _Entity, associations: Mapping[str, _Ends]) -> tuple[Linked | None, str | None]:
    """What a record is linked to first, of what it may be."""
    for linked in LINKED[f"{entity}s"]:
        ends = associations.get(linked, _Ends()).results
        ranked = [(each.type != _PRIMARY, int(record_id(each.id))) for each in ends]
        if ranked:
            return linked, str(min(ranked)[1])
    return None, None


def _rolled(entity: _Entity, result: Raw, asked: _Asked) -> Told:
    """A record that there is; nothing else was asked of it."""
    _, key, version = _record(result, asked)
    return Told([Change(entity, key, version, {"known": True} if entity == "deal" else {})])


def _gone(entity: _Entity, key: str, asked: _Asked) -> Change:
    return Change(entity, key, asked.at, deleted=True)


def _link(entity: _Entity, linked: Linked, result: Raw, asked: _Asked) -> Told:
    """What a record is linked to; of several, the primary one, else the oldest."""
    links = LINKS.decode(result)
    if not links.to:
        return Told()
    target = str(min((not each.is_primary, int(record_id(each.to_object_id))) for each in links.to)[1])
    change = Change(entity, record_id(links.origin.id), asked.at, _link_fields(entity, linked, target))
    if linked == "deals":
        return Told([change], [Need("deal", target)])
    return Told([change], [Need("client", client_id(linked == "companies", target))])


def _unlinked(entity: _Entity, key: str, asked: _Asked) -> Change:
    return Change(entity, key, asked.at, _link_fields(entity, None, None))


def _link_fields(entity: _Entity, linked: Linked | None, target: str | None) -> dict[str, Value]:
    client = None if target is None or linked == "deals" else client_id(linked == "companies", target)
    if entity == "deal":
        return {"known": True, "client_id": client}
    return {"deal_id": target if linked == "deals" else None, "client_id": client}


def _contact(when: _When, result: Raw, asked: _Asked) -> Told:
    record = _RECORD.decode(result)
    first, last, email = (record.properties.get(name) for name in ("firstname", "lastname", "email"))
    names = (f"{first or ''} {last or ''}", email)
    return _named("client", record_id(record.id), names, when(result, asked))


def _company(when: _When, result: Raw, asked: _Asked) -> Told:
    record = _RECORD.decode(result)
    names = (record.properties.get("name"), record.properties.get("domain"))
    return _named("client", client_id(True, record_id(record.id)), names, when(result, asked))


def _now(_result: Raw, asked: _Asked) -> Instant:
    return asked.at


def _then(result: Raw, asked: _Asked) -> Instant:
    return _record(result, asked)[2]


def _owner(result: Raw, asked: _Asked) -> Told:
    owner = _OWNER.decode(result)
    names = (f"{owner.first_name or ''} {owner.last_name or ''}", owner.email)
    return _named("manager", record_id(owner.id), names, asked.at)


def _pipeline(result: Raw, asked: _Asked) -> Told:
    pipeline = _PIPELINE.decode(result)
    return _named("pipeline", identifier(pipeline.id), (pipeline.label,), asked.at)


def _named(
    entity: Literal["client", "manager", "pipeline"], key: str, names: Sequence[str | None], version: Instant
) -> Told:
    """The first name that has something in it."""
    found = [name for each in names if (name := optional_text(each))]
    return Told([Change(entity, key, version, {"name": found[0]})] if found else [])


_ENTITIES: Final[Mapping[str, _Entity]] = {"deals": "deal", "tasks": "task"}
_READERS: Final[Mapping[str, _Reader]] = {
    "owners": _Reader(_owner),
    "pipelines": _Reader(_pipeline),
    "names:contacts": _Reader(partial(_contact, _now)),
    "names:companies": _Reader(partial(_company, _now)),
    "search:contacts": _Reader(partial(_contact, _then), is_dated_here=False),
    "search:companies": _Reader(partial(_company, _then), is_dated_here=False),
    **{f"list:{objects}": _Reader(partial(_listed, entity)) for objects, entity in _ENTITIES.items()},
    **{
        f"read:{objects}": _Reader(partial(_read, entity), partial(_gone, entity))
        for objects, entity in _ENTITIES.items()
    },
    **{
        f"{verb}:{objects}": _Reader(partial(read, entity), is_dated_here=False)
        for objects, entity in _ENTITIES.items()
        for verb, read in (("search", _found), ("roll", _rolled), ("archived", _found))
    },
    **{
        f"links:{objects}:{linked}": _Reader(
            partial(_link, entity, linked),
            partial(_unlinked, entity) if linked == LINKED[objects][-1] else None,
        )
        for objects, entity in _ENTITIES.items()
        for linked in LINKED[objects]
    },
}
