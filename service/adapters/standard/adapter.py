"""The `standard` CRM kind: JSON events signed by the Standard Webhooks scheme (SPEC section 6), the reference
format; and CloudEvents, signed in the same way.

A bad field costs its event, which then goes to quarantine whole; an event never costs its neighbours in an
array. `events` reads what an event says; `cloud_events` unpacks a CloudEvent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from service.adapters.fields import digest
from service.adapters.parsed import Parsed, parse_body
from service.adapters.protocol import Adapter
from service.adapters.standard import cloud_events
from service.adapters.standard.events import TYPES, Event, changes_of, event_of, refuse_repeated_keys
from service.adapters.standard.signature import (
    ID_HEADERS,
    check_head,
    check_secret,
    message_id,
    secret_of,
    verify,
)
from service.config import Account, Language
from service.model import ID_LENGTH, Decoded, Head, Instant, Request

MAX_EVENTS: Final = 10_000
"""Events in the longest array that is taken: as many as a body of the largest size can reasonably hold."""

_JSON_SPACE: Final = b" \t\r\n"


class _Envelope(msgspec.Struct):
    """What tells a standard event from a CloudEvent."""

    type: str | UnsetType = UNSET
    specversion: Raw | UnsetType = UNSET


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ARRAY = msgspec.json.Decoder(list[Raw])


class StandardAdapter(Adapter):
    """Standard Webhooks, JSON, with its own events or CloudEvents."""

    kind = "standard"
    content_types = frozenset({"application/json", *cloud_events.CONTENT_TYPES})
    kept_headers = ID_HEADERS

    def steps(self, account: Account, language: Language) -> Sequence[str]:
        """See `Adapter`."""
        return _STEPS[language]

    check_secret = staticmethod(check_secret)
    secret_of = staticmethod(secret_of)

    def admit(self, head: Head, account: Account, now: Instant) -> bool:
        """See `Adapter`."""
        check_head(head, now)
        return False

    def authenticate(self, request: Request, account: Account) -> None:
        """See `Adapter`: one of the signatures was made with one of the account's secrets."""
        verify(request, account.webhook_secrets)

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Adapter`. The delivery's key is the message's id, which a sender repeats with each attempt."""

        def parse(document: bytes | Raw) -> Parsed:
            event = _event(bytes(document))
            return Parsed() if event is None else Parsed(changes_of(event, account, request.received_at))

        parsed = parse_body(lambda: _documents(request.json), parse)
        return parsed.decoded(_delivery_key(request), digest(request.body))


_STEPS: Final[Mapping[Language, Sequence[str]]] = {
    "ru": (
        "Пусть ваша система шлёт на адрес события: deal.changed, deal.deleted, task.changed, task.deleted.",
        "Пусть подписывает их по Standard Webhooks секретом webhook_secret из настроек.",
        "Пример на двадцать строк — в docs/how-to/connect/standard.md.",
    ),
    "en": (
        "Have your system POST its events: deal.changed, deal.deleted, task.changed, task.deleted.",
        "Have it sign them by Standard Webhooks, with the webhook_secret of the configuration.",
        "docs/how-to/connect/standard.md has an example of twenty lines.",
    ),
}


def _delivery_key(request: Request) -> str:
    """The message's id; a digest of one that does not fit a key."""
    sent_id = message_id(request)
    if 0 < len(sent_id) <= ID_LENGTH and sent_id.isascii() and sent_id.isprintable():
        return sent_id
    return digest(sent_id.encode("utf-8", "replace"))


def _documents(body: bytes) -> Iterable[bytes | Raw]:
    """Each event's JSON. Raises one of `UNDECODABLE` when the body as a whole is not sound."""
    if body.lstrip(_JSON_SPACE)[:1] != b"[":
        return [body]
    events = _ARRAY.decode(body)
    if len(events) > MAX_EVENTS:
        raise ValueError(f"the array has more than {MAX_EVENTS} events")
    return events


def _event(document: bytes) -> Event[Any] | None:
    """The event; None for a type that the board has no use for. Raises one of `UNDECODABLE`."""
    envelope = _ENVELOPE.decode(document)
    if envelope.type in TYPES and envelope.specversion is UNSET:
        return event_of(envelope.type, document)
    refuse_repeated_keys(document)
    if envelope.specversion is not UNSET:
        return cloud_events.from_json(document)
    if envelope.type is UNSET:
        raise ValueError("the event has no type; a CloudEvent must come in structured or batch mode")
    return None


ADAPTER: Final[Adapter] = StandardAdapter()
