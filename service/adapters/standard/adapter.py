"""The `standard` CRM kind: JSON events signed by the Standard Webhooks scheme (SPEC section 6), the reference
format; and CloudEvents, signed alike.

What is not signed decides nothing: the signature covers `webhook-id`, the attempt's time and the body, so how
a body is read depends on those alone, never on the content type.

A bad field spoils its event, which is then quarantined whole; an event never spoils its neighbours in an
array. What the events say is read in `standard_events`, those of CloudEvents are unpacked in `cloud_events`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from service.adapters.fields import UNDECODABLE, digest, one_line
from service.adapters.protocol import Adapter
from service.adapters.standard import cloud_events
from service.adapters.standard.events import TYPES, Event, changes_of, refuse_repeated_keys
from service.adapters.standard.signature import check_secret, verify
from service.config import Account
from service.model import ID_LENGTH, Change, Decoded, Rejection, Request

MAX_EVENTS: Final = 10_000
"""Events in the longest array that is taken: as many as a body of the largest size can reasonably hold."""

_JSON_SPACE: Final = b" \t\r\n"


class _Envelope(msgspec.Struct):
    """What tells a standard event from a CloudEvent."""

    type: str | UnsetType = UNSET
    specversion: Raw | UnsetType = UNSET


class _Timed(msgspec.Struct):
    timestamp: str


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_TIMED = msgspec.json.Decoder(_Timed)
_ARRAY = msgspec.json.Decoder(list[Raw])


class StandardAdapter(Adapter):
    """Standard Webhooks, JSON, its own events or CloudEvents."""

    kind = "standard"
    content_types = frozenset({"application/json", *cloud_events.CONTENT_TYPES})
    kept_headers = frozenset({"webhook-id", *cloud_events.HEADERS})

    def steps(self, account: Account, address: str) -> Sequence[str]:
        """See `Adapter`."""
        del account
        return [
            f"Have the system POST its events to {address}",
            "signed by Standard Webhooks, with the webhook_secret of the configuration.",
        ]

    def check_secret(self, secret: str) -> None:
        """See `Adapter`."""
        check_secret(secret)

    def authenticate(self, request: Request, account: Account) -> None:
        """See `Adapter`: one of the signatures was made with one of the account's secrets, and covers the
        headers that will be read."""
        verify(request, account.webhook_secrets)
        cloud_events.verify_headers(request.headers)

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Adapter`. The delivery's key is its `webhook-id`, which a sender keeps over its retries."""
        key = _delivery_key(request)
        changes: list[Change] = []
        rejections: list[Rejection] = []
        try:
            parts = _parts(request)
        except UNDECODABLE as error:
            return Decoded(key, (), (Rejection(0, one_line(error)),))
        for part, document in enumerate(parts):
            try:
                event = _event(document, request.headers)
                changes += changes_of(event, account, request.received_at) if event else ()
            except UNDECODABLE as error:
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


def _parts(request: Request) -> list[bytes]:
    """Each event's document. Raises one of `UNDECODABLE` when the body as a whole is not sound."""
    if cloud_events.is_binary(request.headers) or request.body.lstrip(_JSON_SPACE)[:1] != b"[":
        return [request.body]
    events = _ARRAY.decode(request.body)
    if len(events) > MAX_EVENTS:
        raise ValueError(f"the array has more than {MAX_EVENTS} events")
    return [bytes(event) for event in events]


def _event(document: bytes, headers: Mapping[str, str]) -> Event | None:
    """The event; None for one whose type says nothing here. Raises one of `UNDECODABLE`."""
    if cloud_events.is_binary(headers):
        return cloud_events.from_headers(headers, document)
    envelope = _ENVELOPE.decode(document)
    refuse_repeated_keys(document)
    if envelope.specversion is not UNSET:
        return cloud_events.from_json(document)
    if envelope.type is UNSET:
        raise ValueError(cloud_events.UNSIGNED if "ce-type" in headers else "the event has no type")
    if envelope.type not in TYPES:
        return None
    return Event(envelope.type, _TIMED.decode(document).timestamp, document)


ADAPTER: Final[Adapter] = StandardAdapter()
