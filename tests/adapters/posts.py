"""Accounts, requests and moments for the webhook tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from standardwebhooks import Webhook

from service.adapters import ADAPTERS
from service.config import Account, Options, Secret, zone
from service.model import SECOND, Instant, Request, later

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_KEY = "whsec_cmljaHRlLWdlaGVpbS1idXQtbm90LXRoaXMtb25l"
TOKEN = "long-and-random-9f2c"


def utc(text: str) -> Instant:
    """`2026-11-23 10:00:00.5` in UTC."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return later(Instant(int(moment.timestamp()) * SECOND), moment.microsecond)


NOW = utc("2026-11-23 10:00:00.123456")


def account(crm: str, *secrets: str, options: Options | None = None) -> Account:
    """An account with the secrets, or with the one that the CRM kind's requests here are made with."""
    return Account(
        id="office",
        title="Office",
        crm=crm,
        webhook_secrets=tuple(map(Secret, secrets or (KEY if crm == "standard" else TOKEN,))),
        zone=zone("Europe/Moscow"),
        currency="RUB",
        language="ru",
        options=options or ADAPTERS[crm].options(),
    )


def post(
    body: bytes,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    received_at: Instant = NOW,
) -> Request:
    """A request to the office's webhook."""
    return Request("POST", "/webhooks/office", query or {}, headers or {}, body, received_at)


def signed(body: str, message_id: str = "msg_1", at: Instant = NOW, key: str = KEY) -> dict[str, str]:
    """The headers that the library's signer makes for a body."""
    moment = datetime.fromtimestamp(at // SECOND, UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at // SECOND),
        "webhook-signature": Webhook(key).sign(message_id, moment, body),
    }
