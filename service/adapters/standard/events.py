"""The data of an event of the `standard` CRM kind as changes, whichever envelope it came in.

Pure. Rules that the format leaves open:
- Null means "none" and clears the field, and so does an empty name. A field that is not sent says nothing.
- An event that gives a key twice is rejected, because parsers disagree about which value counts.
- An event of an unknown type is no error: a sender may post more than the board needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from service.adapters.fields import (
    event_time,
    identifier,
    if_sent,
    loss_reason,
    money,
    optional_identifier,
    optional_text,
    phone_number,
    sent_fields,
    web_address,
)
from service.calendar import parse_instant
from service.config import Account
from service.model import Change, Instant, Status, Value

_Text: TypeAlias = str | None | UnsetType
_Id: TypeAlias = str | int | None | UnsetType
_Amount: TypeAlias = Annotated[Any, msgspec.Meta(extra_json_schema={"type": ["string", "number", "null"]})]


class _Named(msgspec.Struct):
    """A client, manager or pipeline inside an event. Only of a client the phone is read."""

    id: str | int
    name: _Text = UNSET
    phone: Any = UNSET


_Link: TypeAlias = _Named | None | UnsetType
_Linked: TypeAlias = Literal["client", "manager", "pipeline"]


class _Deal(msgspec.Struct):
    """What an event says of a deal. What is left out keeps its value, null clears it.

    Args:
        status: Unset and null count as open.
        amount: A decimal string, or a number, which is read by its digits and never through a float.
        currency: Of the amount, three capital letters; without it, the account's.
        closed_at: ISO 8601 with an offset.
    """

    id: str | int
    name: _Text = UNSET
    status: Status | None | UnsetType = UNSET
    reason: _Text = UNSET
    amount: _Amount = UNSET
    currency: Any = UNSET
    closed_at: _Text = UNSET
    url: _Text = UNSET
    client: _Link = UNSET
    manager: _Link = UNSET
    pipeline: _Link = UNSET


class _Task(msgspec.Struct):
    """What an event says of a task. What is left out keeps its value, null clears it.

    Args:
        due_at: ISO 8601 with an offset; a task without it is never overdue.
        completed_at: ISO 8601 with an offset; without it, a completed task was completed at the event's time.
    """

    id: str | int
    deal_id: _Id = UNSET
    client_id: _Id = UNSET
    text: _Text = UNSET
    due_at: _Text = UNSET
    completed: bool | None | UnsetType = UNSET
    completed_at: _Text = UNSET
    url: _Text = UNSET
    manager: _Link = UNSET


class _Deleted(msgspec.Struct):
    """What was deleted."""

    id: str | int


_Data = TypeVar("_Data")


class _About(msgspec.Struct, Generic[_Data]):
    data: _Data


_DEAL = msgspec.json.Decoder(_About[_Deal], float_hook=str)  # the digits of an amount, as they were sent
_TASK = msgspec.json.Decoder(_About[_Task])
_DELETED = msgspec.json.Decoder(_About[_Deleted])
_DELETIONS: Final[Mapping[str, Literal["deal", "task"]]] = {"deal.deleted": "deal", "task.deleted": "task"}

DATA: Final[Mapping[str, type[msgspec.Struct]]] = {
    "deal.changed": _Deal,
    "task.changed": _Task,
    **dict.fromkeys(_DELETIONS, _Deleted),
}
"""What the data of each type of event is."""

TYPES: Final = frozenset(DATA)
"""The types of events that are read. Any other is accepted and has no effect."""


class Event(msgspec.Struct, frozen=True):
    """One event without its envelope.

    Args:
        type: One of `TYPES`.
        time: When it happened, in ISO 8601 with an offset; not parsed yet.
        document: A JSON object that `refuse_repeated_keys` let pass. Its `data` is what the event says.
    """

    type: str
    time: str
    document: bytes


def changes_of(event: Event, account: Account, received_at: Instant) -> Iterable[Change]:
    """The changes in an event. Raises one of `UNDECODABLE`; then none of them counts."""
    version = event_time(event.time, received_at)
    if event.type == "deal.changed":
        return _deal(_DEAL.decode(event.document).data, version, account)
    if event.type == "task.changed":
        return _task(_TASK.decode(event.document).data, version)
    gone = _DELETED.decode(event.document).data
    return (Change(_DELETIONS[event.type], identifier(gone.id), version, deleted=True),)


def refuse_repeated_keys(document: bytes) -> None:
    """Raise one of `UNDECODABLE` for what is not one JSON value in UTF-8, or gives a key twice in an object,
    which msgspec lets pass, as most parsers do."""
    _STRICT.decode(document.decode())


def _without_repeats(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("an object gives one key twice")


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_without_repeats)
"""Raises for a key that is given twice. What it decodes is not used."""


def _deal(data: _Deal, version: Instant, account: Account) -> list[Change]:
    links, named = _links(version, client=data.client, manager=data.manager, pipeline=data.pipeline)
    fields = links | money(data.amount, data.currency, account.currency)
    fields |= sent_fields(
        known=True,
        name=if_sent(data.name, optional_text),
        status=data.status,
        closed_at=if_sent(data.closed_at, _instant),
        url=if_sent(data.url, web_address),
    )
    if data.reason is not UNSET:
        reason, reason_named = loss_reason(data.reason, version)
        fields |= reason
        named = [*reason_named, *named]
    return [Change("deal", identifier(data.id), version, fields), *named]


def _task(data: _Task, version: Instant) -> list[Change]:
    links, named = _links(version, manager=data.manager)
    fields = links | sent_fields(
        deal_id=if_sent(data.deal_id, optional_identifier),
        client_id=if_sent(data.client_id, optional_identifier),
        text=if_sent(data.text, optional_text),
        due_at=if_sent(data.due_at, _instant),
        completed=data.completed,
        completed_at=if_sent(data.completed_at, _instant),
        url=if_sent(data.url, web_address),
    )
    return [Change("task", identifier(data.id), version, fields), *named]


def _links(
    version: Instant, *, client: _Link = UNSET, manager: _Link = UNSET, pipeline: _Link = UNSET
) -> tuple[dict[str, Value], list[Change]]:
    """The fields that link to a client, manager and pipeline, and the changes that name those."""
    sent: Mapping[_Linked, _Link] = {"client": client, "manager": manager, "pipeline": pipeline}
    fields: dict[str, Value] = {}
    named: list[Change] = []
    for entity, link in sent.items():
        if link is UNSET:
            continue
        linked_id = fields[f"{entity}_id"] = None if link is None else identifier(link.id)
        if linked_id is not None and link is not None and (told := _told(entity, link)):
            named.append(Change(entity, linked_id, version, told))
    return fields, named


def _told(entity: _Linked, link: _Named) -> dict[str, Value]:
    """What an event says of an entity that it links to."""
    told: dict[str, Value] = {}
    if link.name is not UNSET:
        told["name"] = optional_text(link.name)
    if entity == "client" and link.phone is not UNSET:
        told["phone"] = phone_number(link.phone)
    return told


def _instant(text: str | None) -> Instant | None:
    return parse_instant(text) if text else None
