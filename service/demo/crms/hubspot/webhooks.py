"""HubSpot's webhooks about an event, and their signature.

Sources: HubSpot's guides "Webhooks", "Generic webhook subscriptions" and "Validating requests". For what they
leave open, captured deliveries: a creation comes in one batch with the changes of what was set, in any order;
an association has no `objectId`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal
from zlib import crc32

from service.demo.crms.crm import Webhook
from service.demo.crms.hubspot.records import (
    COMPANIES,
    CONTACTS,
    DEALS,
    LABELS,
    PORTAL,
    TASKS,
    AnyType,
    Json,
    as_webhook_text,
    linked,
    type_of,
)
from service.demo.office import Event, Office

APP: Final = 54321

_HEADERS: Final = {
    "content-type": "application/json",
    "user-agent": "HubSpot Connect 2.0 (namespace: webhooks)",
}
_DECODED: Final = {f"%{ord(character):02X}": character for character in ":/?@!$'()*,;"}


def signature_v3(secret: str, method: str, url: str, body: bytes, timestamp: str) -> str:
    """`X-HubSpot-Signature-v3`; some of the address's escapes are decoded first."""
    for escape, character in _DECODED.items():
        url = url.replace(escape, character)
    signed = method.encode() + url.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()


def signature_v1(secret: str, body: bytes) -> str:
    """`X-HubSpot-Signature`."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def proof_of(
    version: Literal["v1", "v3"], secret: str, url: str, body: bytes, now: float
) -> Mapping[str, str]:
    """The headers that prove who posts."""
    if version == "v1":
        return {"x-hubspot-signature": signature_v1(secret, body)}
    sent_at = str(int(now * 1000))
    signature = signature_v3(secret, "POST", url, body, sent_at)
    return {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": sent_at}


def packed(events: Iterable[Json]) -> bytes:
    """A webhook's body."""
    return json.dumps(list(events), ensure_ascii=False, separators=(",", ":")).encode()


@dataclass
class Posts:
    """Makes webhooks of events. Tasks have generic events (`object.*`) only."""

    office: Office
    portal: int = PORTAL
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def webhook(self, event: Event) -> Webhook | None:
        """One webhook about all that an event changed; None where the app has subscribed to none of it."""
        kind = type_of(event.after)
        bodies = [self._body(kind, event, happening, own) for happening, own in self._happened(kind, event)]
        bodies.sort(key=lambda body: crc32(repr(body).encode()))
        return Webhook((event,), _HEADERS, {}, packed(bodies)) if bodies else None

    def merged(self, kind: AnyType, own: Json) -> Webhook:
        """The webhook about a merge."""
        body = self._common(kind, f"{kind.singular}.merge", int(self.office.now()), own)
        return Webhook((), _HEADERS, {}, packed([body]))

    def _happened(self, kind: AnyType, event: Event) -> Iterator[tuple[str, Json]]:
        """What happened: the last part of every subscription's name, and the fields that only it has."""
        if event.kind in ("deleted", "restored"):
            yield ("deletion" if event.kind == "deleted" else "restore"), {"changeFlag": event.kind.upper()}
            return
        if event.before is None:
            yield "creation", {"changeFlag": "CREATED" if kind is TASKS else "NEW"}
        for name in kind.subscribed:
            old = None if event.before is None else kind.value(event.before, name)
            new = kind.value(event.after, name)
            if old != new:
                yield "propertyChange", {"propertyName": name, "propertyValue": as_webhook_text(new)}
        for to in (DEALS, CONTACTS, COMPANIES):
            old_end = None if event.before is None else linked(self.office, event.before, to)
            new_end = linked(self.office, event.after, to)
            if old_end != new_end:
                for end, removed in ((old_end, True), (new_end, False)):
                    if end is not None:
                        yield "associationChange", self._association(kind, event.id, to, end, removed)

    def _association(self, kind: AnyType, id: int, to: AnyType, end: int, removed: bool) -> Json:
        body: Json = {
            "associationType": f"{kind.singular}_TO_{to.singular}".upper(),
            "fromObjectId": id,
            "toObjectId": end,
            "associationRemoved": removed,
            "isPrimaryAssociation": to is COMPANIES,
        }
        if kind is TASKS:
            body["associationTypeId"] = LABELS[kind.singular, to.singular][0][0]
            body["associationCategory"] = "HUBSPOT_DEFINED"
            body["fromObjectTypeId"], body["toObjectTypeId"] = kind.id, to.id
        return body

    def _body(self, kind: AnyType, event: Event, happening: str, own: Json) -> Json:
        """One event of a webhook: the common fields, those of its form, and its own."""
        generic = kind is TASKS
        subscription = f"{'object' if generic else kind.singular}.{happening}"
        body = self._common(kind, subscription, event.at, own)
        if happening != "associationChange":
            body["objectId"] = event.id
        if generic:
            body["sourceId"] = "userId:98499705"
            body |= {} if happening == "associationChange" else {"objectTypeId": kind.id}
            body |= {"isSensitive": False} if happening == "propertyChange" else {}
        return body

    def _common(self, kind: AnyType, subscription: str, at: int, own: Json) -> Json:
        """The fields of every event, and its own."""
        return {
            "eventId": crc32(str(next(self.numbers)).encode()),
            "subscriptionId": crc32(f"{kind.id} {subscription} {own.get('propertyName')}".encode()) % 10**7,
            "portalId": self.portal,
            "appId": APP,
            "occurredAt": at * 1000,
            "subscriptionType": subscription,
            "attemptNumber": 0,
            "changeSource": "CRM_UI",
            **own,
        }
