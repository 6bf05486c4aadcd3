"""One account's CRM over HTTP: sends calls at the vendor's pace, and says what came of them.

httpx, since it is well kept, pools connections, and can be pointed at an application in tests. A call's
address may hold the token, so it is never logged.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from service.adapters.api import Answer, Api, Call, Verdict
from service.clock import Clock
from service.config import Account
from service.model import SECOND, Instant
from service.sync.bucket import TokenBucket

TIMEOUT: Final = 30.0
"""Seconds in which a vendor must answer."""

LARGEST: Final = 32 * 2**20
"""Bytes of the largest answer that is read."""

USER_AGENT: Final = "lossboard"

_log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs every address


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a call.

    Args:
        wait: Seconds after which the vendor wants to be asked again, if it said so.
        asked_at: The moment that the answer is true at, if not a little later: by the vendor's clock where
            that is behind ours.
    """

    verdict: Verdict
    answer: Answer
    wait: float | None
    asked_at: Instant


class Client:
    """Asks one account's CRM.

    Args:
        api: Of the account's adapter.
        http: Has no base address; one serves all accounts.
        called: Told the verdict of each call.
    """

    def __init__(
        self,
        account: Account,
        api: Api,
        http: httpx.AsyncClient,
        clock: Clock,
        called: Callable[[Verdict], None],
    ) -> None:
        if account.api is None:
            raise ValueError(f"account {account.id} has no API to ask")
        self._account = account
        self._api = api
        self._http = http
        self._called = called
        self._clock = clock
        self._address = f"{account.api.url or api.url}{api.prefix(account)}"
        own = account.api.per_second
        burst = api.pace.burst if own is None else min(api.pace.burst, max(1, math.ceil(own)))
        pace = api.pace if own is None else replace(api.pace, per_second=own, burst=burst)
        self._bucket = TokenBucket(pace, clock)

    async def fetch(self, call: Call) -> Fetched:
        """Send a call, when its turn has come. A vendor that cannot be reached is one to be asked later."""
        await self._bucket.take()
        asked_at = self._clock.now()
        try:
            answer = await self._send(call)
        except httpx.HTTPError as error:
            _log.warning("%s: the CRM cannot be reached: %s", self._account.id, type(error).__name__)
            self._called("later")
            return Fetched("later", Answer(0), None, asked_at)
        verdict, wait = self._api.verdict(answer)
        self._called(verdict)
        if verdict == "later":
            self._bucket.empty()
        if verdict != "answered":
            _log.warning("%s: the CRM answers %s with %d", self._account.id, call.resource, answer.status)
        return Fetched(verdict, answer, wait, _true_at(answer, asked_at, self._clock.now()))

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
            timeout=TIMEOUT,
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
        if size > LARGEST:
            raise httpx.ReadError("the answer is too large")
        chunks.append(chunk)
    return b"".join(chunks)


def _true_at(answer: Answer, asked_at: Instant, answered_at: Instant) -> Instant:
    """A moment that is no later than the one the answer is true at, by our clock and by the vendor's, so that
    no change that came after the answer was made is taken for older than it."""
    try:
        sent = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return _before_its_second(asked_at)
    seconds = int((sent if sent.tzinfo else sent.replace(tzinfo=UTC)).timestamp())
    return _before_its_second(min(asked_at, seconds * SECOND - max(0, answered_at - asked_at)))


def _before_its_second(moment: Instant) -> Instant:
    """Vendors date changes by the second: one of this very second may have come after the answer was made."""
    return moment // SECOND * SECOND - 1
