"""`POST /webhooks/{account}`: receives one webhook and responds when it is stored.

It is a raw ASGI callable, because on this busiest route a Starlette handler is measurably slower. It responds
with 2xx only after the writer has committed the delivery. It never logs a query string, which may contain a
secret.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Final, NamedTuple

import msgspec

from service.adapters import Adapter, NotAuthentic
from service.brake import Brake
from service.clock import Clock
from service.config import Account
from service.ledger.database.errors import Unavailable
from service.ledger.write.outcome import Outcome, Overloaded
from service.ledger.write.writer import Writer
from service.metrics import Metrics
from service.model import Decoded, Delivery, Request, Source
from service.problems import DEFECT, Message, Problem, Receive, Send
from service.telemetry.delivery_id import refused_id, stored_id
from service.webhooks.body import Disconnected, TooLarge, TooSlow
from service.webhooks.budget import OverBudget
from service.webhooks.decoding import Sender
from service.webhooks.receiver import Receiver, client_of

BODY_SECONDS: Final = 10.0
"""The time limit for a whole body."""

RETRY_SECONDS: Final = 5
"""The Retry-After of a response while the database is away, or too many bodies are under way."""

MAX_ERRORS: Final = 100
"""Errors listed in a response; quarantine has all of them."""

TEST_HEADER: Final = "lossboard-test"
"""Marks a webhook of `lossboard send-test`. It proves nothing about the CRM, so the board goes on waiting."""

DELIVERY_HEADER: Final = b"lossboard-delivery"
"""Has the delivery's id, in every response."""

_TOLD: Final = frozenset({"wrong_type", "too_large", "too_slow"})
"""Why a webhook is refused apart from its proof, where a person must do something about it."""

_RETRY: Final = ((b"retry-after", b"%d" % RETRY_SECONDS),)
# Of a request that is refused before its body was read, the rest would be awaited for ever.
_CLOSE: Final = ((b"connection", b"close"),)
_CONTENT_TYPE: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")
_METHOD = Problem(405, "a webhook is a POST", ((b"allow", b"POST"), *_CLOSE))
_NO_ACCOUNT = Problem(404, "no such account", _CLOSE)
_TOO_LARGE = Problem(413, "the body is larger than 1 MiB", _CLOSE)
_TOO_SLOW = Problem(408, f"the body was not complete within {BODY_SECONDS:.0f} seconds", _CLOSE)
_ENCODED = Problem(415, "the body must not be compressed", ((b"accept-encoding", b"identity"), *_CLOSE))
# The same for every cause, so that a guesser learns nothing from it.
_CHALLENGE: Final = ((b"www-authenticate", b'Webhook realm="lossboard"'),)
_NOT_AUTHENTIC = Problem(401, "not authentic", (*_CHALLENGE, *_CLOSE))
_GUESSING: Final = "too many requests from this address were not authentic"
_UNAVAILABLE = Problem(503, "the database is away; nothing was stored", _RETRY)
_OVER_BUDGET = Problem(503, "too many bodies are under way; nothing was stored", (*_RETRY, *_CLOSE))

_log = logging.getLogger(__name__)


class _Stored(NamedTuple):
    """The response to a delivery that is stored."""

    id: str
    body: bytes


class WebhookEndpoint:
    """The ASGI callable. The route's path parameter is `account`.

    Args:
        accounts: By id.
        brake: Charged with each request that is not authentic.
        body_seconds: See `BODY_SECONDS`.
        on_refused: Called with the account's id and the cause when a webhook is refused for what it is: it
            is not authentic, or cannot be read.

    Raises:
        KeyError: There is no adapter for the CRM of an account.
    """

    def __init__(
        self,
        accounts: Mapping[str, Account],
        writer: Writer,
        clock: Clock,
        metrics: Metrics,
        brake: Brake,
        body_seconds: float = BODY_SECONDS,
        on_refused: Callable[[str, str], None] = lambda _account_id, _cause: None,
    ) -> None:
        self.on_accounts(accounts)
        self._writer = writer
        self._metrics = metrics
        self._brake = brake
        self._receiver = Receiver(clock, body_seconds)
        self._on_refused = on_refused
        self._process = secrets.token_hex(4)
        self._numbers = count(1)

    def on_accounts(self, accounts: Mapping[str, Account]) -> None:
        """Take the webhooks of these accounts from now on."""
        self._senders = {account_id: Sender.of(account) for account_id, account in accounts.items()}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        account_id: str = scope["path_params"]["account"]
        known = self._senders.get(account_id)
        number = next(self._numbers)
        try:
            result, answer = await self._serve(scope, receive, known, number)
        except Disconnected:
            self._metrics.webhook(account_id, "disconnected")
            return
        except Exception:
            self._metrics.webhook(account_id if known else "", "defect")
            _log.error(
                "a webhook meets a defect: %s", self._refused(number), extra=self._about(number, known)
            )
            await _identified(DEFECT, self._refused(number))(scope, receive, send)
            raise  # the server logs it
        self._metrics.webhook(account_id if known else "", result)
        if known and result in _TOLD:
            self._on_refused(account_id, result)
        if isinstance(answer, _Stored):
            await _send_json(send, answer)
        else:
            _log.debug("%s: %s", self._refused(number), result, extra=self._about(number, known))
            await _identified(answer, self._refused(number))(scope, receive, send)

    async def _serve(
        self, scope: Message, receive: Receive, known: Sender | None, number: int
    ) -> tuple[str, Problem | _Stored]:
        """Process a request; returns the result for the metrics, and the response."""
        if scope["method"] != "POST":
            return "wrong_method", _METHOD
        if known is None:
            return "no_account", _NO_ACCOUNT
        account = known.account
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        unsupported = _unsupported(headers, known.adapter)
        if unsupported:
            return "wrong_type", unsupported
        try:
            stored, decoded = await self._receiver.receive(scope, receive, headers, known)
        except NotAuthentic as refusal:
            return self._refuse(client_of(scope), account.id, refusal.cause, self._refused(number))
        except TooLarge:
            return "too_large", _TOO_LARGE
        except TooSlow:
            return "too_slow", _TOO_SLOW
        except OverBudget:
            return "over_budget", _OVER_BUDGET
        return await self._store(account, stored, decoded, "test" if TEST_HEADER in headers else "webhook")

    def _refuse(self, address: str, account_id: str, cause: str, delivery: str) -> tuple[str, Problem]:
        """The answer to a request that is not authentic: 401, or 429 where its address brought too many."""
        seconds = self._brake.refusal(address)
        self._brake.failed(address, account_id, cause, delivery)
        self._on_refused(account_id, cause)
        if seconds is None:
            return f"not_authentic_{cause}", _NOT_AUTHENTIC
        return "braked", Problem(429, _GUESSING, ((b"retry-after", b"%d" % seconds), *_CLOSE))

    async def _store(
        self, account: Account, stored: Request, decoded: Decoded, source: Source
    ) -> tuple[str, Problem | _Stored]:
        try:
            outcome = await self._writer.submit(
                Delivery(account.id, stored.received_at, stored.headers, stored.body, decoded, source)
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
                extra={"account": account.id, "delivery": stored_id(account.id, outcome.number)},
            )
        delivery = stored_id(account.id, outcome.number)
        if _log.isEnabledFor(logging.DEBUG):
            about = {"account": account.id, "delivery": delivery, "seq": outcome.seq}
            _log.debug("%s: %s at seq %d", delivery, outcome.status, outcome.seq, extra=about)
        return outcome.status, _Stored(delivery, _answer(outcome, decoded))

    def _refused(self, number: int) -> str:
        """The id of a delivery that is not stored: of no account, and of this process alone."""
        return refused_id(self._process, number)

    def _about(self, number: int, known: Sender | None) -> Mapping[str, str]:
        delivery = {"delivery": self._refused(number)}
        return delivery if known is None else {"account": known.account.id, **delivery}


def _unsupported(headers: Mapping[str, str], adapter: Adapter) -> Problem | None:
    """The response to an unsupported encoding or content type; None if both are supported."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return _ENCODED
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in adapter.content_types:
        return None
    return Problem(415, f"the content type must be {' or '.join(sorted(adapter.content_types))}", _CLOSE)


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


def _identified(problem: Problem, delivery: str) -> Problem:
    return replace(problem, headers=(*problem.headers, (DELIVERY_HEADER, delivery.encode())))


async def _send_json(send: Send, stored: _Stored) -> None:
    length = (b"content-length", b"%d" % len(stored.body))
    headers = [_CONTENT_TYPE, _NO_STORE, length, (DELIVERY_HEADER, stored.id.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": stored.body})
