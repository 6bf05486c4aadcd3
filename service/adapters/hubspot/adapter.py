"""The `hubspot` CRM kind: HubSpot webhooks, JSON arrays of events that say one thing each
(`deal.propertyChange`: which deal, which property, its new value).

The events are read in `hubspot_events`; what they leave out, the API is asked for (`hubspot_api`). HubSpot
promises neither order nor that an event comes once; `occurredAt` orders them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw

from service.adapters.fields import UNDECODABLE, digest, one_line
from service.adapters.hubspot.api import HubSpotApi
from service.adapters.hubspot.events import EventHead, parse_event
from service.adapters.hubspot.options import HubSpotOptions
from service.adapters.hubspot.properties import TASK_PROPERTIES, deal_properties
from service.adapters.hubspot.signature import verify_v1, verify_v3
from service.adapters.protocol import Adapter, NotAuthentic
from service.config import Account
from service.model import Change, Decoded, Need, Rejection, Request

MAX_EVENTS: Final = 1_000
"""Events in the longest array that is taken; the vendor sends fewer than 100."""

_ATTEMPT: Final = re.compile(rb'"attemptNumber"\s*:\s*[0-9]+')
"""All that differs in a body that is sent again."""

_ARRAY = msgspec.json.Decoder(list[Raw])
_HEADS = msgspec.json.Decoder(list[EventHead])


class HubSpotAdapter(Adapter):
    """HubSpot, JSON."""

    kind = "hubspot"
    content_types = frozenset({"application/json"})
    options = HubSpotOptions
    api = HubSpotApi()

    def authenticate(self, request: Request, account: Account) -> None:
        """See `Adapter`: a signature of the app's client secret; and the configured portal among those that
        the body names, for an app has one address for every portal that installs it."""
        if HubSpotOptions.of(account).signature == "v1":
            verify_v1(request, account.webhook_secrets)
        else:
            verify_v3(request, account.webhook_secrets, account.public_url)
        wanted = HubSpotOptions.of(account).account
        named = set() if wanted is None else _portals(request.body)
        if named and wanted not in named:
            raise NotAuthentic("account")

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Adapter`. Each event stands alone: what one spoils does not cost the others."""
        key = digest(_ATTEMPT.sub(b"", request.body))
        changes: list[Change] = []
        needs: list[Need] = []
        rejections: list[Rejection] = []
        try:
            events = _events(request.body)
        except UNDECODABLE as error:
            return Decoded(key, (), (Rejection(0, one_line(error)),))
        for part, event in enumerate(events):
            try:
                parsed = parse_event(event, account, request.received_at)
            except UNDECODABLE as error:
                rejections.append(Rejection(part, one_line(error)))
                continue
            changes += parsed.changes
            needs += parsed.needs
            rejections += [Rejection(part, error) for error in parsed.errors]
        return Decoded(key, tuple(changes), tuple(rejections), tuple(dict.fromkeys(needs)))

    def steps(self, account: Account, address: str) -> Sequence[str]:
        """See `Adapter`. Webhooks are the app's own settings, which no token of an account may change."""
        deal = [name for name in deal_properties(account) if not name.startswith("hs_is_closed")]
        return [
            "In HubSpot, as a super admin. An app of a project: put what follows in its file",
            "webhooks-hsmeta.json (docs/crm/hubspot.md has it whole), then: hs project upload.",
            "An old private app: Development → Legacy apps → the app → Edit app → Webhooks.",
            f"Target URL: {address}",
            "Deals: created, deleted, restored, merged, association changed, and changes of the properties",
            f"    {', '.join(deal)}",
            "Tasks: created, deleted, restored, association changed, and changes of the properties",
            f"    {', '.join(TASK_PROPERTIES)}",
            "Contacts: deleted. Companies: deleted, and changes of the property name.",
            "The webhook_secret of the configuration is the app's client secret: the app → Auth.",
        ]


def _portals(body: bytes) -> set[str]:
    """The portals that events in the body are of; none where it cannot be read, which is for `decode` to
    say."""
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
