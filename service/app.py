"""The one place where the parts meet: `create_app` puts the writer, the ticker, the hub and the routes
together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass

import httpx
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from service.adapters import ADAPTERS
from service.adapters.api import Api
from service.clock import Clock
from service.config import Account, Config
from service.ledger.database import schema
from service.ledger.database.engine import is_sqlite, open_engine
from service.ledger.database.outcome import Unavailable
from service.ledger.database.threads import in_time
from service.ledger.database.transactions import Transactions
from service.ledger.read.deal_rows import RefusalReader
from service.ledger.read.reader import Reader
from service.ledger.upkeep.follow import Follower
from service.ledger.upkeep.retention import Retention
from service.ledger.upkeep.screens import Screens
from service.ledger.upkeep.ticker import Ticker
from service.ledger.write.heads import Head
from service.ledger.write.writer import Writer
from service.live.http import routes as live
from service.live.http.screen_links import NamedScreens
from service.live.stream.hub import Hub
from service.metrics import CONTENT_TYPE, Metrics
from service.model import SECOND
from service.sync.runner import Runner
from service.webhooks.endpoint import WebhookEndpoint


@dataclass(slots=True)
class Service:
    """The running parts, for whoever starts and stops them. `app` starts them with its lifespan."""

    app: Starlette
    writer: Writer
    hub: Hub
    metrics: Metrics


def create_app(config: Config, clock: Clock) -> Service:
    """Put a service together on a database that is migrated and prepared."""
    accounts = {account.id: account for account in config.accounts}
    writing = open_engine(config.database_url, "writer", serving=True)
    noting = open_engine(config.database_url, "writer", serving=True)  # so that the writer never waits for it
    reading = open_engine(config.database_url, "reader", serving=True)
    hub = Hub(Reader(reading, accounts, clock), accounts, clock)

    def moved(seqs: Mapping[str, int]) -> None:
        hub.on_seq(seqs)
        runner.on_seq(seqs)

    def committed(heads: Mapping[str, Head]) -> None:
        seqs = {account_id: head.seq for account_id, head in heads.items()}
        moved(seqs)
        ticker.committed(heads)
        if follower is not None:
            follower.committed(seqs)
        for account_id, head in heads.items():
            if head.last_delivery_at is not None:
                metrics.on_delivery(account_id, head.last_delivery_at / SECOND)

    refusals = RefusalReader(reading, accounts, clock)
    screens = NamedScreens(Screens(reading, noting), clock)
    follower = _follower(config, reading, hub, moved, clock)
    metrics = Metrics(lambda: writer.depth, lambda: hub.streams)
    writer = Writer(writing, accounts, clock, metrics.commit)
    writer.on_commit.append(committed)
    ticker = Ticker(reading, list(accounts), writer, clock)
    runner = Runner(
        _asked(config), Transactions(reading, noting), writer, httpx.AsyncClient(), clock, metrics
    )
    retention = Retention(noting, list(accounts), config.keep_bodies_days, clock)
    by_themselves = [ticker.run, retention.run, runner.run, *([] if follower is None else [follower.run])]

    routes = [
        Route("/webhooks/{account}", WebhookEndpoint(accounts, writer, clock, metrics)),
        *live.routes(hub, Reader(reading, accounts, clock), refusals, accounts, screens, clock),
        *_health(reading, writer, metrics),
    ]
    lifespan = _lifespan(writer, hub, by_themselves, (writing, noting, reading))
    return Service(Starlette(routes=routes, lifespan=lifespan), writer, hub, metrics)


def _lifespan(
    writer: Writer,
    hub: Hub,
    by_themselves: Sequence[Callable[[], Coroutine[None, None, None]]],
    engines: Sequence[Engine],
) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    """Starts and stops the parts. Whatever may still submit ends before the writer, and that before its
    connections."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        writer.start()
        tasks = [asyncio.create_task(each()) for each in by_themselves]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await hub.stop()
            await writer.stop()
            for engine in engines:
                engine.dispose()

    return lifespan


def _follower(
    config: Config, reading: Engine, hub: Hub, moved: Callable[[Mapping[str, int]], None], clock: Clock
) -> Follower | None:
    """What follows other nodes' commits; None on SQLite, which has no other nodes."""
    if is_sqlite(config.database_url):
        return None
    url = config.listen_url or config.database_url
    return Follower(reading, url, lambda: hub.watched, moved, clock)


def _asked(config: Config) -> list[tuple[Account, Api]]:
    """The accounts whose CRM is asked, each with its adapter's API."""
    apis = [(account, ADAPTERS[account.crm].api) for account in config.accounts if account.api]
    return [(account, api) for account, api in apis if api is not None]


def _health(engine: Engine, writer: Writer, metrics: Metrics) -> list[Route]:
    """`/healthz`: the process is up. `/readyz`: the database is there, with a schema that this version knows,
    and no account has been left to nodes with newer rules."""

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_request: Request) -> Response:
        try:
            await in_time(lambda: schema.check(engine))
        except (SQLAlchemyError, Unavailable, schema.SchemaError) as error:
            reason = str(error) if isinstance(error, schema.SchemaError) else "the database is away"
            return PlainTextResponse(reason, status_code=503, headers={"retry-after": "5"})
        if outdated := writer.outdated:
            reason = f"another node has other rules for {', '.join(sorted(outdated))}: restart this one"
            return PlainTextResponse(reason, status_code=503, headers={"retry-after": "5"})
        return PlainTextResponse("ready")

    async def metrics_text(_request: Request) -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics_text),
    ]
