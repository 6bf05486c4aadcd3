"""The `hubspot` CRM kind: HubSpot webhooks, JSON arrays of events about one thing each
(`deal.propertyChange`: a deal, a property, its new value).

`events` reads the events; `api` asks for what they leave out. HubSpot may send events in any order and more
than once; their `occurredAt` orders them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Raw

from service.adapters.fields import UNDECODABLE, digest
from service.adapters.hubspot.api import HubSpotApi
from service.adapters.hubspot.events import EventHead, parse_event
from service.adapters.hubspot.options import HubSpotOptions
from service.adapters.hubspot.properties import TASK_PROPERTIES, deal_properties
from service.adapters.hubspot.signature import check_head_v1, check_head_v3, verify_v1, verify_v3
from service.adapters.parsed import parse_body
from service.adapters.protocol import Adapter, NotAuthentic
from service.config import Account, Language
from service.model import Decoded, Head, Instant, Request

MAX_EVENTS: Final = 1_000
"""Events in the longest array that is accepted; HubSpot sends fewer than 100."""

_ATTEMPT: Final = re.compile(rb'"attemptNumber"\s*:\s*[0-9]+')
"""The only part that differs when HubSpot sends a body again."""

_ARRAY = msgspec.json.Decoder(list[Raw])
_HEADS = msgspec.json.Decoder(list[EventHead])


class HubSpotAdapter(Adapter):
    """HubSpot, JSON."""

    kind = "hubspot"
    content_types = frozenset({"application/json"})
    options = HubSpotOptions
    api = HubSpotApi()

    def admit(self, head: Head, account: Account, now: Instant) -> bool:
        """See `Adapter`."""
        if HubSpotOptions.of(account).signature == "v1":
            check_head_v1(head)
        else:
            check_head_v3(head, now)
        return False

    def authenticate(self, request: Request, account: Account) -> None:
        """See `Adapter`: a signature made with the app's client secret. The configured portal must be among
        those in the body, because an app has one address for all portals that install it."""
        if HubSpotOptions.of(account).signature == "v1":
            verify_v1(request, account.webhook_secrets)
        else:
            verify_v3(request, account.webhook_secrets, account.public_url)
        portal = HubSpotOptions.of(account).account
        senders = set() if portal is None else _portals(request.json)
        if senders and portal not in senders:
            raise NotAuthentic("account")

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Adapter`. Each event stands alone."""
        parsed = parse_body(
            lambda: _events(request.json), lambda event: parse_event(event, account, request.received_at)
        )
        return parsed.decoded(digest(_ATTEMPT.sub(b"", request.body)))

    def steps(self, account: Account, language: Language) -> Sequence[str]:
        """See `Adapter`. Webhooks are settings of the app, which no token of an account may change."""
        deals, tasks = ", ".join(deal_properties(account)), ", ".join(TASK_PROPERTIES)
        return [step.format(deals=deals, tasks=tasks) for step in _STEPS[language]]


_STEPS: Final[Mapping[Language, Sequence[str]]] = {
    "ru": (
        "Под суперадминистратором. Приложение проекта: файл webhooks-hsmeta.json, затем hs project upload.",
        "Или старое частное приложение: Development → Legacy apps → приложение → Edit app → Webhooks.",
        "Target URL: адрес.",
        "Сделки: created, deleted, restored, merged, association changed и изменения свойств {deals}.",
        "Задачи: created, deleted, restored, association changed и изменения свойств {tasks}.",
        "Контакты: deleted, merged. Компании: deleted, merged и изменения свойства name.",
        "webhook_secret — client secret приложения (приложение → Auth).",
        "Файл целиком: docs/how-to/connect/hubspot.md.",
    ),
    "en": (
        "As a super admin. An app of a project: its file webhooks-hsmeta.json, then hs project upload.",
        "Or an old private app: Development → Legacy apps → the app → Edit app → Webhooks.",
        "Target URL: the address.",
        "Deals: created, deleted, restored, merged, association changed, and changes of {deals}.",
        "Tasks: created, deleted, restored, association changed, and changes of {tasks}.",
        "Contacts: deleted, merged. Companies: deleted, merged, and changes of the property name.",
        "webhook_secret is the app's client secret (the app → Auth).",
        "docs/how-to/connect/hubspot.md has the whole file.",
    ),
}


def _portals(body: bytes) -> set[str]:
    """The portals of the body's events; none for a body that cannot be read, which `decode` then rejects."""
    try:
        return {str(head.portal_id) for head in _HEADS.decode(body) if head.portal_id is not None}
    except UNDECODABLE:
        return set()


def _events(body: bytes) -> list[Raw]:
    events = _ARRAY.decode(body)
    if not events:
        raise ValueError("the body holds no events")
    if len(events) > MAX_EVENTS:
        raise ValueError(f"the array has more than {MAX_EVENTS} events")
    return events


ADAPTER: Final[Adapter] = HubSpotAdapter()
