"""What every simulated CRM is: an API over an office, the webhooks about its events, and switches that make
it fail."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final, TypeAlias

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.demo.crms.limits import Limiter
from service.demo.office import Deal, Event, Office

AccountTable: TypeAlias = Mapping[str, object]
"""Keys of an account's table in `lossboard.toml`."""

_BAD_GATEWAY: Final = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(frozen=True)
class Webhook:
    """A request that the CRM posts to the service.

    Args:
        events: What it is about; several where the CRM batches.
        headers: Names in lower case; `content-type` is one of them.
        query: The query of the address that the CRM posts to.
        body: Raw.
    """

    events: tuple[Event, ...]
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


class SimulatedCRM(ABC):
    """A CRM in which an office keeps its records.

    Args:
        office: The source of its API's answers, and of its time.
        limiter: How many requests the API takes.

    Attributes:
        requests: How many requests came, by method and path; refused ones too.
        statuses: How many answers there were, by status.
        down: While set, the API answers every request as a proxy does whose server is gone: 502, and HTML.
        disabled: While set, the CRM posts no webhooks, and what happens meanwhile is never posted.
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
        """The API, an ASGI application: for `httpx.ASGITransport(app=crm.app)`, or for an HTTP server."""
        return Starlette(routes=self.routes(), middleware=[Middleware(_Door, crm=self)])

    @abstractmethod
    def account(self, api_url: str | None = None) -> AccountTable:
        """The keys of the account's table that this CRM decides: kind, secrets, API and options.

        Args:
            api_url: Where the API is served; None: at the vendor's own address.
        """

    def connect(self, address: str) -> None:
        """Have webhooks about all events posted to an address, as a person sets it up in the CRM."""
        del address

    @abstractmethod
    def webhooks(self, event: Event) -> list[Webhook]:
        """What the CRM posts about an event: nothing, one request, or several that say the same."""

    def is_lead(self, deal: Deal) -> bool:
        """Whether the CRM keeps a deal of the office as a lead, apart from its deals."""
        del deal
        return False

    def outgoing(self, webhook: Webhook, attempt: int) -> Webhook:
        """The request as it is posted now, with the CRM's date, number and signature. Attempt 0 is the
        first."""
        del attempt
        return webhook

    def answered(self, webhook: Webhook, attempt: int, status: int | None) -> None:
        """The service answered a webhook; None: it did not answer at all. May set `disabled`."""
        del webhook, attempt, status

    @abstractmethod
    def routes(self) -> list[Route]:
        """The routes of the API."""

    @abstractmethod
    def refusal(self, request: Request) -> Response | None:
        """The answer to a request that does not prove who sends it; None for one that does."""

    @abstractmethod
    def too_many(self) -> Response:
        """The answer to a request over the limit."""

    @abstractmethod
    def failure(self, status: int) -> Response:
        """An error of the API with this status, in the vendor's form."""

    def fail_next(self, n: int, status: int) -> None:
        """Answer the next `n` requests with an error of this status, in the vendor's form."""
        self._failures.extend([status] * n)

    def disable_webhook(self) -> None:
        """Stop posting webhooks, as the vendor does by its own rule."""
        self.disabled = True

    def hindrance(self, request: Request) -> Response | None:
        """Count a request, and give the error that it gets instead of an answer, if any."""
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

    def __init__(self, app: ASGIApp, crm: SimulatedCRM) -> None:
        self._app = app
        self._crm = crm

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._crm.statuses[message["status"]] += 1
            await send(message)

        answer = self._crm.hindrance(Request(scope)) or self._app
        await answer(scope, receive, counting)
