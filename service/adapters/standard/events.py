"""The data of an event of the `standard` CRM kind as changes, whichever envelope it came in.

Pure. Rules that the format leaves open:
- Null means "none" and clears the field, and so does an empty name. A field that is not sent says nothing.
- An event that gives a key twice is rejected, because parsers disagree about which value counts.
- An event of an unknown type is no error: a sender may post more than the board needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from service.adapters.fields import (
    event_time,
    identifier,
    loss_reason,
    money,
    optional_identifier,
    optional_text,
    phone_number,
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


class Event(msgspec.Struct, Generic[_Data]):
    """An event of a type of `TYPES`.

    Args:
        timestamp: When it happened, in ISO 8601 with an offset; not parsed yet.
    """

    type: str
    timestamp: str
    data: _Data


_DELETIONS: Final[Mapping[str, Literal["deal", "task"]]] = {"deal.deleted": "deal", "task.deleted": "task"}

DATA: Final[Mapping[str, type[msgspec.Struct]]] = {
    "deal.changed": _Deal,
    "task.changed": _Task,
    **dict.fromkeys(_DELETIONS, _Deleted),
}
"""What the data of each type of event is."""

TYPES: Final = frozenset(DATA)
"""The types of events that are read. Any other is accepted and has no effect."""


# Raw keeps the digits of an amount, as they were sent.
_DECODERS: Final = {
    kind: msgspec.json.Decoder(Event[data], float_hook=Raw)  # type: ignore[valid-type]
    for kind, data in DATA.items()
}
_ENCODER: Final = msgspec.json.Encoder()


def event_of(kind: str, document: bytes) -> Event[Any]:
    """The event in a document, of one of `TYPES`. Raises one of `UNDECODABLE`, also for a key that is given
    twice."""
    event = _DECODERS[kind].decode(document)
    if not _is_all(event, document):
        refuse_repeated_keys(document)
    return event


def _is_all(event: Event[Any], document: bytes) -> bool:
    """Whether an event is surely all that its document says, so that no key is given twice in it.

    The parser drops one of two equal keys, and so at least two quotes. An event of which nothing was dropped
    has as many quotes when it is written again. One of which something was dropped has fewer, unless a text
    writes a quote by its number. To look for equal keys themselves takes ten times as long.
    """
    return _ENCODER.encode(event).count(b'"') == document.count(b'"') and b"u0022" not in document


def changes_of(event: Event[Any], account: Account, received_at: Instant) -> tuple[Change, ...]:
    """The changes in an event. Raises one of `UNDECODABLE`; then none of them counts."""
    version = event_time(event.timestamp, received_at)
    if event.type == "deal.changed":
        return _deal(event.data, version, account)
    if event.type == "task.changed":
        return _task(event.data, version)
    return (Change(_DELETIONS[event.type], identifier(event.data.id), version, deleted=True),)


def refuse_repeated_keys(document: bytes) -> None:
    """Raise one of `UNDECODABLE` for what is not one JSON value in UTF-8, or gives a key twice in an object,
    which msgspec lets pass, as most parsers do."""
    _STRICT.decode(document.decode())


def _without_repeats(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("an object gives one key twice")


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_without_repeats)
"""Raises for a key that is given twice. What it decodes is not used."""


def _deal(data: _Deal, version: Instant, account: Account) -> tuple[Change, ...]:
    fields, named = _links(
        version, ("client", data.client), ("manager", data.manager), ("pipeline", data.pipeline)
    )
    amount = bytes(data.amount).decode() if isinstance(data.amount, Raw) else data.amount
    fields |= money(amount, data.currency, account.currency)
    fields["known"] = True
    if data.name is not UNSET:
        fields["name"] = optional_text(data.name)
    if data.status is not UNSET:
        fields["status"] = data.status
    if data.closed_at is not UNSET:
        fields["closed_at"] = _instant(data.closed_at)
    if data.url is not UNSET:
        fields["url"] = web_address(data.url)
    reasons: tuple[Change, ...] = ()
    if data.reason is not UNSET:
        reason, reasons = loss_reason(data.reason, version)
        fields |= reason
    return (Change("deal", identifier(data.id), version, fields), *reasons, *named)


def _task(data: _Task, version: Instant) -> tuple[Change, ...]:
    fields, named = _links(version, ("manager", data.manager))
    if data.deal_id is not UNSET:
        fields["deal_id"] = optional_identifier(data.deal_id)
    if data.client_id is not UNSET:
        fields["client_id"] = optional_identifier(data.client_id)
    if data.text is not UNSET:
        fields["text"] = optional_text(data.text)
    if data.due_at is not UNSET:
        fields["due_at"] = _instant(data.due_at)
    if data.completed is not UNSET:
        fields["completed"] = data.completed
    if data.completed_at is not UNSET:
        fields["completed_at"] = _instant(data.completed_at)
    if data.url is not UNSET:
        fields["url"] = web_address(data.url)
    return (Change("task", identifier(data.id), version, fields), *named)


def _links(version: Instant, *links: tuple[_Linked, _Link]) -> tuple[dict[str, Value], list[Change]]:
    """The fields that link to a client, manager and pipeline, and the changes that name those."""
    fields: dict[str, Value] = {}
    named: list[Change] = []
    for entity, link in links:
        if link is None:
            fields[f"{entity}_id"] = None
        elif link is not UNSET:
            linked_id = fields[f"{entity}_id"] = identifier(link.id)
            told: dict[str, Value] = {}
            if link.name is not UNSET:
                told["name"] = optional_text(link.name)
            if entity == "client" and link.phone is not UNSET:
                told["phone"] = phone_number(link.phone)
            if told:
                named.append(Change(entity, linked_id, version, told))
    return fields, named


def _instant(text: str | None) -> Instant | None:
    return parse_instant(text) if text else None
