"""The HTTP client for one account's CRM: sends calls at the vendor's pace and classifies the answers.

It uses httpx, which is well maintained, pools connections, and can be pointed at an ASGI application in
tests. The address of a call may contain the token, so it is never logged.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from service.adapters.api import Answer, Api, Call, Meaning, Verdict, busy
from service.clock import Clock
from service.config import Account
from service.model import SECOND, Instant
from service.sync.bucket import TokenBucket

TIMEOUT_SECONDS: Final = 30.0
"""How long a vendor may take to connect, and to send the next bytes of its answer."""

ANSWER_SECONDS: Final = 45.0
"""How long a vendor may take for a whole answer, however steadily it drips. By the event loop's clock, which
never jumps, and less than a lease lasts."""

MAX_ANSWER: Final = 32 * 2**20
"""Bytes of the largest answer that is read."""

USER_AGENT: Final = "lossboard"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of a call.

    Args:
        call: What was asked.
        true_at: A moment at which the answer was true, or shortly before: by the vendor's clock where that
            one is behind ours.
    """

    call: Call
    verdict: Verdict
    answer: Answer
    true_at: Instant

    @property
    def meaning(self) -> Meaning:
        """See `Verdict`."""
        return self.verdict.meaning

    @property
    def is_answer(self) -> bool:
        """See `Verdict`."""
        return self.verdict.is_answer

    @property
    def retry_seconds(self) -> float:
        """How long the vendor wants to be left alone; 0 if it does not say so."""
        return self.verdict.retry_seconds or 0.0


class Client:
    """Calls one account's CRM.

    Args:
        api: The API of the account's adapter.
        http: Has no base address; one serves all accounts.
        on_meaning: Called with the meaning of each answer.
    """

    def __init__(
        self,
        account: Account,
        api: Api,
        http: httpx.AsyncClient,
        clock: Clock,
        on_meaning: Callable[[Meaning], None],
    ) -> None:
        if account.api is None:
            raise ValueError(f"account {account.id} has no [accounts.api]")
        self._account = account
        self._api = api
        self._http = http
        self._on_meaning = on_meaning
        self._clock = clock
        self._address = f"{account.api.url or api.url}{api.prefix(account)}"
        own = account.api.per_second
        burst = api.pace.burst if own is None else min(api.pace.burst, max(1, math.ceil(own)))
        pace = api.pace if own is None else replace(api.pace, per_second=own, burst=burst)
        self._bucket = TokenBucket(pace, clock)

    async def send(self, call: Call) -> CallResult:
        """Send a call as soon as the pace allows. A vendor that is out of reach means `later`."""
        await self._bucket.take()
        sent_at, began = self._clock.now(), self._clock.monotonic()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._send(call)
        except (httpx.HTTPError, TimeoutError) as error:
            _log.warning(
                "%s: the CRM is out of reach: %s",
                self._account.id,
                type(error).__name__,
                extra={"account": self._account.id},
            )
            self._on_meaning("later")
            return CallResult(call, busy(), Answer(0), sent_at)
        verdict = self._api.verdict(call, answer)
        self._on_meaning(verdict.meaning)
        if verdict.meaning == "later":
            self._bucket.empty()
        if verdict.meaning != "answered":
            why = verdict.trouble or verdict.meaning
            _log.warning(
                "%s: the CRM answers %s with %d (%s)",
                self._account.id,
                call.resource,
                answer.status,
                why,
                extra={"account": self._account.id},
            )
        return CallResult(call, verdict, answer, _true_at(answer, sent_at, self._clock.monotonic() - began))

    async def _send(self, call: Call) -> Answer:
        headers = {"user-agent": USER_AGENT, "accept": "application/json", **self._api.headers(self._account)}
        if call.body:
            headers["content-type"] = "application/json"
        request = self._http.build_request(
            call.method or ("POST" if call.body else "GET"),
            f"{self._address}{call.path}",
            params=call.query or None,
            content=call.body or None,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
        )
        response = await self._http.send(request, stream=True, follow_redirects=False)
        try:
            return Answer(response.status_code, dict(response.headers), await _read(response))
        finally:
            await response.aclose()


async def _read(response: httpx.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > MAX_ANSWER:
            raise httpx.ReadError("the answer is too large")
        chunks.append(chunk)
    return b"".join(chunks)


def _true_at(answer: Answer, sent_at: Instant, took_seconds: float) -> Instant:
    """A moment no later than the one at which the vendor made the answer, by our clock and by the vendor's.

    A change that happened after the vendor made the answer is then newer than the answer.
    """
    try:
        date = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return _before_its_second(sent_at)
    seconds = int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp())
    return _before_its_second(min(sent_at, Instant(seconds * SECOND - round(took_seconds * SECOND))))


def _before_its_second(moment: Instant) -> Instant:
    """The last microsecond of the second before: vendors date changes by the second, and a change of this
    very second may have happened after the vendor made the answer."""
    return Instant(moment // SECOND * SECOND - 1)
