"""The options of an amoCRM account."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from service.config import NamedUsers, zone


class AmoCRMOptions(NamedUsers, frozen=True):
    """`[accounts.amocrm]`.

    Args:
        account: The `account[id]` or `account[subdomain]` that deliveries must come from. Left out: not
            checked.
        reason_field: Name or id of the lead's custom field that carries the loss reason. Left out: the API
            is asked.
        timezone: The zone of due times that amoCRM sends without one.
    """

    account: str | None = None
    reason_field: str | None = None
    timezone: ZoneInfo = zone("UTC")
