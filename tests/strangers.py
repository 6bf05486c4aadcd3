"""Requests without any proof, to an application that has no database: no stranger gets that far."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from service.app import Application
from service.brake import Brake
from service.config import Secret
from service.ledger.database.database import Database
from service.ledger.read.reader import BoardReader
from service.live.http.metrics_route import metrics_route
from service.metrics import Metrics
from service.metrics.series import Standings
from service.webhooks.endpoint import WebhookEndpoint
from tests.adapters.posts import NOW, TOKEN
from tests.clocks import StandingClock
from tests.live.http.apps import boards_app
from tests.webhooks.wire import ACCOUNTS, FakeWriter


async def nothing_stored() -> Standings:
    """An empty database."""
    return Standings()


def stranger_app(metrics: Metrics) -> Starlette:
    """The routes of boards, webhooks and metrics."""
    clock = StandingClock(NOW)
    boards, _ = boards_app(BoardReader(Database("sqlite:////nowhere/at/all.db"), {}, clock))
    brake = Brake(clock, metrics.failed_proof)
    endpoint = WebhookEndpoint(ACCOUNTS, FakeWriter(), clock, metrics, brake)
    of_boards = [route for route in boards.routes if isinstance(route, Route)]
    own = [
        Route("/webhooks/{account}", endpoint),
        metrics_route(metrics, lambda: Secret(TOKEN), brake, nothing_stored),
    ]
    return Application([*of_boards, *own])


async def ask(app: ASGIApp, method: str, path: str, query: str, headers: Mapping[str, str]) -> int:
    """The status of the response to one request with an empty body."""
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    sent = {"host": "board.example", "content-type": "application/x-www-form-urlencoded", **headers}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", 8_000),
        "state": {},
    }
    await app(scope, receive, send)
    return statuses[0]
