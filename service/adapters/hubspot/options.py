"""The options of a HubSpot account."""

from __future__ import annotations

from typing import Final, Literal

from service.config import NamedUsers

CLOSED_LOST_REASON: Final = "closed_lost_reason"
"""HubSpot's own property for the loss reason, a text."""


class HubSpotOptions(NamedUsers, frozen=True):
    """`[accounts.hubspot]`.

    Args:
        account: Id of the portal that deliveries must come from. Left out: not checked.
        reason_field: Internal name of the deal's property that carries the loss reason.
        signature: Version of the signature that requests carry.
    """

    account: str | None = None
    reason_field: str = CLOSED_LOST_REASON
    signature: Literal["v1", "v3"] = "v3"

    @property
    def names_reason_field(self) -> bool:
        """Whether the reason is in a property of the office's own: it may be a choice, or may not exist."""
        return self.reason_field != CLOSED_LOST_REASON
