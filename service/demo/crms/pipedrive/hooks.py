"""Pipedrive's registered webhooks: their fields in the API, and the rules that ban and delete them.

Sources: Pipedrive's OpenAPI of v1 (`/webhooks`), and its guide for webhooks v2.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from service.demo.crms.pipedrive.lists import Invalid
from service.demo.crms.pipedrive.records import ADMIN, Json, rfc3339
from service.demo.crms.pipedrive.webhooks import COMPANY

BAN: Final = 1800.0
"""Seconds of a ban."""

FAILURES: Final = 10
"""First attempts that fail, until a webhook is banned."""

DELETED_AFTER: Final = 3 * 86_400
"""Seconds without a success, after which a webhook is deleted."""

MOST_HOOKS: Final = 40

_ACTIONS: Final = frozenset({"create", "change", "delete", "*"})
_OBJECTS: Final = frozenset(
    {
        "activity",
        "deal",
        "lead",
        "note",
        "organization",
        "person",
        "pipeline",
        "product",
        "stage",
        "user",
        "*",
    }
)


@dataclass
class Hook:
    """A registered webhook.

    Args:
        fields: By the API's names.
        since: When it was registered, or last succeeded.
        failures: How many first attempts have failed since the last ban.
        banned_until: When its ban ends, or ended.
    """

    fields: Json
    since: float
    failures: int = 0
    banned_until: float = 0.0

    @classmethod
    def made(
        cls,
        id: int,
        url: str,
        action: str,
        entity: str,
        version: str,
        user: str | None,
        password: str | None,
        name: str,
        now: float,
    ) -> Self:
        """A new webhook."""
        fields: Json = {
            "id": id,
            "company_id": COMPANY,
            "owner_id": ADMIN,
            "user_id": ADMIN,
            "event_action": action,
            "event_object": entity,
            "subscription_url": url,
            "version": version,
            "is_active": 1,
            "add_time": rfc3339(int(now)),
            "remove_time": None,
            "type": "general",
            "http_auth_user": user,
            "http_auth_password": password,
            "remove_reason": None,
            "last_delivery_time": None,
            "last_http_status": None,
            "admin_id": ADMIN,
            "name": name,
        }
        return cls(fields, now)

    @property
    def query(self) -> Mapping[str, str]:
        """The query of its address."""
        return dict(parse_qsl(urlsplit(str(self.fields["subscription_url"])).query))

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of its requests: HTTP Basic, where it was registered with a user."""
        headers = {"content-type": "application/json", "user-agent": "Pipedrive Webhooks"}
        user, password = self.fields["http_auth_user"], self.fields["http_auth_password"]
        if user is None:
            return headers
        proof = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
        return {**headers, "authorization": f"Basic {proof}"}

    def posts(self, now: float) -> bool:
        """Whether it is neither banned nor deleted by the vendor."""
        return now >= self.banned_until and self.fields["is_active"] == 1

    def is_subscribed_to(self, action: str, entity: str) -> bool:
        """Whether it is subscribed to such events."""
        return self.fields["event_action"] in (action, "*") and self.fields["event_object"] in (entity, "*")

    def answered(self, attempt: int, status: int | None, now: float) -> None:
        """Ten first attempts that fail ban it for half an hour; three days without a success delete it."""
        self.fields |= {"last_delivery_time": rfc3339(int(now)), "last_http_status": status}
        if status is not None and 200 <= status < 300:
            self.since = now
            return
        self.failures += attempt == 0
        if self.failures >= FAILURES:
            self.failures, self.banned_until = 0, now + BAN
        if now - self.since >= DELETED_AFTER:
            self.fields |= {
                "is_active": 0,
                "remove_time": rfc3339(int(now)),
                "remove_reason": "no success in 3 days",
            }


def requested(body: bytes) -> Mapping[str, Any]:
    """The checked fields of a request to register a webhook. Raises `Invalid`."""
    try:
        asked = json.loads(body)
    except ValueError:
        raise Invalid("the body is not JSON") from None
    needed = {"subscription_url", "event_action", "event_object", "name"}
    known = needed | {"user_id", "http_auth_user", "http_auth_password", "version"}
    if not isinstance(asked, dict) or needed - set(asked) or set(asked) - known:
        raise Invalid(f"needed are {sorted(needed)}, known {sorted(known)}")
    if not str(asked["subscription_url"]).startswith(("https://", "http://")):
        raise Invalid("subscription_url is no address")
    if asked["event_action"] not in _ACTIONS or asked["event_object"] not in _OBJECTS:
        raise Invalid(f"there are no events {asked['event_action']}.{asked['event_object']}")
    if asked.get("version", "2.0") not in ("1.0", "2.0"):
        raise Invalid(f"there is no version {asked['version']}")
    return asked
