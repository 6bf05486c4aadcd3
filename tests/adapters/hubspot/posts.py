"""HubSpot's signature and events, made without the adapter's code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

from service.adapters.hubspot.options import HubSpotOptions
from service.config import Account, Api, Secret
from service.model import SECOND, Instant
from tests.adapters.posts import NOW, TOKEN, account

ADDRESS = "https://board.example/webhooks/office"
PORTAL = 4400551
OCCURRED = 1_795_420_000_000
VERSION = OCCURRED * 1000


def signed(body: bytes, address: str = ADDRESS, at: Instant = NOW, key: str = TOKEN) -> dict[str, str]:
    """The headers of version 3 of the signature."""
    timestamp = str(at * 1000 // SECOND)
    mac = hmac.new(key.encode(), f"POST{address}".encode() + body + timestamp.encode(), hashlib.sha256)
    return {
        "x-hubspot-signature-v3": base64.b64encode(mac.digest()).decode(),
        "x-hubspot-request-timestamp": timestamp,
        "host": "board.example",
    }


def event(kind: str, /, **fields: Any) -> dict[str, Any]:
    """An event about deal 42, unless fields name another record."""
    return {
        "eventId": 1,
        "subscriptionId": 2,
        "portalId": PORTAL,
        "appId": 3,
        "occurredAt": OCCURRED,
        "subscriptionType": kind,
        "attemptNumber": 0,
        **({} if {"objectId", "fromObjectId", "primaryObjectId"} & fields.keys() else {"objectId": 42}),
        **fields,
    }


def body(*events: Any) -> bytes:
    return json.dumps(events, ensure_ascii=False).encode()


def office(*secrets: str, api: bool = False, **options: Any) -> Account:
    """A HubSpot account; with `api`, one that has a token for the API."""
    made = account("hubspot", *secrets, options=HubSpotOptions(**options))
    return replace(made, api=Api(Secret("pat-na1-secret"))) if api else made
