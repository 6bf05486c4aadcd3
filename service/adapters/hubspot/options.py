"""The options of a HubSpot account."""

from __future__ import annotations

from typing import Literal

from service.config import NamedUsers


class HubSpotOptions(NamedUsers, frozen=True):
    """`[accounts.hubspot]`.

    Args:
        account: Id of the portal that deliveries must come from; None: not checked.
        reason_field: Internal name of the deal's property that carries the loss reason.
        signature: Version of the signature that requests carry.
    """

    account: str | None = None
    reason_field: str = "closed_lost_reason"
    signature: Literal["v1", "v3"] = "v3"
