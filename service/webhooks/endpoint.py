"""`POST /webhooks/{account}`: receives one webhook and responds when it is stored.

It is a raw ASGI callable, because on this busiest route a Starlette handler is measurably slower. It responds
with 2xx only after the writer has committed the delivery. It never logs a query string, which may contain a
secret.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from service.adapters import ADAPTERS, Adapter, NotAuthentic
from service.clock import Clock
from service.config import Account
from service.ledger.database.errors import Unavailable
from service.ledger.write.outcome import Outcome, Overloaded
from service.ledger.write.writer import Writer
from service.metrics import Metrics
from service.model import Decoded, Delivery, Instant, Request
from service.problems import Message, Problem, Receive, Send
from service.webhooks.body import Disconnected, TooLarge, TooSlow, read_body
from service.webhooks.decoding import decode

BODY_SECONDS: Final = 10.0
"""The time limit for a whole body."""

LARGE: Final = 64 * 1024
"""Bytes above which a body is decoded in a thread, because decoding it would delay other requests."""

RETRY_SECONDS: Final = 5
"""The Retry-After of a response while the database is away."""

MAX_ERRORS: Final = 100
"""Errors listed in a response; quarantine has all of them."""

_CLOSE: Final = ((b"connection", b"close"),)
_CONTENT_TYPE: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")
_METHOD = Problem(405, "a webhook is a POST", ((b"allow", b"POST"),))
_NO_ACCOUNT = Problem(404, "no such account")
_TOO_LARGE = Problem(413, "the body is larger than 1 MiB", _CLOSE)
_TOO_SLOW = Problem(408, f"the body was not complete within {BODY_SECONDS:.0f} seconds", _CLOSE)
_ENCODED = Problem(415, "the body must not be compressed", ((b"accept-encoding", b"identity"),))
# The same for every cause, so that a guesser learns nothing from it.
_NOT_AUTHENTIC = Problem(401, "not authentic", ((b"www-authenticate", b'Webhook realm="lossboard"'),))
_UNAVAILABLE = Problem(
    503, "the database is away; nothing was stored", ((b"retry-after", b"%d" % RETRY_SECONDS),)
)

_log = logging.getLogger(__name__)


class WebhookEndpoint:
    """The ASGI callable. The route's path parameter is `account`.

    Args:
        accounts: By id.
        body_seconds: See `BODY_SECONDS`.
        on_refused: Called with the account's id and the cause when a request is not authentic.

    Raises:
        KeyError: There is no adapter for the CRM of an account.
    """

    def __init__(
        self,
        accounts: Mapping[str, Account],
        writer: Writer,
        clock: Clock,
        metrics: Metrics,
        body_seconds: float = BODY_SECONDS,
        on_refused: Callable[[str, str], None] = lambda _account_id, _cause: None,
    ) -> None:
        self._accounts = {key: (account, ADAPTERS[account.crm]) for key, account in accounts.items()}
        self._writer = writer
        self._clock = clock
        self._metrics = metrics
        self._on_refused = on_refused
        self._body_seconds = body_seconds

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        account_id: str = scope["path_params"]["account"]
        known = self._accounts.get(account_id)
        try:
            result, answer = await self._serve(scope, receive, known)
        except Disconnected:
            self._metrics.webhook(account_id, "disconnected")
            return
        self._metrics.webhook(account_id if known else "", result)
        if isinstance(answer, Problem):
            await answer(scope, receive, send)
        else:
            await _send_json(send, answer)

    async def _serve(
        self, scope: Message, receive: Receive, known: tuple[Account, Adapter] | None
    ) -> tuple[str, Problem | bytes]:
        """Process a request; returns the result for the metrics, and the response."""
        if scope["method"] != "POST":
            return "wrong_method", _METHOD
        if known is None:
            return "no_account", _NO_ACCOUNT
        account, adapter = known
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        unsupported = _unsupported(headers, adapter)
        if unsupported:
            return "wrong_type", unsupported
        try:
            body = await read_body(receive, headers.get("content-length", ""), self._body_seconds)
        except TooLarge:
            return "too_large", _TOO_LARGE
        except TooSlow:
            return "too_slow", _TOO_SLOW
        request = _request(scope, headers, body, self._clock.now())
        try:
            adapter.authenticate(request, account)
        except NotAuthentic as refusal:
            self._on_refused(account.id, refusal.cause)
            return f"not_authentic_{refusal.cause}", _NOT_AUTHENTIC
        return await self._store(request, account, adapter)

    async def _store(
        self, request: Request, account: Account, adapter: Adapter
    ) -> tuple[str, Problem | bytes]:
        if len(request.body) > LARGE:
            stored, decoded = await asyncio.to_thread(decode, request, account, adapter)
        else:
            stored, decoded = decode(request, account, adapter)
        try:
            outcome = await self._writer.submit(
                Delivery(account.id, stored.received_at, stored.headers, stored.body, decoded)
            )
        except Overloaded as overloaded:
            retry = ((b"retry-after", b"%d" % overloaded.retry_after),)
            return "overloaded", Problem(503, "too many webhooks at the moment; nothing was stored", retry)
        except Unavailable:
            return "unavailable", _UNAVAILABLE
        if outcome.conflicts_with is not None:
            self._metrics.conflict(account.id)
            _log.warning(
                "%s: delivery %d has the id of delivery %d and another body",
                account.id,
                outcome.number,
                outcome.conflicts_with,
            )
        return outcome.status, _answer(outcome, decoded)


def _unsupported(headers: Mapping[str, str], adapter: Adapter) -> Problem | None:
    """The response to an unsupported encoding or content type; None if both are supported."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return _ENCODED
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in adapter.content_types:
        return None
    return Problem(415, f"the content type must be {' or '.join(sorted(adapter.content_types))}")


def _request(scope: Message, headers: Mapping[str, str], body: bytes, received_at: Instant) -> Request:
    query_string = scope["query_string"].decode("latin-1")
    # Of a repeated parameter the first value counts.
    query = dict(reversed(parse_qsl(query_string, keep_blank_values=True)))
    raw_path: bytes | None = scope.get("raw_path")
    path = raw_path.partition(b"?")[0].decode("latin-1") if raw_path else scope["path"]
    return Request(scope["method"], path, query, headers, body, received_at, query_string)


def _answer(outcome: Outcome, decoded: Decoded) -> bytes:
    errors = [
        {"part": rejection.part, "error": rejection.error} for rejection in decoded.rejections[:MAX_ERRORS]
    ]
    document: dict[str, Any] = {
        "status": outcome.status,
        "delivery": outcome.number,
        "seq": outcome.seq,
        "errors": errors,
    }
    return msgspec.json.encode(document)


async def _send_json(send: Send, body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [_CONTENT_TYPE, _NO_STORE, length]})
    await send({"type": "http.response.body", "body": body})
