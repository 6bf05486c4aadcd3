"""Decodes an authentic request into what is stored: the request without secrets, and what that says.

What is applied is what the stored body says, so that a retry and a recomputation of the log give the same
again. The key and the content are those of the body as it was received: a repeat is known by them.
"""

from __future__ import annotations

import logging
import traceback
from dataclasses import replace

from service.adapters import Adapter
from service.adapters.cutting import without_secrets
from service.adapters.fields import digest
from service.config import Account
from service.model import Decoded, Rejection, Request

_log = logging.getLogger(__name__)


def decode(request: Request, account: Account, adapter: Adapter) -> tuple[Request, Decoded]:
    """The request as which it is stored, and its content."""
    kept = {name: request.headers[name] for name in adapter.kept_headers if name in request.headers}
    received = Request("POST", "", {}, kept, request.body, request.received_at)
    headers = {name: _cut(value, account) for name, value in kept.items()}
    body = without_secrets(adapter.without_secrets(request.body), account)
    decoded = _decode(received, account, adapter)
    stored = replace(received, headers=headers, body=body)
    if stored == received:
        return stored, decoded
    return stored, replace(_decode(stored, account, adapter), key=decoded.key, content=decoded.content)


def _cut(value: str, account: Account) -> str:
    return without_secrets(value.encode("latin-1", "replace"), account).decode("latin-1")


def _decode(request: Request, account: Account, adapter: Adapter) -> Decoded:
    """Decode the body. Adapters never raise by contract; if one does, the delivery goes to quarantine."""
    try:
        return adapter.decode(request, account)
    except Exception as error:
        _log.error("%s: the %s adapter failed: %s", account.id, adapter.kind, type(error).__name__)
        error_text = f"a defect: the {adapter.kind} adapter failed"
        rejection = Rejection(0, error_text, traceback.format_exc())
        return Decoded(digest(request.body, str(request.received_at)), (), (rejection,))
