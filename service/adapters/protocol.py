"""What a CRM's adapter is: the one interface between a vendor's format and the words of `service.model`."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, TypeAlias

from service.adapters.api import Api
from service.config import Account, Secret
from service.model import Decoded, Request

Cause: TypeAlias = Literal["headers", "stale", "signature", "token", "account"]
"""Why a request is not authentic. For metrics only; the sender is never told."""


class NotAuthentic(Exception):
    """The request does not prove that it comes from the account's CRM."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause: Cause = cause


class Adapter(Protocol):
    """One CRM kind. Stateless; every method is pure."""

    @property
    def kind(self) -> str:
        """The account's `crm` in the configuration."""
        ...

    @property
    def content_types(self) -> frozenset[str]:
        """Media types that are taken, in lower case, without parameters."""
        ...

    @property
    def kept_headers(self) -> frozenset[str]:
        """Headers that `decode` reads, in lower case; they are stored with the body. Never a secret."""
        ...

    @property
    def api(self) -> Api | None:
        """What the CRM can be asked for; None for one that only tells."""
        ...

    def steps(self, account: Account, address: str) -> Sequence[str]:
        """What somebody does in the CRM, a line each, to have it post its webhooks to an address. Names the
        secret by its key, never by its value."""
        ...

    def authenticate(self, request: Request, account: Account) -> None:
        """Return if the request comes from the account's CRM (SPEC section 6).

        Raises:
            NotAuthentic: It does not, or does not prove it. Nothing else is ever raised, whatever the
            request.
        """
        ...

    def decode(self, request: Request, account: Account) -> Decoded:
        """What the body says. Reads the body, the kept headers and `received_at`, and nothing else of the
        request.

        Total: what cannot be decoded becomes a `Rejection`. Repeatable: the same stored delivery gives the
        same changes at any time. What the body leaves out and the API can tell becomes a `Need`.
        """
        ...


def is_secret(given: bytes, secrets: Iterable[Secret]) -> bool:
    """Whether `given` is one of the secrets; takes as long whichever it is, or none. An empty one never
    matches."""
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(given, secret.value.encode()) and bool(given)
    return found
