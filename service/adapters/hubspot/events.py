"""One event of a HubSpot webhook, as changes and needs. Pure.

Source: developers.hubspot.com/docs/api-reference/latest/webhooks/guide. The generic events (`object.*`):
.../docs/apps/legacy-apps/public-apps/create-generic-webhook-subscriptions. Tasks have generic events only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Raw

from service.adapters.fields import optional_text, phone_number, refuse_future
from service.adapters.hubspot.options import HubSpotOptions
from service.adapters.hubspot.properties import (
    COMPUTED_PROPERTIES,
    TASK_PROPERTIES,
    Properties,
    Record,
    deal_properties,
    instant_of,
    read_record,
)
from service.adapters.hubspot.records import LinkTarget, client_id, merged_records, record_id
from service.adapters.parsed import Parsed
from service.config import Account
from service.model import Change, Instant, Need

_Id: TypeAlias = str | int | None
_Entity: TypeAlias = Literal["deal", "task"]
_ObjectType: TypeAlias = Literal["deal", "task", "contact", "company"]
_BY_NAME: Final[Mapping[str, _ObjectType]] = {"deal": "deal", "contact": "contact", "company": "company"}
_BY_TYPE_ID: Final[Mapping[str | None, _ObjectType]] = {
    "0-1": "contact",
    "0-2": "company",
    "0-3": "deal",
    "0-27": "task",
}
_MERGED: Final[Mapping[_ObjectType | None, LinkTarget]] = {
    "deal": "deals",
    "contact": "contacts",
    "company": "companies",
}
_ENTITIES: Final[Mapping[_ObjectType | None, _Entity]] = {"deal": "deal", "task": "task"}


class EventHead(msgspec.Struct, rename="camel"):
    """The part of an event that decides whether the rest is read. HubSpot's documents write `eventType` where
    its deliveries have `subscriptionType`."""

    subscription_type: str | None = None
    event_type: str | None = None
    object_type_id: str | None = None
    portal_id: _Id = None


class _Payload(EventHead, rename="camel", kw_only=True):
    occurred_at: int
    object_id: _Id = None
    property_name: str | None = None
    property_value: str | None = None
    primary_object_id: _Id = None
    merged_object_ids: list[str | int] = []
    new_object_id: _Id = None
    from_object_type_id: str | None = None
    from_object_id: _Id = None
    to_object_type_id: str | None = None
    to_object_id: _Id = None
    association_type: str | None = None
    association_removed: bool = False


_HEAD = msgspec.json.Decoder(EventHead)
_PAYLOAD = msgspec.json.Decoder(_Payload)


@dataclass(frozen=True, slots=True)
class _Event:
    """An event that matters to the board.

    Args:
        object_type: What its record is; None for an event about a link between two records.
        version: When it happened.
    """

    payload: _Payload
    object_type: _ObjectType | None
    version: Instant
    account: Account


def parse_event(raw: Raw, account: Account, received_at: Instant) -> Parsed:
    """The changes and needs in one event; none if it comes from another portal or the board ignores its kind.

    Raises:
        ValueError: It cannot be read, names no record, or is dated too far in the future.
    """
    head = _HEAD.decode(raw)
    name = head.subscription_type or head.event_type
    if name is None:
        raise ValueError("the event has no subscriptionType")
    portal = HubSpotOptions.of(account).account
    if portal is not None and head.portal_id is not None and str(head.portal_id) != portal:
        return Parsed()
    noun, _, action = name.partition(".")
    parse = _ACTIONS.get(action)
    object_type = _BY_TYPE_ID.get(head.object_type_id) if noun == "object" else _BY_NAME.get(noun)
    if parse is None or (object_type is None and parse is not _association_changed):
        return Parsed()
    payload = _PAYLOAD.decode(raw)
    version = refuse_future(instant_of(payload.occurred_at), received_at)
    return parse(_Event(payload, object_type, version, account))


def _created(event: _Event) -> Parsed:
    """The record was created or restored. The event says nothing else about it."""
    entity = _ENTITIES.get(event.object_type)
    return Parsed() if entity is None else _record(event, entity, {})


def _property_changed(event: _Event) -> Parsed:
    """One property has a new value. The API is asked only if the board reads the property.

    A company's name is one property, and so is its telephone number, so the event has it whole. A contact's
    are two properties each, of which the event has one.
    """
    name, value = event.payload.property_name, event.payload.property_value
    if name is None:
        raise ValueError("the event has no propertyName")
    if event.object_type == "company" and name in ("name", "phone"):
        client = client_id("companies", record_id(event.payload.object_id))
        told = optional_text(value) if name == "name" else phone_number(value)
        return Parsed((Change("client", client, event.version, {name: told}),))
    entity = _ENTITIES.get(event.object_type)
    of_deals = (*deal_properties(event.account), *COMPUTED_PROPERTIES)
    known_names = of_deals if entity == "deal" else TASK_PROPERTIES
    if entity is None or name not in known_names:
        return Parsed()
    return _record(event, entity, {name: value})


def _record(event: _Event, entity: _Entity, properties: Properties) -> Parsed:
    """The properties that were sent, and the need of the whole record."""
    record = Record(record_id(event.payload.object_id), properties, event.payload.portal_id)
    parsed = read_record(entity, record, event.version, event.account, whole=False)
    return parsed + Parsed(needs=(Need(entity, record.id),))


def _deleted(event: _Event) -> Parsed:
    record, entity = record_id(event.payload.object_id), _ENTITIES.get(event.object_type)
    if entity is not None:
        return Parsed((Change(entity, record, event.version, deleted=True),))
    client = client_id("companies" if event.object_type == "company" else "contacts", record)
    return Parsed((Change("client", client, event.version, deleted=True),))


def _merged(event: _Event) -> Parsed:
    """Several records became one of them, or a new one. It has the links of all; what else it keeps of them
    must be asked for."""
    payload, target = event.payload, _MERGED.get(event.object_type)
    if target is None:
        return Parsed()
    merged = sorted({record_id(id) for id in (payload.primary_object_id, *payload.merged_object_ids)})
    kept = record_id(payload.primary_object_id if payload.new_object_id is None else payload.new_object_id)
    need = Need("deal" if target == "deals" else "client", client_id(target, kept))
    return Parsed(merged_records(target, merged, kept, event.version), (need,))


def _association_changed(event: _Event) -> Parsed:
    """A link between two records was made or removed; either of them can come first.

    If a deal has several contacts, the API's answer decides which one is the client. Without an API, the
    contact that was linked last is.
    """
    ends = _ends(event.payload)
    deal, task, contact = ends.get("deal"), ends.get("task"), ends.get("contact")
    removed = event.payload.association_removed
    if task is not None:
        if deal is None or removed:
            return Parsed(needs=(Need("task", task),))
        linked = Change("task", task, event.version, {"deal_id": deal, "client_id": None})
        return Parsed((linked,), (Need("task", task),))
    if deal is None:
        return Parsed()
    if contact is None or removed or event.account.api is not None:
        return Parsed(needs=(Need("deal", deal),))
    return Parsed((Change("deal", deal, event.version, {"client_id": contact}),))


def _ends(payload: _Payload) -> dict[_ObjectType, str]:
    """The ids of the two linked records, by object type; empty if the type of one is not known.

    A generic event has two type ids; the others have names, such as `DEAL_TO_CONTACT`.
    """
    names = (payload.association_type or "").casefold().split("_to_")
    types = (
        _BY_TYPE_ID.get(payload.from_object_type_id) or _BY_NAME.get(names[0]),
        _BY_TYPE_ID.get(payload.to_object_type_id) or _BY_NAME.get(names[-1]),
    )
    if None in types:
        return {}
    ids = (payload.from_object_id, payload.to_object_id)
    return {type: record_id(id) for type, id in zip(types, ids, strict=True) if type is not None}


_ACTIONS: Final[Mapping[str, Callable[[_Event], Parsed]]] = {
    "creation": _created,
    "restore": _created,
    "propertyChange": _property_changed,
    "deletion": _deleted,
    "privacyDeletion": _deleted,
    "merge": _merged,
    "associationChange": _association_changed,
}
