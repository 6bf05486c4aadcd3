"""The webhook endpoint over raw ASGI, with a writer that only records the deliveries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from service.adapters.amocrm.options import AmoCRMOptions
from service.adapters.hubspot.options import HubSpotOptions
from service.brake import Brake
from service.clock import Clock
from service.ledger.write.outcome import Outcome, Overloaded
from service.ledger.write.writer import Writer
from service.metrics import Metrics
from service.model import Delivery, Instant
from service.problems import Message
from service.webhooks.body import ARRIVED
from service.webhooks.endpoint import WebhookEndpoint
from tests.adapters.posts import NOW, TOKEN, account, signed

FORM = "application/x-www-form-urlencoded"
LEAD = (Path(__file__).parents[1] / "adapters" / "amocrm" / "samples" / "lead_update.txt").read_bytes()
_KINDS = {
    "office": account("standard"),
    "quiet": account("standard"),
    "amo": account("amocrm", options=AmoCRMOptions(account="zerno")),
    "bitrix": account("bitrix24"),
    "hub": account("hubspot"),
    "hub1": account("hubspot", options=HubSpotOptions(signature="v1")),
    "pipe": account("pipedrive"),
}
ACCOUNTS = {account_id: replace(made, id=account_id) for account_id, made in _KINDS.items()}


class StoppedClock:
    def now(self) -> Instant:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        await wake.wait()


@dataclass
class FakeWriter(Writer):
    outcome: Outcome | Exception = field(default_factory=lambda: Outcome("applied", 7, 12))
    refusal: Overloaded | None = None
    deliveries: list[Delivery] = field(default_factory=list)

    def submit(self, delivery: Delivery) -> asyncio.Future[Outcome]:
        if self.refusal:
            raise self.refusal
        self.deliveries.append(delivery)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if isinstance(self.outcome, Outcome):
            future.set_result(self.outcome)
        else:
            future.set_exception(self.outcome)
        return future


@dataclass
class Counted(Metrics):
    results: list[tuple[str, str]] = field(default_factory=list)

    def webhook(self, account_id: str, result: str) -> None:
        self.results.append((account_id, result))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


class Wire:
    """The client's side of one ASGI call: it sends the messages and records the response."""

    def __init__(self, messages: Iterable[Message], then_hang: bool = False) -> None:
        self._messages: Iterator[Message] = iter(messages)
        self._then_hang = then_hang
        self.sent: list[Message] = []
        self.read = 0

    async def receive(self) -> Message:
        for message in self._messages:
            self.read += 1
            return message
        assert self._then_hang, "read past the end of the body"
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def answer(self) -> Answer:
        start, body = self.sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        assert headers["cache-control"] == "no-store"
        return Answer(start["status"], headers, body["body"])


def chunks(*parts: bytes, complete: bool = True) -> list[Message]:
    last = len(parts) - 1
    return [
        {"type": "http.request", "body": part, "more_body": index < last or not complete}
        for index, part in enumerate(parts)
    ]


class Service:
    """One endpoint with its fakes."""

    def __init__(self, writer: FakeWriter | None = None, body_seconds: float = 10.0) -> None:
        self.writer = writer or FakeWriter()
        self.counted = Counted()
        clock: Clock = StoppedClock()
        self.refused: list[tuple[str, str]] = []
        self.failed: list[tuple[str, str, bool]] = []
        self.endpoint = WebhookEndpoint(
            ACCOUNTS,
            self.writer,
            clock,
            self.counted,
            Brake(clock, lambda *failure: self.failed.append(failure)),
            body_seconds,
            on_refused=lambda account_id, cause: self.refused.append((account_id, cause)),
        )

    def call(self, wire: Wire, *how: Any, **named: Any) -> Wire:
        """Serve a request in a loop of its own; what it is called with is that of `serve`."""
        asyncio.run(self.serve(wire, *how, **named))
        return wire

    async def serve(
        self,
        wire: Wire,
        account_id: str = "office",
        method: str = "POST",
        headers: dict[str, str] | None = None,
        query: str = "",
        client: str = "127.0.0.1",
        arrived: bytes | None = None,
    ) -> None:
        scope: Message = {
            "type": "http",
            "method": method,
            "path": f"/webhooks/{account_id}",
            "raw_path": f"/webhooks/{account_id}".encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()],
            "path_params": {"account": account_id},
            "client": (client, 40_000),
            "extensions": {ARRIVED: {"body": lambda _most: arrived}},
        }
        await self.endpoint(scope, wire.receive, wire.send)

    def post(self, body: str, **headers: str) -> Answer:
        """A genuine request to the standard account; a header given as `x_y` is sent as `x-y`."""
        sent = {"content-type": "application/json", **signed(body)}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call(Wire(chunks(body.encode())), headers=sent).answer()

    def post_lead(self, query: str = f"token={TOKEN}", client: str = "127.0.0.1") -> Answer:
        headers = {"content-type": FORM}
        return self.call(Wire(chunks(LEAD)), "amo", headers=headers, query=query, client=client).answer()


def assert_problem(answer: Answer, status: int) -> None:
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["content-length"]) == len(answer.body)
    problem = answer.json()
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["title"]
    assert problem["detail"]
