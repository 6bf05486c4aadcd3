"""Cuts secrets out of what is stored (SPEC section 1, a delivery). Pure.

A CRM may echo a secret of the account anywhere, as amoCRM echoes the address that it posts to. So the
account's secrets are looked for in every body, whatever its format. The secrets that only the CRM knows stand
in fields that its adapter names (`Adapter.without_secrets`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from service.config import Account

CUT: Final = b"***"
"""Stands in the place of a secret."""

SHORTEST: Final = 16
"""Characters from which a secret is looked for. A shorter one could be a part of anything else in a body."""


def without_secrets(body: bytes, account: Account) -> bytes:
    """The body without the account's secrets, written as they are, as in an address, or as in JSON."""
    return without(body, forms_of(account))


def without(body: bytes, forms: Iterable[bytes]) -> bytes:
    """The body without the secrets of which these are the forms; itself if it has none."""
    for form in forms:
        body = body.replace(form, CUT)
    return body


def forms_of(account: Account) -> tuple[bytes, ...]:
    """How a body can write the secrets of an account."""
    return tuple(dict.fromkeys(form for secret in _secrets(account) for form in _forms(secret)))


def _secrets(account: Account) -> Iterator[str]:
    """The account's secrets; of `user:password`, the password too."""
    for secret in account.webhook_secrets:
        yield secret.value
        yield secret.value.partition(":")[2]
    if account.viewer_token is not None:
        yield account.viewer_token.value
    if account.api is not None:
        yield account.api.token.value


def _forms(secret: str) -> tuple[bytes, ...]:
    """How a body can write a secret; none for one that is too short."""
    if len(secret) < SHORTEST:
        return ()
    in_json = (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    written = secret, quote(secret, safe=""), quote_plus(secret), *in_json
    return tuple(dict.fromkeys(form.encode("utf-8", "replace") for form in written))
