"""Standard Webhooks signatures (spec 1.0.0, symmetric scheme `v1`): HMAC-SHA256 over `id.timestamp.body`.

The `standardwebhooks` library defines the scheme, and the tests compare this module with it in both
directions. Its `verify` is not used, for four reasons: it reads the wall clock, while here the time comes
with the request; it decodes the body first and fails for a genuine body that is not UTF-8, which SPEC section
4 wants in quarantine; it takes one secret; and for a signature without a comma, or with bad base64, it raises
errors of other types than its own. Its `sign` takes the body as text too.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from service.adapters.protocol import NotAuthentic, check_signed_time
from service.config import Secret, is_one_of
from service.model import SECOND, Head, Instant, Request

_Names: TypeAlias = tuple[str, str, str]
"""The names of the headers that have the id, the time and the signatures."""

_SCHEME: Final[_Names] = ("webhook-id", "webhook-timestamp", "webhook-signature")
_SVIX: Final[_Names] = ("svix-id", "svix-timestamp", "svix-signature")
"""As Svix sends them unless it is told otherwise (docs.svix.com/receiving/verifying-payloads/how-manual). The
signatures are the same."""

ID_HEADERS: Final = frozenset({_SCHEME[0], _SVIX[0]})
"""The headers with the id."""

MAX_SIGNATURES: Final = 16
"""Signatures of one request that are compared. While a secret is rotated there are two."""

_LONGEST: Final = 4096
"""Characters of a signature header, with signatures of other schemes in it."""

_FORMED: Final = re.compile("(?<![^ ])v1,[A-Za-z0-9+/]{43}=(?![^ ])")
"""A signature of the right form between spaces."""

_MIN_KEY: Final = 16


def check_secret(secret: str) -> None:
    """Return if a secret is one of Standard Webhooks. Raises `ValueError`."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or len(key) < _MIN_KEY:
        raise ValueError(f"expected whsec_ followed by at least {_MIN_KEY} bytes in base64")


def secret_of(chance: bytes) -> str:
    """A secret of Standard Webhooks, made of random bytes."""
    return f"whsec_{base64.b64encode(chance).decode()}"


def check_head(head: Head, now: Instant) -> tuple[str, list[str]]:
    """What the body is signed with: id and time as they are signed, and the signatures that have the form.

    Raises:
        NotAuthentic: The cause is `headers`, `stale` or `signature`.
    """
    headers = head.headers
    id_name, time_name, signatures_name = _names(headers)
    sent_id = headers.get(id_name, "")
    timestamp = headers.get(time_name, "")
    sent = headers.get(signatures_name, "")
    if not (sent_id and sent and sent_id.isascii()):
        raise NotAuthentic("headers")
    check_signed_time(timestamp, SECOND, now)
    signatures: list[str] = _FORMED.findall(sent[:_LONGEST])
    if not 0 < len(signatures) <= MAX_SIGNATURES:
        raise NotAuthentic("signature")
    return f"{sent_id}.{timestamp}.", signatures


def verify(request: Request, secrets: Iterable[Secret]) -> None:
    """Return if one of the request's signatures was made with one of the secrets, within the tolerance.

    Raises:
        NotAuthentic: The cause is `headers`, `stale` or `signature`.
    """
    begin, signatures = check_head(request, request.received_at)
    signed = begin.encode() + request.body
    expected = [_signature(key, signed) for secret in secrets if (key := _key(secret.value))]
    for signature in signatures:
        if is_one_of(signature, expected):
            return
    raise NotAuthentic("signature")


def _signature(key: bytes, signed: bytes) -> bytes:
    return b"v1," + binascii.b2a_base64(hmac.digest(key, signed, "sha256"), newline=False)


def message_id(head: Head) -> str:
    """The id that the signature covers; empty without one."""
    return head.headers.get(_names(head.headers)[0], "")


def _names(headers: Mapping[str, str]) -> _Names:
    """Which names count. The id decides it, so that no unsigned id is taken beside a signed one."""
    return _SCHEME if _SCHEME[0] in headers or _SVIX[0] not in headers else _SVIX


@lru_cache(maxsize=4096)  # of what the configuration holds, and nothing else
def _key(secret: str) -> bytes:
    """The key's bytes; empty, and then not used, if the secret is not base64. Padding may be left out."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_") + "==")
    except (binascii.Error, ValueError):
        return b""
