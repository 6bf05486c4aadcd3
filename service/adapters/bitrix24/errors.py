"""The errors that Bitrix24's API names in an answer's body, and what each of them means. Pure.

Source: bitrix24/b24restdocs, _includes/system-errors.md. An earlier edition of that page has other statuses
for the same errors, among them 20x; so the name counts, and not the status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.adapters.api import Verdict, busy, refused
from service.model import TroubleCode


@dataclass(frozen=True, slots=True)
class NamedError:
    """An error of a method.

    Args:
        resource: What the method was asked for.
        code: As it was sent; may be empty.
        text: The vendor's explanation.
    """

    resource: str
    code: str
    text: str

    @property
    def name(self) -> str:
        """The code in capitals, without the prefix that some of the documents leave out."""
        return self.code.upper().removeprefix("ERROR_")

    @property
    def says_none(self) -> bool:
        """Whether this is how a portal without such objects answers: leads in the simple mode of the CRM, or
        histories of stages before there were any."""
        return self.name in _NONE.get(self.resource, ())


_NONE: Final[Mapping[str, frozenset[str]]] = {
    "leads": frozenset({"NOT_FOUND"}),
    "moves": frozenset({"METHOD_NOT_FOUND"}),
    "lead_moves": frozenset({"METHOD_NOT_FOUND", "ENTITY_TYPE_NOT_SUPPORTED"}),
}

_PASSING: Final = frozenset(
    {"QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT", "INTERNAL_SERVER_ERROR", "UNEXPECTED_ANSWER"}
)
"""Those that pass by themselves."""

_REFUSALS: Final[Mapping[str, TroubleCode]] = {
    "NO_AUTH_FOUND": "api_token",
    "INVALID_CREDENTIALS": "api_token",
    "EXPIRED_TOKEN": "api_token",
    "INVALID_TOKEN": "api_token",
    "INSUFFICIENT_SCOPE": "api_forbidden",
    "ACCESS_DENIED": "api_forbidden",
    "USER_ACCESS_ERROR": "api_forbidden",
    "ALLOWED_ONLY_INTRANET_USER": "api_forbidden",
    "OVERLOAD_LIMIT": "api_forbidden",  # a block that the vendor's support set by hand
    "PAYMENT_REQUIRED": "api_unpaid",
    "METHOD_NOT_FOUND": "api_not_found",
    "PORTAL_DELETED": "api_not_found",
}
_UNPAID: Final = ("commercial plan", "subscription", "коммерческ", "подписк")
"""Words by which an `ACCESS_DENIED` says that the tariff has no API."""


def verdict_of(errors: Sequence[NamedError], status: int, wait_seconds: float | None) -> Verdict:
    """What errors mean: a refusal, if one of them is.

    Args:
        status: Decides about an error that the documents do not name.
        wait_seconds: After how long to ask again.
    """
    refusals = [code for error in errors if (code := _refusal(error, status))]
    return refused(refusals[0]) if refusals else busy(wait_seconds)


def _refusal(error: NamedError, status: int) -> TroubleCode | None:
    """The trouble that an error tells; None for one that passes by itself."""
    if error.name in _PASSING:
        return None
    if error.name == "ACCESS_DENIED" and any(word in error.text.lower() for word in _UNPAID):
        return "api_unpaid"
    known = _REFUSALS.get(error.name)
    if known is not None or status >= 500 or status == 429:
        return known
    return _BY_STATUS.get(status, "api_rejected")


_BY_STATUS: Final[Mapping[int, TroubleCode]] = {
    401: "api_token",
    402: "api_unpaid",
    403: "api_forbidden",
    404: "api_not_found",
}
