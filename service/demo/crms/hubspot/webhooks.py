"""What HubSpot posts about an event, and how it signs it.

Sources: HubSpot's guides "Webhooks", "Generic webhook subscriptions" and "Validating requests". For what they
leave open, captured deliveries: a creation comes in one batch with the changes of what was set, in any order;
an association has no `objectId`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final
from zlib import crc32

from service.demo.crms.crm import Webhook
from service.demo.crms.hubspot.records import (
    COMPANIES,
    CONTACTS,
    DEALS,
    LABELS,
    TASKS,
    AnyType,
    Json,
    linked,
    told_by_webhook,
    type_of,
)
from service.demo.office import Event, Office

PORTAL: Final = 62515
APP: Final = 54321
MOST_EVENTS: Final = 99
"""Events in one delivery: fewer than 100."""

_HEADERS: Final = {
    "content-type": "application/json",
    "user-agent": "HubSpot Connect 2.0 (namespace: webhooks)",
}
_DECODED: Final = {f"%{ord(each):02X}": each for each in ":/?@!$'()*,;"}


def signature_v1(secret: str, body: bytes) -> str:
    """`X-HubSpot-Signature` of version v1."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def signature_v3(secret: str, method: str, url: str, body: bytes, timestamp: str) -> str:
    """`X-HubSpot-Signature-v3`; some of the address's escapes are decoded first."""
    for escape, character in _DECODED.items():
        url = url.replace(escape, character)
    signed = method.encode() + url.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()


def packed(told: Iterable[Json]) -> bytes:
    """A delivery's body."""
    return json.dumps(list(told), ensure_ascii=False, separators=(",", ":")).encode()


def batched(webhooks: Iterable[Webhook]) -> list[Webhook]:
    """The same events, told in as few deliveries as HubSpot may make of them."""
    told = [
        (event, each) for webhook in webhooks for event in webhook.events for each in json.loads(webhook.body)
    ]
    return [
        Webhook(
            tuple(dict.fromkeys(event for event, _ in part)), _HEADERS, {}, packed(each for _, each in part)
        )
        for part in (told[start : start + MOST_EVENTS] for start in range(0, len(told), MOST_EVENTS))
    ]


@dataclass
class Posts:
    """Makes webhooks of events.

    Args:
        generic: Whether deals and clients are told of by `object.*` events; else by `deal.*`, `contact.*` and
            `company.*`. Tasks have generic events only.
        one_event_id: Whether all events have the same `eventId`, which need not be unique.
    """

    office: Office
    generic: bool
    one_event_id: bool = False
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def webhook(self, event: Event) -> Webhook | None:
        """One delivery of all that an event changed; None where the app has subscribed to nothing of it."""
        kind = type_of(event.after)
        told = [self._told(kind, event, happening, own) for happening, own in self._happened(kind, event)]
        told.sort(key=lambda each: crc32(repr(each).encode()))
        return Webhook((event,), _HEADERS, {}, packed(told)) if told else None

    def _is_generic(self, kind: AnyType) -> bool:
        return self.generic or kind is TASKS

    def _happened(self, kind: AnyType, event: Event) -> Iterator[tuple[str, Json]]:
        """What happened: the end of each subscription's name, and the fields that it alone has."""
        if event.kind in ("deleted", "restored"):
            yield ("deletion" if event.kind == "deleted" else "restore"), {"changeFlag": event.kind.upper()}
            return
        if event.before is None:
            yield "creation", {"changeFlag": "CREATED" if self._is_generic(kind) else "NEW"}
        for name in kind.told:
            old = None if event.before is None else kind.value(event.before, name)
            new = kind.value(event.after, name)
            if old != new:
                yield "propertyChange", {"propertyName": name, "propertyValue": told_by_webhook(new)}
        for to in (DEALS, CONTACTS, COMPANIES):
            old_end = None if event.before is None else linked(self.office, event.before, to)
            new_end = linked(self.office, event.after, to)
            if old_end != new_end:
                for end, removed in ((old_end, True), (new_end, False)):
                    if end is not None:
                        yield "associationChange", self._association(kind, event.id, to, end, removed)

    def _association(self, kind: AnyType, id: int, to: AnyType, end: int, removed: bool) -> Json:
        told: Json = {
            "associationType": f"{kind.singular}_TO_{to.singular}".upper(),
            "fromObjectId": id,
            "toObjectId": end,
            "associationRemoved": removed,
            "isPrimaryAssociation": to is COMPANIES,
        }
        if self._is_generic(kind):
            told["associationTypeId"] = LABELS[kind.singular, to.singular][0][0]
            told["associationCategory"] = "HUBSPOT_DEFINED"
            told["fromObjectTypeId"], told["toObjectTypeId"] = kind.id, to.id
        return told

    def _told(self, kind: AnyType, event: Event, happening: str, own: Json) -> Json:
        """An event of the batch: fields that all have, those of its form, and its own."""
        generic = self._is_generic(kind)
        subscription = f"{'object' if generic else kind.singular}.{happening}"
        number = next(self.numbers)
        told: Json = {
            "eventId": 100 if self.one_event_id else crc32(str(number).encode()),
            "subscriptionId": crc32(f"{kind.id} {subscription} {own.get('propertyName')}".encode()) % 10**7,
            "portalId": PORTAL,
            "appId": APP,
            "occurredAt": event.at * 1000,
            "subscriptionType": subscription,
            "attemptNumber": 0,
            "changeSource": "CRM_UI",
            **own,
        }
        if happening != "associationChange":
            told["objectId"] = event.id
        if generic:
            told["sourceId"] = "userId:98499705"
            told |= {} if happening == "associationChange" else {"objectTypeId": kind.id}
            told |= {"isSensitive": False} if happening == "propertyChange" else {}
        return told
