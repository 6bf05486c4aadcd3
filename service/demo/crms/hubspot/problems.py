"""HubSpot's errors, by its guide "Error handling"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.demo.crms.hubspot.records import Json

CATEGORIES: Final = {
    400: "VALIDATION_ERROR",
    401: "INVALID_AUTHENTICATION",
    403: "MISSING_SCOPES",
    404: "OBJECT_NOT_FOUND",
}
UNKNOWN_TOKEN: Final = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
    "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)


def not_found(message: str, context: Mapping[str, object]) -> Json:
    """The error of a batch for records, or links, that do not exist."""
    return {"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": context}
