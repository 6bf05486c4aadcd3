"""HubSpot's webhook signatures: version 3, and version 1 for an app that sends nothing newer.

Source: developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation.
Version 3 is HMAC-SHA256 in base64 over method, address, body and time. Version 1 is SHA-256 in hex over
secret and body. It does not cover a time, so an old request passes; the ledger then finds that it is a
duplicate.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Final

from service.adapters.protocol import NotAuthentic, check_signed_time
from service.config import Secret, is_one_of
from service.model import SECOND, Head, Instant, Micros, Request

_MILLISECOND: Final = Micros(SECOND // 1000)
_SIGNED_DECODED: Final = re.compile("%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
"""The escapes that HubSpot decodes in the address before it signs it."""

_BASE64: Final = re.compile("[A-Za-z0-9+/]{43}=")
_HEX: Final = re.compile("[0-9a-f]{64}")


def check_head_v3(head: Head, now: Instant) -> tuple[str, str]:
    """The signature of version 3, which has the form of one, and the time that it covers, which is within the
    tolerance.

    Raises:
        NotAuthentic: The cause is `headers`, `stale` or `signature`.
    """
    signature = head.headers.get("x-hubspot-signature-v3", "")
    timestamp = head.headers.get("x-hubspot-request-timestamp", "")
    if not signature:
        raise NotAuthentic("headers")
    check_signed_time(timestamp, _MILLISECOND, now)
    if not _BASE64.fullmatch(signature):
        raise NotAuthentic("signature")
    return signature, timestamp


def check_head_v1(head: Head) -> str:
    """The signature of version 1, which has the form of one.

    Raises:
        NotAuthentic: The cause is `headers` or `signature`.
    """
    signature = head.headers.get("x-hubspot-signature", "")
    if not signature:
        raise NotAuthentic("headers")
    if not _HEX.fullmatch(signature):
        raise NotAuthentic("signature")
    return signature


def verify_v3(request: Request, secrets: Iterable[Secret], public_url: str | None) -> None:
    """Return if `X-HubSpot-Signature-v3` was made with one of the secrets, within the tolerance.

    Args:
        public_url: The address under which HubSpot reaches the service; None: taken from the request's
            headers.

    Raises:
        NotAuthentic: The cause is `headers`, `stale` or `signature`.
    """
    signature, timestamp = check_head_v3(request, request.received_at)
    called = f"{request.method}{address(request, public_url)}".encode("utf-8", "replace")
    signed = called + request.body + timestamp.encode()
    digests = (hmac.digest(secret.value.encode(), signed, "sha256") for secret in secrets)
    _match(signature, map(base64.b64encode, digests))


def verify_v1(request: Request, secrets: Iterable[Secret]) -> None:
    """Return if `X-HubSpot-Signature` was made with one of the secrets.

    Raises:
        NotAuthentic: The cause is `headers` or `signature`.
    """
    signature = check_head_v1(request)
    digests = (hashlib.sha256(secret.value.encode() + request.body) for secret in secrets)
    _match(signature, (digest.hexdigest().encode() for digest in digests))


def address(request: Request, public_url: str | None) -> str:
    """The address that HubSpot called, in the form in which it signs it.

    Without `public_url` the scheme is `X-Forwarded-Proto`, else https, because HubSpot calls no other.
    """
    if public_url is None:
        scheme = _first(request.headers.get("x-forwarded-proto", "")) or "https"
        host = _first(request.headers.get("x-forwarded-host", "")) or request.headers.get("host", "")
        public_url = f"{scheme}://{host}{request.root_path}"
    query = f"?{request.query_string}" if request.query_string else ""
    called = _SIGNED_DECODED.sub(lambda escape: chr(int(escape[0][1:], 16)), request.path + query)
    return public_url.rstrip("/") + called


def _first(header: str) -> str:
    """The value that the proxy nearest to the sender wrote."""
    return header.partition(",")[0].strip()


def _match(signature: str, expected: Iterable[bytes]) -> None:
    """Raise `NotAuthentic` unless the signature is one of those expected."""
    if not is_one_of(signature, expected):
        raise NotAuthentic("signature")
