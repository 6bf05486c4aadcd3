"""The `standard` CRM kind: JSON events signed by the Standard Webhooks scheme (SPEC section 6), the reference
format.

Rules that the format leaves open:
- A bad field spoils its event, which is then quarantined whole; an event never spoils its neighbours in an
  array.
- Of a key that is given twice, parsers disagree which one counts, so the event is refused.
- Null means "none" and clears the field, as does an empty name; a field that is not sent says nothing.
- An event of an unknown type is no error: a sender may post more than the board needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from service.adapters.fields import (
    digest,
    event_time,
    identifier,
    loss_reason,
    one_line,
    optional_identifier,
    optional_text,
    web_address,
)
from service.adapters.signature import verify
from service.calendar import parse_instant
from service.config import Account
from service.model import ID_LENGTH, Change, Decoded, Instant, Rejection, Request, Status, Value
from service.money import parse_amount

MAX_EVENTS: Final = 10_000
"""Events in the longest array that is taken: as many as a body of the largest size can reasonably hold."""

_UNDECODABLE: Final = (ValueError, OverflowError, RecursionError)
"""What parsing hostile text raises: a wrong value, a date beyond what `datetime` holds, nesting too deep."""

_JSON_SPACE: Final = b" \t\r\n"
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


class _Kind(msgspec.Struct):
    type: str


_Data = TypeVar("_Data")


class _Event(msgspec.Struct, Generic[_Data]):
    timestamp: str
    data: _Data


_KIND = msgspec.json.Decoder(_Kind)
_ARRAY = msgspec.json.Decoder(list[Raw])
_DEAL_CHANGED = msgspec.json.Decoder(_Event[_Deal])
_TASK_CHANGED = msgspec.json.Decoder(_Event[_Task])
_DELETED = msgspec.json.Decoder(_Event[_Deleted])
_DELETIONS: Final[Mapping[str, Literal["deal", "task"]]] = {"deal.deleted": "deal", "task.deleted": "task"}


class StandardAdapter:
    """Standard Webhooks, JSON."""

    kind = "standard"
    content_types = frozenset({"application/json"})
    kept_headers = frozenset({"webhook-id"})
    api = None

    def steps(self, account: Account, address: str) -> Sequence[str]:
        """See `Adapter`."""
        del account
        return [
            f"Have the system POST its events to {address}",
            "signed by Standard Webhooks, with the webhook_secret of the configuration.",
        ]

    def authenticate(self, request: Request, account: Account) -> None:
        """See `Adapter`: one of the signatures was made with one of the account's secrets."""
        verify(request, account.webhook_secrets)

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Adapter`. The delivery's key is its `webhook-id`, which a sender keeps over its retries."""
        key = _delivery_key(request)
        try:
            events = _events(request.body)
        except _UNDECODABLE as error:
            return Decoded(key, (), (Rejection(0, one_line(error)),))
        changes: list[Change] = []
        rejections: list[Rejection] = []
        for part, event in enumerate(events):
            try:
                changes += _changes(event, account, request.received_at)
            except _UNDECODABLE as error:
                rejections.append(Rejection(part, one_line(error)))
        return Decoded(key, tuple(changes), tuple(rejections))


def _delivery_key(request: Request) -> str:
    """The `webhook-id`; a digest of one that does not fit a key, and of the body when there is none."""
    message_id = request.headers.get("webhook-id", "")
    if not message_id:
        return digest(request.body)
    if len(message_id) <= ID_LENGTH and message_id.isascii() and message_id.isprintable():
        return message_id
    return digest(message_id.encode("utf-8", "replace"))


def _events(body: bytes) -> list[bytes]:
    """Each event's JSON. Raises one of `_UNDECODABLE` when the body as a whole is not sound."""
    if body.lstrip(_JSON_SPACE)[:1] != b"[":
        return [body]
    events = _ARRAY.decode(body)
    if len(events) > MAX_EVENTS:
        raise ValueError(f"the array has more than {MAX_EVENTS} events")
    return [bytes(event) for event in events]


def _changes(event: bytes, account: Account, received_at: Instant) -> Iterable[Change]:
    """The changes of one event. Raises one of `_UNDECODABLE`; then none of them counts."""
    kind = _KIND.decode(event).type
    _STRICT.decode(event.decode())
    if kind == "deal.changed":
        deal = _DEAL_CHANGED.decode(event)
        return _deal(deal.data, event_time(deal.timestamp, received_at), account)
    if kind == "task.changed":
        task = _TASK_CHANGED.decode(event)
        return _task(task.data, event_time(task.timestamp, received_at))
    if kind in _DELETIONS:
        gone = _DELETED.decode(event)
        version = event_time(gone.timestamp, received_at)
        return (Change(_DELETIONS[kind], identifier(gone.data.id), version, deleted=True),)
    return ()


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> None:
    """Raise `ValueError` for an object that gives a key twice, which msgspec, like most, lets pass."""
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("an object gives one key twice")


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_refuse_repeated_keys)
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
