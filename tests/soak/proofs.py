"""Webhooks of every CRM with a right proof, and the accounts that they are for."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from service.adapters import ADAPTERS
from service.adapters.hubspot.options import HubSpotOptions
from service.config import Account, Api, Secret
from service.model import SECOND, Instant, Request
from tests.adapters.hubspot import posts as hubspot
from tests.adapters.posts import KEY, TOKEN, account

KINDS: Final = tuple(sorted(ADAPTERS))
SAMPLES: Final = Path(__file__).parents[1] / "adapters"
RATES: Final = {"USD": Decimal("92.50"), "EUR": Decimal(999_999_999), "JPY": Decimal("0.000000001")}
ORIGIN: Final = "https://board.example"


@dataclass(frozen=True, slots=True)
class Post:
    """A webhook. `account` is the kind of its CRM."""

    account: str
    headers: Mapping[str, str]
    query: str
    body: bytes

    def request(self, received_at: Instant) -> Request:
        """The request as which an adapter gets it."""
        path = f"/webhooks/{self.account}"
        return Request("POST", path, {}, self.headers, self.body, received_at, self.query)


def accounts() -> dict[str, Account]:
    """An account of each CRM, by its kind."""
    made = {}
    for kind in KINDS:
        secret = {"standard": KEY, "pipedrive": f"user:{TOKEN}"}.get(kind, TOKEN)
        options = HubSpotOptions(reason_field="closed_lost_reason") if kind == "hubspot" else None
        api = Api(Secret("token"), "https://crm.example") if ADAPTERS[kind].api else None
        own = account(kind, secret, options=options)
        made[kind] = replace(own, id=kind, rates=RATES, public_url=ORIGIN, api=api)
    return made


def samples(kind: str) -> list[bytes]:
    """The sound bodies of a kind."""
    return [path.read_bytes() for path in sorted((SAMPLES / kind / "samples").iterdir())]


def proven(kind: str, body: bytes, number: int, at: Instant) -> Post:
    """A webhook that proves that it comes from its account's CRM, posted at a moment."""
    headers = {"content-type": min(ADAPTERS[kind].content_types)}
    query = ""
    if kind == "standard":
        headers |= _standard(body, f"msg_{number}", at)
    elif kind == "amocrm":
        query = f"token={TOKEN}"
    elif kind == "bitrix24":
        others = [field for field in body.split(b"&") if b"application_token" not in field]
        body = b"&".join([*others, f"auth[application_token]={TOKEN}".encode()])
    elif kind == "hubspot":
        headers |= hubspot.signed(body, f"{ORIGIN}/webhooks/{kind}", at)
    else:
        headers["authorization"] = f"Basic {base64.b64encode(f'user:{TOKEN}'.encode()).decode()}"
    return Post(kind, headers, query, body)


def _standard(body: bytes, message_id: str, at: Instant) -> dict[str, str]:
    """The headers of Standard Webhooks; the library's signer takes text alone."""
    sent_at = str(at // SECOND)
    key = base64.b64decode(KEY.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(mac).decode()}"
    return {"webhook-id": message_id, "webhook-timestamp": sent_at, "webhook-signature": signature}
