"""The interface of a CRM's adapter, which translates a vendor's format into the words of `service.model`."""

from __future__ import annotations

import base64
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final, Literal, Protocol, TypeAlias

from service.adapters.api import Api
from service.config import Account, Language, Options, Secret, is_one_of
from service.model import SECOND, Decoded, Head, Instant, Micros, Request

TOLERANCE: Final = Micros(300 * SECOND)
"""How far the signed time of an attempt may lie before or after the time received."""

MIN_SECRET: Final = 16
"""Characters of the shortest secret that an operator may choose. 16 random ones cannot be found at any pace
at which a service answers. The brake does not keep a shorter one, because a right proof is never braked."""

Cause: TypeAlias = Literal["headers", "stale", "signature", "token", "account"]
"""Why a request is not authentic. For the metrics and the board, never for the sender."""


class NotAuthentic(Exception):
    """The request does not prove that it comes from the account's CRM."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause: Cause = cause


class Adapter(Protocol):
    """One CRM kind. An adapter subclasses it; it is stateless, and every method is pure.

    Args:
        kind: The account's `crm` in the configuration.
        content_types: Media types that it takes, in lower case, without parameters.
        kept_headers: Headers that `decode` reads, in lower case; they are stored with the body. Never a
            secret.
        options: The struct of the account's table that is named after the kind.
        api: What the CRM can be asked; None for one that is never asked.
    """

    kind: str
    content_types: frozenset[str]
    kept_headers: frozenset[str] = frozenset()
    options: type[Options] = Options
    api: Api | None = None

    def check_secret(self, secret: str) -> None:
        """Return if the secret has the CRM's form, and, where the operator chooses it, is long enough. Raises
        `ValueError`, which says what is expected."""
        return

    def secret_of(self, chance: bytes) -> str | None:
        """A webhook secret of the CRM's form, made of random bytes; None: the CRM makes it."""
        return None

    def check(self, account: Account) -> None:
        """Return if the account can work. Raises `ValueError`, which says what is missing."""
        return

    def posting_address(self, address: str) -> str:
        """The address to give the CRM, where `address` is that of the account's webhooks. A secret that is a
        part of it is named by its key, never by its value."""
        return address

    @abstractmethod
    def steps(self, account: Account, language: Language) -> Sequence[str]:
        """What a person does in the CRM so that it posts its webhooks to `posting_address`: short steps in
        their order, which call it the address. They name the secret by its key, never by its value."""

    @abstractmethod
    def admit(self, head: Head, account: Account, now: Instant) -> bool:
        """Whether the head of a request proves that its sender has one of the account's secrets. False: only
        the body can prove it.

        It is asked before the body is read, so that strangers cost nothing where the head tells them apart,
        and of a signature, whether one is there, of the right form and within the tolerance.

        Raises:
            NotAuthentic: Whatever the body, `authenticate` would refuse the request.
        """

    @abstractmethod
    def authenticate(self, request: Request, account: Account) -> None:
        """Return if the request comes from the account's CRM (SPEC section 6); begins with `admit`.

        Where the head proves nothing, it does a bounded amount of work for a stranger: a signature over the
        body, or a bounded search in it, and never a whole body parsed.

        Raises:
            NotAuthentic: It does not, or does not prove it. Nothing else is ever raised, whatever the
                request.
        """

    def without_secrets(self, body: bytes) -> bytes:
        """An authentic body without the secrets that the CRM put into it, for the ledger to store. What
        `decode` reads stays, apart from what only the key follows from."""
        return body

    @abstractmethod
    def decode(self, request: Request, account: Account) -> Decoded:
        """What the body says. Reads the body, the kept headers and `received_at`, and nothing else of the
        request.

        Total: what cannot be decoded becomes a `Rejection`. Repeatable: the same stored delivery gives the
        same changes at any time. What the body leaves out and the API can tell becomes a `Need`.
        """


def check_chosen(secret: str) -> None:
    """Return if a secret that the operator chose is long enough. Raises `ValueError`, which says how to make
    one."""
    if len(secret) < MIN_SECRET:
        make = "python3 -c 'import secrets; print(secrets.token_urlsafe(24))'"
        raise ValueError(f"expected at least {MIN_SECRET} characters, hard to guess; to make some: {make}")


def chosen_secret(chance: bytes) -> str:
    """A secret for `check_chosen`, made of random bytes."""
    return base64.urlsafe_b64encode(chance).rstrip(b"=").decode()


def is_secret(given: str | bytes, secrets: Iterable[Secret]) -> bool:
    """Whether `given` is one of the account's secrets; see `is_one_of`."""
    return is_one_of(given, (secret.value for secret in secrets))


def check_signed_time(digits: str, unit: Micros, received_at: Instant) -> None:
    """Return if a signed time, in units since 1970, is within `TOLERANCE` of the time received.

    Raises:
        NotAuthentic: The cause is `stale`, or `headers` if it is no time at all.
    """
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise NotAuthentic("headers")
    if abs(received_at - int(digits) * unit) > TOLERANCE:
        raise NotAuthentic("stale")
