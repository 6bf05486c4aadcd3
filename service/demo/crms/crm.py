"""What every simulated vendor is: an API over the office's truth, the webhooks that tell of its events, and
switches with which a test makes it fail."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Final, Protocol, TypeAlias

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.demo.office import Event, Office

Settings: TypeAlias = Mapping[str, str | bool | int]

_BAD_GATEWAY: Final = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(frozen=True)
class Webhook:
    """A request that the vendor posts to the service.

    Args:
        events: What it tells of; several where the vendor batches.
        headers: Names in lower case; `content-type` is one of them.
        query: What stands in the address that the vendor posts to.
        body: Raw.
    """

    events: tuple[Event, ...]
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The body's type."""
        return self.headers["content-type"]


class Limiter(Protocol):
    """How many requests a vendor takes."""

    def take(self, now: float) -> bool:
        """Whether a request at this moment, in seconds, is within the limit; if so it counts."""


@dataclass
class Window:
    """At most `limit` requests in any `seconds`."""

    limit: int
    seconds: float = 1.0
    taken: deque[float] = field(default_factory=deque)

    def take(self, now: float) -> bool:
        """See `Limiter`."""
        while self.taken and self.taken[0] <= now - self.seconds:
            self.taken.popleft()
        if len(self.taken) >= self.limit:
            return False
        self.taken.append(now)
        return True


@dataclass
class LeakyBucket:
    """Each request is a drop in a bucket of `size`, from which `drain` drops leak a second; a full one takes
    none."""

    size: int
    drain: float
    level: float = 0.0
    at: float = 0.0

    def take(self, now: float) -> bool:
        """See `Limiter`."""
        self.level = max(0.0, self.level - (now - self.at) * self.drain)
        self.at = now
        if self.level + 1 > self.size:
            return False
        self.level += 1
        return True


class SimulatedCRM(ABC):
    """A CRM over an office's truth.

    Args:
        office: What its API tells, and whose clock it goes by.
        limiter: How many requests it takes.

    Attributes:
        requests: How many requests came, by method and path; refused ones too.
        statuses: How many answers there were, by status.
        down: While set, every request is answered as a proxy answers whose server is gone: 502, and HTML.
        disabled: While set, the vendor posts no webhooks, and what happens meanwhile is never told by one.
    """

    kind: ClassVar[str]
    retries: ClassVar[Sequence[float]] = ()
    """Seconds from a webhook's failure to its next attempt, one for each attempt after the first."""

    def __init__(self, office: Office, limiter: Limiter) -> None:
        self.office = office
        self.limiter = limiter
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.down = False
        self.disabled = False
        self._failures: deque[int] = deque()

    @cached_property
    def app(self) -> Starlette:
        """The API, an ASGI application: for `httpx.ASGITransport(app=vendor.app)`, or for uvicorn."""
        return Starlette(routes=self.routes(), middleware=[Middleware(_Door, vendor=self)])

    @abstractmethod
    def routes(self) -> list[Route]:
        """What the API answers."""

    @abstractmethod
    def refusal(self, request: Request) -> Response | None:
        """What a request is answered that does not prove who sends it; None for one that does."""

    @abstractmethod
    def too_many(self) -> Response:
        """What a request over the limit is answered."""

    @abstractmethod
    def failure(self, status: int) -> Response:
        """An error of the API with this status, in the vendor's form."""

    @abstractmethod
    def webhooks(self, event: Event) -> list[Webhook]:
        """What the vendor posts about an event: nothing, one request, or several that say the same."""

    @abstractmethod
    def settings(self) -> Settings:
        """What a client of the API must be given: its address, and what proves who it is."""

    def outgoing(self, webhook: Webhook, attempt: int) -> Webhook:
        """The request as it is posted now, the first time or, from attempt 1 on, again: dated, numbered and
        signed as the vendor does it."""
        del attempt
        return webhook

    @abstractmethod
    def answered(self, webhook: Webhook, attempt: int, status: int | None) -> None:
        """The service answered a webhook; or None: it did not answer at all. May set `disabled`."""

    def fail_next(self, n: int, status: int) -> None:
        """Answer the next `n` requests with an error of this status, in the vendor's form."""
        self._failures.extend([status] * n)

    def disable_webhook(self) -> None:
        """Stop posting webhooks, as the vendor does by its own rule."""
        self.disabled = True

    def hindrance(self, request: Request) -> Response | None:
        """What stands between a request and its answer: counts it, and gives the error that it gets."""
        self.requests[f"{request.method} {request.url.path}"] += 1
        if self.down:
            return HTMLResponse(_BAD_GATEWAY, 502)
        if self._failures:
            return self.failure(self._failures.popleft())
        refused = self.refusal(request)
        if refused is not None:
            return refused
        return None if self.limiter.take(self.office.now()) else self.too_many()


class _Door:
    """Lets a request through to the API, or answers it with what hinders it."""

    def __init__(self, app: ASGIApp, vendor: SimulatedCRM) -> None:
        self._app = app
        self._vendor = vendor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._vendor.statuses[message["status"]] += 1
            await send(message)

        answer = self._vendor.hindrance(Request(scope)) or self._app
        await answer(scope, receive, counting)
