"""Traces of webhooks: a span for each request, for each commit, and for each frame that shows commits.

One commit holds many requests and one frame shows many commits, so these are links and not parents. No span
has a query string, a header or a body: secrets stand there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from typing import Any, Final, TypeAlias

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanContext, SpanKind

from service.model import Delivery
from service.problems import Message, Receive, Send

App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_LINKS: Final = 32
"""Commits that the next frame of an account links to; a board that nobody watches forgets older ones."""

_DELIVERY: Final = b"lossboard-delivery"


def provider(environ: Mapping[str, str]) -> TracerProvider:
    """Sends spans in the background to where the environment says."""
    name = environ.get("OTEL_SERVICE_NAME", "lossboard")
    resource = Resource.create({"service.name": name, "service.version": version("lossboard")})
    sending = TracerProvider(resource=resource)
    sending.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return sending


def present() -> dict[str, str]:
    """The ids of the span that the caller is in, as W3C writes them; empty outside of any. The writer's
    thread is in the span of a commit, which is about many deliveries and links to the request of each."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


class Traces:
    """See the module.

    Args:
        root_path: As `Config.root_path`.
    """

    def __init__(self, spans: TracerProvider, root_path: str = "") -> None:
        self._spans = spans
        self._tracer = spans.get_tracer("lossboard")
        self._paths = ("/webhooks/", f"{root_path}/webhooks/")  # a proxy may take the root path off
        self._requests: dict[int, SpanContext] = {}
        self._commits: dict[str, deque[SpanContext]] = {}

    def around(self, app: App) -> App:
        """The service, with a span around each webhook. What is left is sent when it stops."""

        async def traced(scope: Message, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await app(scope, receive, self._ending(send))
            elif scope["type"] == "http" and scope["path"].startswith(self._paths):
                with self._request(scope) as span:
                    await app(scope, receive, _noting(span, send))
            else:
                await app(scope, receive, send)

        return traced

    def submitted(self, delivery: Delivery, future: asyncio.Future[Any]) -> None:
        """Note of which request a delivery is, until it is answered."""
        self._requests[id(delivery)] = trace.get_current_span().get_span_context()
        future.add_done_callback(lambda _: self._requests.pop(id(delivery), None))

    @contextmanager
    def committing(self, deliveries: Sequence[Delivery]) -> Iterator[None]:
        """A span of a commit. For the writer's thread."""
        requests = [self._requests.get(id(delivery)) for delivery in deliveries]
        links = [Link(request) for request in requests if request is not None and request.is_valid]
        about = {"lossboard.deliveries": len(deliveries)}
        with self._tracer.start_as_current_span("commit", links=links, attributes=about) as span:
            yield
        for account_id in {delivery.account for delivery in deliveries}:
            self._commits.setdefault(account_id, deque(maxlen=MAX_LINKS)).append(span.get_span_context())

    def showing(self, account_id: str) -> AbstractContextManager[object]:
        """A span of the reading and sending of a board, if there are commits that it did not show yet."""
        commits = tuple(self._commits.pop(account_id, ()))  # the writer's thread may add to what was popped
        if not commits:
            return nullcontext()
        links, about = [Link(commit) for commit in commits], {"lossboard.account": account_id}
        return self._tracer.start_as_current_span("frame", links=links, attributes=about)

    def _ending(self, send: Send) -> Send:
        """Send that the service has stopped, once the last spans are sent: nobody waits any longer for it."""

        async def ending(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await asyncio.to_thread(self._spans.shutdown)
            await send(message)

        return ending

    def _request(self, scope: Message) -> AbstractContextManager[Span]:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        about = {"http.request.method": scope["method"], "http.route": "/webhooks/{account}"}
        return self._tracer.start_as_current_span(
            f"{scope['method']} /webhooks/{{account}}", propagate.extract(headers), SpanKind.SERVER, about
        )


def _noting(span: Span, send: Send) -> Send:
    """Send, and note the response's status and the delivery's id."""

    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            span.set_attribute("http.response.status_code", message["status"])
            for name, value in message["headers"]:
                if name == _DELIVERY:
                    span.set_attribute("lossboard.delivery", value.decode())
        await send(message)

    return noting
