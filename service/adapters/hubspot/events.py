"""What one event of a HubSpot webhook says, as changes and as needs. Pure.

Source: developers.hubspot.com/docs/api-reference/latest/webhooks/guide; the generic events, `object.*`,
.../docs/apps/legacy-apps/public-apps/create-generic-webhook-subscriptions. Tasks have generic events only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Raw

from service.adapters.fields import optional_text, refuse_future
from service.adapters.hubspot.options import HubSpotOptions
from service.adapters.hubspot.properties import (
    TASK_PROPERTIES,
    Properties,
    Record,
    Told,
    deal_properties,
    instant_of,
    read_record,
)
from service.adapters.hubspot.records import client_id, record_id
from service.config import Account
from service.model import Change, Instant, Need

_Id: TypeAlias = str | int | None
_Entity: TypeAlias = Literal["deal", "task"]
_Object: TypeAlias = Literal["deal", "task", "contact", "company"]
_OBJECTS: Final[Mapping[str, _Object]] = {"deal": "deal", "contact": "contact", "company": "company"}
_OBJECT_TYPES: Final[Mapping[str | None, _Object]] = {
    "0-1": "contact",
    "0-2": "company",
    "0-3": "deal",
    "0-27": "task",
}
_ENTITIES: Final[Mapping[_Object | None, _Entity]] = {"deal": "deal", "task": "task"}


class Kind(msgspec.Struct, rename="camel"):
    """What an event is about. Documents say `eventType` where deliveries say `subscriptionType`."""

    subscription_type: str | None = None
    event_type: str | None = None
    object_type_id: str | None = None
    portal_id: _Id = None


class _Event(Kind, rename="camel", kw_only=True):
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


_KIND = msgspec.json.Decoder(Kind)
_EVENT = msgspec.json.Decoder(_Event)


@dataclass(frozen=True, slots=True)
class _News:
    """An event that is of use.

    Args:
        about: What its record is; None for an event about two.
        version: When it happened.
    """

    event: _Event
    about: _Object | None
    version: Instant
    account: Account


def told_by(raw: Raw, account: Account, received_at: Instant) -> Told:
    """What one event says; nothing, if it is of another portal or of no use to the board.

    Raises:
        ValueError: It cannot be read, names no record, or is dated too far in the future.
    """
    kind = _KIND.decode(raw)
    name = kind.subscription_type or kind.event_type
    if name is None:
        raise ValueError("the event has no subscriptionType")
    wanted = HubSpotOptions.of(account).account
    if wanted is not None and kind.portal_id is not None and str(kind.portal_id) != wanted:
        return Told()
    noun, _, action = name.partition(".")
    read = _ACTIONS.get(action)
    about = _OBJECT_TYPES.get(kind.object_type_id) if noun == "object" else _OBJECTS.get(noun)
    if read is None or (about is None and read is not _associated):
        return Told()
    event = _EVENT.decode(raw)
    return read(_News(event, about, refuse_future(instant_of(event.occurred_at), received_at), account))


def _seen(news: _News) -> Told:
    """The record was made, or restored: nothing else is said of it."""
    entity = _ENTITIES.get(news.about)
    return Told() if entity is None else _sent(news, entity, {})


def _changed(news: _News) -> Told:
    """One property has another value. One that is not read costs the API no question.

    A company has its name in one property; a contact's is in two, of which an event says one.
    """
    name = news.event.property_name
    if name is None:
        raise ValueError("the event has no propertyName")
    if news.about == "company" and name == "name":
        client = client_id(True, record_id(news.event.object_id))
        named = {"name": optional_text(news.event.property_value)}
        return Told([Change("client", client, news.version, named)])
    entity = _ENTITIES.get(news.about)
    read = deal_properties(news.account) if entity == "deal" else TASK_PROPERTIES
    if entity is None or name not in read:
        return Told()
    return _sent(news, entity, {name: news.event.property_value})


def _sent(news: _News, entity: _Entity, sent: Properties) -> Told:
    record = Record(record_id(news.event.object_id), sent, news.event.portal_id)
    told = read_record(entity, record, news.version, news.account, whole=False)
    told.needs.append(Need(entity, record.id))
    return told


def _deleted(news: _News) -> Told:
    return Told([_gone(news, record_id(news.event.object_id))])


def _gone(news: _News, record: str) -> Change:
    entity = _ENTITIES.get(news.about)
    if entity is not None:
        return Change(entity, record, news.version, deleted=True)
    return Change("client", client_id(news.about == "company", record), news.version, deleted=True)


def _merged(news: _News) -> Told:
    """Records became one, which may be a new one: the others are gone."""
    event, entity = news.event, _ENTITIES.get(news.about)
    if entity is None:
        return Told()
    merged = {record_id(each) for each in (event.primary_object_id, *event.merged_object_ids)}
    left = record_id(event.primary_object_id if event.new_object_id is None else event.new_object_id)
    return Told([_gone(news, each) for each in sorted(merged - {left})], [Need(entity, left)])


def _associated(news: _News) -> Told:
    """Two records were linked, or no longer are; which of them comes first says nothing.

    Of several contacts the API's answer picks one; without an API the contact linked last is the client.
    """
    ends = _ends(news.event)
    deal, task, contact = ends.get("deal"), ends.get("task"), ends.get("contact")
    removed = news.event.association_removed
    if task is not None:
        if deal is None or removed:
            return Told(needs=[Need("task", task)])
        linked = Change("task", task, news.version, {"deal_id": deal, "client_id": None})
        return Told([linked], [Need("task", task), Need("deal", deal)])
    if deal is None:
        return Told()
    if contact is None or removed or news.account.api is not None:
        return Told(needs=[Need("deal", deal)])
    return Told([Change("deal", deal, news.version, {"client_id": contact})])


def _ends(event: _Event) -> dict[_Object, str]:
    """The two records, by what they are: two type ids in generic events, `DEAL_TO_CONTACT` in the others."""
    names = (event.association_type or "").casefold().split("_to_")
    kinds = (
        _OBJECT_TYPES.get(event.from_object_type_id) or _OBJECTS.get(names[0]),
        _OBJECT_TYPES.get(event.to_object_type_id) or _OBJECTS.get(names[-1]),
    )
    if None in kinds:
        return {}
    given = (event.from_object_id, event.to_object_id)
    return {kind: record_id(each) for kind, each in zip(kinds, given, strict=True) if kind is not None}


_ACTIONS: Final[Mapping[str, Callable[[_News], Told]]] = {
    "creation": _seen,
    "restore": _seen,
    "propertyChange": _changed,
    "deletion": _deleted,
    "privacyDeletion": _deleted,
    "merge": _merged,
    "associationChange": _associated,
}
