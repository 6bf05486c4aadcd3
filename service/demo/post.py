"""Posts webhooks as a CRM does: over a handful of kept-alive connections, again where the service is busy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote, urlsplit

from service.clock import Clock
from service.demo.wire import Webhook

CONNECTIONS: Final = 4
"""How many deliveries are under way at once."""

_TIMEOUT: Final = 10.0  # seconds that one answer may take
_PAUSES: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds; at once where a connection had gone stale
_BUSY: Final = frozenset({429, 503})
_STORED: Final = frozenset({"applied", "duplicate"})


class DeliveryError(Exception):
    """The service did not take a delivery; the text says what it answered."""


@dataclass(frozen=True, slots=True)
class _Answer:
    code: int
    retry_after: float | None
    text: str

    @property
    def stored(self) -> bool:
        return self.code == 200 and self._status in _STORED

    @property
    def _status(self) -> object:
        try:
            answer = json.loads(self.text)
        except ValueError:
            return None
        return answer.get("status") if isinstance(answer, dict) else None


class Poster:
    """The CRM's sending side; use it as an asynchronous context manager.

    Args:
        base_url: Where the service listens, for example `http://127.0.0.1:8000`.
        token: The account's webhook secret.
        clock: Measures the waits between attempts.
        stop: Once set, nothing more is sent and `post` returns.
    """

    def __init__(self, base_url: str, token: str, clock: Clock, stop: asyncio.Event) -> None:
        address = urlsplit(base_url)
        self._path = f"/webhooks/demo?token={quote(token, safe='')}"
        self._clock = clock
        self._stop = stop
        self._lines = [
            HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT) for _ in range(CONNECTIONS)
        ]
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="demo")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for line in self._lines:
            line.close()

    async def post(self, webhooks: Iterable[Webhook], posted: Callable[[int], None] | None = None) -> None:
        """Deliver them all, in no certain order; `posted(1)` is called after each.

        Raises:
            DeliveryError: One was refused, or found nobody for a quarter of a minute.
        """
        pending = iter(webhooks)
        try:
            async with asyncio.TaskGroup() as group:
                for line in self._lines:
                    group.create_task(self._work_off(line, pending, posted))
        except* DeliveryError as errors:
            raise _first(errors.exceptions) from None

    async def _work_off(
        self, line: HTTPConnection, pending: Iterator[Webhook], posted: Callable[[int], None] | None
    ) -> None:
        while not self._stop.is_set() and (webhook := next(pending, None)) is not None:
            await self._deliver(line, webhook)
            if posted is not None:
                posted(1)

    async def _deliver(self, line: HTTPConnection, webhook: Webhook) -> None:
        problem = ""
        for pause in _PAUSES:
            try:
                answer = await self._attempt(line, webhook)
            except (OSError, HTTPException) as error:
                problem, wait = f"{type(error).__name__}: {error}", pause
            else:
                if answer.stored:
                    return
                problem = f"{answer.code} {answer.text}"
                if answer.code not in _BUSY:
                    break
                wait = max(pause, answer.retry_after or 0.0)
            await self._clock.wait(wait, self._stop)
            if self._stop.is_set():
                return
        raise DeliveryError(f"the service did not take a webhook of the demo: {problem}")

    async def _attempt(self, line: HTTPConnection, webhook: Webhook) -> _Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._exchange, line, webhook)

    def _exchange(self, line: HTTPConnection, webhook: Webhook) -> _Answer:
        try:
            line.request("POST", self._path, webhook.body, dict(webhook.headers))
            response = line.getresponse()
            text = response.read().decode("utf-8", "replace")
        except (OSError, HTTPException):
            line.close()
            raise
        return _Answer(response.status, _seconds(response.getheader("Retry-After")), text)


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isascii() and header.isdigit() else None


def _first(errors: Sequence[BaseException]) -> BaseException:
    error = errors[0]
    return _first(error.exceptions) if isinstance(error, BaseExceptionGroup) else error
