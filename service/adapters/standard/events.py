"""What an event of the `standard` CRM kind says: its data as changes, whatever envelope it came in.

Pure. Rules that the format leaves open:
- Null means "none" and clears the field, as does an empty name; a field that is not sent says nothing.
- Of a key that is given twice, parsers disagree which one counts, so the event is refused.
- An event of an unknown type is no error: a sender may post more than the board needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from service.adapters.fields import (
    event_time,
    identifier,
    loss_reason,
    optional_identifier,
    optional_text,
    web_address,
)
from service.calendar import parse_instant
from service.config import Account
from service.model import Change, Instant, Status, Value
from service.money import parse_amount

_CURRENCY = re.compile(r"[A-Z]{3}")

_Text: TypeAlias = str | None | UnsetType
_Id: TypeAlias = str | int | None | UnsetType


class _Named(msgspec.Struct):
    """A client, manager or pipeline inside an event."""

    id: str | int
    name: _Text = UNSET


_Link: TypeAlias = _Named | None | UnsetType


class _Deal(msgspec.Struct):
    id: str | int
    name: _Text = UNSET
    status: Status | None | UnsetType = UNSET
    reason: _Text = UNSET
    amount: str | int | float | None | UnsetType = UNSET  # a float is read only to be refused in clear words
    currency: _Text = UNSET
    closed_at: _Text = UNSET
    url: _Text = UNSET
    client: _Link = UNSET
    manager: _Link = UNSET
    pipeline: _Link = UNSET


class _Task(msgspec.Struct):
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
    id: str | int


_Data = TypeVar("_Data")


class _About(msgspec.Struct, Generic[_Data]):
    data: _Data


_DEAL = msgspec.json.Decoder(_About[_Deal])
_TASK = msgspec.json.Decoder(_About[_Task])
_DELETED = msgspec.json.Decoder(_About[_Deleted])
_DELETIONS: Final[Mapping[str, Literal["deal", "task"]]] = {"deal.deleted": "deal", "task.deleted": "task"}

TYPES: Final = frozenset({"deal.changed", "task.changed", *_DELETIONS})
"""The types of events that say something; every other one is accepted, with no effect."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event, out of its envelope.

    Args:
        type: One of `TYPES`.
        time: When it happened, in ISO 8601 with an offset, as it was sent.
        document: A JSON object, checked by `refuse_repeated_keys`, whose `data` is what the event says.
    """

    type: str
    time: str
    document: bytes


def changes_of(event: Event, account: Account, received_at: Instant) -> Iterable[Change]:
    """The changes that an event tells. Raises one of `UNDECODABLE`; then none of them counts."""
    version = event_time(event.time, received_at)
    if event.type == "deal.changed":
        return _deal(_DEAL.decode(event.document).data, version, account)
    if event.type == "task.changed":
        return _task(_TASK.decode(event.document).data, version)
    gone = _DELETED.decode(event.document).data
    return (Change(_DELETIONS[event.type], identifier(gone.id), version, deleted=True),)


def refuse_repeated_keys(document: bytes) -> None:
    """Raise one of `UNDECODABLE` for what is not one JSON value in UTF-8, or has an object that gives a key
    twice, which msgspec, like most, lets pass."""
    _STRICT.decode(document.decode())


def _without_repeats(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("an object gives one key twice")


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_without_repeats)
"""Finds the keys that are given twice; what it decodes to is not used."""


def _deal(data: _Deal, version: Instant, account: Account) -> list[Change]:
    fields: dict[str, Value] = {"known": True, **_money(data, account.currency)}
    named: list[Change] = []
    if data.name is not UNSET:
        fields["name"] = optional_text(data.name)
    if data.status is not UNSET:
        fields["status"] = data.status
    if data.closed_at is not UNSET:
        fields["closed_at"] = _instant(data.closed_at)
    if data.url is not UNSET:
        fields["url"] = web_address(data.url)
    if data.reason is not UNSET:
        reason, reason_named = loss_reason(data.reason, version)
        fields |= reason
        named += reason_named
    named += _link(fields, "client", data.client, version)
    named += _link(fields, "manager", data.manager, version)
    named += _link(fields, "pipeline", data.pipeline, version)
    return [Change("deal", identifier(data.id), version, fields), *named]


def _task(data: _Task, version: Instant) -> list[Change]:
    fields: dict[str, Value] = {}
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
    named = list(_link(fields, "manager", data.manager, version))
    return [Change("task", identifier(data.id), version, fields), *named]


def _link(
    fields: dict[str, Value],
    entity: Literal["client", "manager", "pipeline"],
    named: _Link,
    version: Instant,
) -> Iterator[Change]:
    """Set the field that links to the client, manager or pipeline; give the change that names it, if it has a
    name."""
    if named is UNSET:
        return
    if named is None:
        fields[f"{entity}_id"] = None
        return
    linked = fields[f"{entity}_id"] = identifier(named.id)
    if named.name is not UNSET:
        yield Change(entity, linked, version, {"name": optional_text(named.name)})


def _money(data: _Deal, account_currency: str) -> dict[str, Value]:
    """The fields `amount` and `currency`, those that were sent. Raises `ValueError`."""
    fields: dict[str, Value] = {}
    currency = account_currency
    if data.currency is not UNSET:
        sent = optional_text(data.currency)
        if sent is not None and not _CURRENCY.fullmatch(sent):
            raise ValueError("currency must be a code of ISO 4217, such as RUB - at `$.data.currency`")
        fields["currency"] = sent
        currency = sent or account_currency
    if isinstance(data.amount, float):
        raise ValueError("amount must be a decimal string or an integer, not a float - at `$.data.amount`")
    if data.amount is None:
        fields["amount"] = None
    elif data.amount is not UNSET:
        fields["amount"] = parse_amount(data.amount, currency)
    return fields


def _instant(text: str | None) -> Instant | None:
    return parse_instant(text) if text else None
