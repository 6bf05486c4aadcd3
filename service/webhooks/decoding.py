"""Decodes an authentic request into what is stored: the request without secrets, and what that says.

What is applied is what the stored body says, so that a retry and a recomputation of the log give the same
again. The key and the content are those of the body as it was received: a repeat is known by them.
"""

from __future__ import annotations

import logging
import traceback
from typing import NamedTuple, Self

from msgspec.structs import replace

from service.adapters import ADAPTERS, Adapter
from service.adapters.cutting import forms_of, without
from service.adapters.fields import digest
from service.config import Account
from service.model import Decoded, Rejection, Request

_log = logging.getLogger(__name__)


class Sender(NamedTuple):
    """Who posts an account's webhooks: what is known of it before one comes.

    Args:
        secrets: Each form in which a body could hold a secret of the account.
    """

    account: Account
    adapter: Adapter
    secrets: tuple[bytes, ...]

    @classmethod
    def of(cls, account: Account) -> Self:
        """The CRM of an account. Raises `KeyError` if there is no adapter for it."""
        return cls(account, ADAPTERS[account.crm], forms_of(account))


def decode(request: Request, sender: Sender) -> tuple[Request, Decoded]:
    """The request as which it is stored, and its content."""
    account, adapter, secrets = sender
    kept = {name: request.headers[name] for name in adapter.kept_headers if name in request.headers}
    received = Request("POST", "", {}, kept, request.body, request.received_at)
    headers = {name: _cut(value, secrets) for name, value in kept.items()}
    body = without(adapter.without_secrets(request.body), secrets)
    decoded = _decode(received, account, adapter)
    if body == request.body and headers == kept:
        return received, decoded
    stored = Request("POST", "", {}, headers, body, request.received_at)
    return stored, replace(_decode(stored, account, adapter), key=decoded.key, content=decoded.content)


def _cut(value: str, secrets: tuple[bytes, ...]) -> str:
    return without(value.encode("latin-1", "replace"), secrets).decode("latin-1")


def _decode(request: Request, account: Account, adapter: Adapter) -> Decoded:
    """Decode the body. Adapters never raise by contract; if one does, the delivery goes to quarantine."""
    try:
        return adapter.decode(request, account)
    except Exception as error:
        about = {"account": account.id}
        _log.error(
            "%s: the %s adapter failed: %s", account.id, adapter.kind, type(error).__name__, extra=about
        )
        error_text = f"a defect: the {adapter.kind} adapter failed"
        rejection = Rejection(0, error_text, traceback.format_exc())
        return Decoded(digest(request.body, str(request.received_at)), (), (rejection,))
