"""The answers of HubSpot's API, as changes and needs. Pure.

An answer's resource is a verb and the object type it applies to: `list:deals` (all, with their links),
`read:deals` (by id), `links:deals:contacts` (the links of those), `search:deals` (those that changed),
`sweep:deals` (the ids of all that count), `archived:deals`, `names:contacts`, `owners`, `pipelines`,
`reasons`. An answer to a batch has the status 207 where a part of it failed; its `errors` say which part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Raw

from service.adapters.api import ASKED, RESOURCE, TASKS_DAYS, absent_ids, as_of
from service.adapters.fields import digest
from service.adapters.hubspot import names
from service.adapters.hubspot.context import RECORD, Context, ListedLinks, changed_record
from service.adapters.hubspot.options import HubSpotOptions
from service.adapters.hubspot.pages import LINKS, RESULTS, SyncPage, page_of
from service.adapters.hubspot.properties import Record, read_record
from service.adapters.hubspot.records import LINK_TARGETS, LinkTarget, client_id, record_id, record_ids
from service.adapters.parsed import Parsed, parse_body, rejected
from service.config import Account
from service.model import DAY, Change, Decoded, Instant, Need, Rejection, Request, Value, earlier

_PRIMARY: Final = "deal_to_company"
"""The type of the link to a deal's primary company in a list. The types of other links are longer."""

_Entity: TypeAlias = Literal["deal", "task"]


def decode(request: Request, account: Account) -> Decoded:
    """See `Api`. Each result stands alone."""
    resource = request.headers.get(RESOURCE, "")
    reader = READERS.get(resource)
    if reader is None:
        error = ValueError(f"answers about {resource!r} are not read")
        return rejected(error).decoded(digest(request.body, str(request.received_at)))
    asked = tuple(request.headers.get(ASKED, "").split())
    occasion = [resource, str(request.received_at), *asked] if reader.is_dated_by_asking else [resource]
    key = digest(request.body, " ".join(occasion))
    context = Context(request.received_at, account, asked)
    parsed = parse_body(lambda: _parts(resource, request.body), lambda part: reader.read(part, context))
    page = page_of(request.body, resource)
    if reader.missing is not None and page != SyncPage():
        parsed += reader.missing(record_ids(absent_ids(request, page.ids)), page, context)
    return parsed.decoded(key)


def _parts(resource: str, body: bytes) -> list[Raw]:
    """The results of an answer. The definition of a property is one; where there is no such property, the
    body is empty."""
    if resource == "reasons":
        return [Raw(body)] if body else []
    return RESULTS.decode(body).results


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the answers about one resource.

    Args:
        read: The changes and needs in one result.
        missing: What an answer says of records that it leaves out.
        is_dated_by_asking: Its changes carry the time at which the API was asked, so that an equal answer at
            another time is a delivery of its own.
    """

    read: Callable[[Raw, Context], Parsed]
    missing: Callable[[Sequence[str], SyncPage, Context], Parsed] | None = None
    is_dated_by_asking: bool = True


def _searched(entity: _Entity, result: Raw, context: Context) -> Parsed:
    """A record from a search or from the list of deleted ones. Its links are not in it, so it is asked for by
    id; until then its properties are dated by its last change, because a search lags behind the webhooks."""
    record, id, version = changed_record(result, context)
    if record.archived:
        return Parsed((Change(entity, id, version, deleted=True),))
    portal = HubSpotOptions.of(context.account).account
    parsed = read_record(entity, Record(id, record.properties, portal), version, context.account, whole=True)
    return parsed + Parsed(needs=(Need(entity, id),))


def _read(entity: _Entity, result: Raw, context: Context) -> Parsed:
    """A record that was asked for by its id: true at that moment, and whole."""
    parsed = _searched(entity, result, context)
    merged = names.mergers("deals", RECORD.decode(result), context) if entity == "deal" else ()
    return msgspec.structs.replace(
        parsed, changes=(*as_of(parsed.changes, context.asked_at), *merged), needs=()
    )


def _listed(entity: _Entity, result: Raw, context: Context) -> Parsed:
    """A record from a list, with its links; true at that moment. Tasks completed long ago are left out,
    because they count nowhere and there can be very many."""
    parsed = _read(entity, result, context)
    if parsed.changes[0].deleted:
        return parsed
    if _is_over(parsed.changes[0], earlier(context.asked_at, TASKS_DAYS * DAY)):
        return Parsed()
    target, linked_id = _first_link(entity, RECORD.decode(result).associations)
    links = _link_fields(entity, target, linked_id)
    changes = tuple(
        msgspec.structs.replace(change, fields={**change.fields, **links})
        if change.entity == entity and not change.deleted
        else change
        for change in parsed.changes
    )
    return msgspec.structs.replace(parsed, changes=changes)


def _is_over(task: Change, since: Instant) -> bool:
    times = [task.fields.get(name) for name in ("due_at", "completed_at")]
    return task.fields.get("completed") is True and all(time is None or int(time) < since for time in times)


def _first_link(
    entity: _Entity, associations: Mapping[str, ListedLinks]
) -> tuple[LinkTarget | None, str | None]:
    """The link of a listed record that counts: its object type and the linked record's id."""
    for target in LINK_TARGETS[f"{entity}s"]:
        links = associations.get(target, ListedLinks()).results
        ranked = [(link.type != _PRIMARY, int(record_id(link.id))) for link in links]
        if ranked:
            return target, str(min(ranked)[1])
    return None, None


def _swept(entity: _Entity, result: Raw, context: Context) -> Parsed:
    """A record that exists; nothing else about it was asked."""
    _, id, version = changed_record(result, context)
    return Parsed((Change(entity, id, version, {"known": True} if entity == "deal" else {}),))


def _linked(entity: _Entity, target: LinkTarget, result: Raw, context: Context) -> Parsed:
    """A record's link to records of one type: to the primary one of several, else to the oldest."""
    links = LINKS.decode(result)
    if not links.to:
        return Parsed()
    linked_id = str(min((not link.is_primary, int(record_id(link.to_object_id))) for link in links.to)[1])
    fields = _link_fields(entity, target, linked_id)
    return Parsed((Change(entity, record_id(links.origin.id), context.asked_at, fields),))


def _unread(entity: _Entity, absent: Sequence[str], page: SyncPage, context: Context) -> Parsed:
    """Records that are left out of an answer by ids: deleted if it says so. Nothing is known of those that
    were not merged either, and each is a rejection, so that it stays needed."""
    gone = tuple(Change(entity, id, context.asked_at, deleted=True) for id in absent if id in page.gone)
    unknown = (id for id in absent if id not in page.gone | page.merged)
    errors = (Rejection(0, f"the answer says nothing of {entity} {id}") for id in unknown)
    return Parsed(gone, rejections=tuple(errors))


def _unlinked(entity: _Entity, absent: Sequence[str], page: SyncPage, context: Context) -> Parsed:
    """Records without a link, if no part of the answer failed."""
    fields = _link_fields(entity, None, None)
    absent = absent if page.is_complete else ()
    return Parsed(tuple(Change(entity, id, context.asked_at, fields) for id in absent))


def _link_fields(entity: _Entity, target: LinkTarget | None, linked_id: str | None) -> dict[str, Value]:
    deal = linked_id if target == "deals" else None
    client = None if target is None or linked_id is None or deal else client_id(target, linked_id)
    if entity == "deal":
        return {"known": True, "client_id": client}
    return {"deal_id": deal, "client_id": client}


_ENTITIES: Final[Mapping[str, _Entity]] = {"deals": "deal", "tasks": "task"}
READERS: Final[Mapping[str, _Reader]] = {
    "owners": _Reader(names.owner),
    "pipelines": _Reader(names.pipeline),
    "reasons": _Reader(names.reasons),
    "names:contacts": _Reader(partial(names.contact, names.asked_at)),
    "names:companies": _Reader(partial(names.company, names.asked_at)),
    "search:contacts": _Reader(partial(names.contact, names.changed_at), is_dated_by_asking=False),
    "search:companies": _Reader(partial(names.company, names.changed_at), is_dated_by_asking=False),
    **{f"list:{objects}": _Reader(partial(_listed, entity)) for objects, entity in _ENTITIES.items()},
    **{
        f"read:{objects}": _Reader(partial(_read, entity), partial(_unread, entity))
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
