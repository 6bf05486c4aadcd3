"""The one place where the parts meet: `create_app` connects writer, ticker, hub and routes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Lifespan

from service.baton import Baton
from service.brake import Brake
from service.clock import Clock
from service.config import Config
from service.http.around.address import Address
from service.http.around.direct import Direct
from service.http.around.in_turns import InTurns
from service.http.around.security import SecurityHeaders
from service.interface.routes import interface_routes
from service.ledger.database import schema
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.read.admin.reader import AdminReader
from service.ledger.read.admin.standings import StandingReader
from service.ledger.upkeep import recompute
from service.ledger.upkeep.by_hand.quarantine import Quarantine
from service.ledger.upkeep.classify import Classifier
from service.ledger.upkeep.refused import RefusedRequests
from service.ledger.upkeep.retention import Retention
from service.ledger.upkeep.screens import Screens
from service.ledger.upkeep.soundness import Soundness
from service.ledger.upkeep.ticker import Ticker
from service.ledger.write.heads import Head
from service.ledger.write.outcome import OnSeq
from service.ledger.write.writer import OnCommit, Writer
from service.live.http import routes as live
from service.live.http.admin.guard import Guard
from service.live.http.admin.routes import Admin, admin_routes
from service.live.http.admin.screens import AdminScreens
from service.live.http.error_pages import ErrorPages
from service.live.http.happening import Tell
from service.live.http.list_routes import Readers
from service.live.http.metrics_route import metrics_route
from service.live.http.screen_links import NamedScreens
from service.live.stream.hub import MAX_STREAMS, Hub
from service.live.stream.response import StreamEndpoint
from service.metrics import Metrics
from service.problems import DEFECT, Problem
from service.served.configuration import Served
from service.sync.accounts import SyncedAccounts
from service.sync.syncs import Syncs
from service.telemetry.tracing import UNTRACED, Tracing
from service.webhooks.endpoint import WebhookEndpoint

_REFUSED: Final = {404: "there is nothing at this address", 405: "this address does not take this method"}

Run = Callable[[], Coroutine[None, None, None]]
"""Runs a part until it is cancelled, or ends one."""


@dataclass(slots=True)
class Service:
    """The running parts, for the caller that starts and stops them. `app` starts them with its lifespan."""

    app: Starlette
    writer: Writer
    hub: Hub
    metrics: Metrics
    served: Served
    clock: Clock

    async def reload(self, config: Config) -> None:
        """Work by another configuration from now on, of which the accounts and the tokens may differ;
        figures that other rules computed are recomputed first. What fails changes nothing.

        Raises:
            OtherRules: A newer version of the service computed an account's figures.
            Unavailable: The database is away.
        """
        accounts = self.served.accounts_of(config)
        prepare = partial(recompute.adopt, accounts=accounts.values(), clock=self.clock)
        await self.writer.adopt(accounts, prepare)
        self.served.replace(config)


def create_app(
    config: Config,
    clock: Clock,
    streams: int = MAX_STREAMS,
    tell: Tell | None = None,
    tracing: Tracing = UNTRACED,
    baton: Baton | None = None,
) -> Service:
    """Put a service together on a database that is migrated and prepared. There are file descriptors for so
    many `streams` of events. An invented office can `tell` what happens in it. The loop has the `baton`."""
    served = Served(config)
    accounts = served.accounts
    database, metrics = Database(config.database_url, serving=True), Metrics()
    turns = baton if database.is_sqlite else None  # else the writer would hold it while a server works
    writer = Writer(database, dict(accounts), clock, metrics.commit, tracing=tracing, baton=turns)
    ticker, readers = Ticker(database, accounts, writer, clock), Readers.of(database, accounts, clock)
    hub = Hub(readers.boards, accounts, clock, lambda: writer.storing, streams, tracing)
    synced = SyncedAccounts(accounts, Syncs(database, writer, clock, metrics))
    screens, refused = NamedScreens(Screens(database), clock), RefusedRequests(database, accounts, clock)
    retention, soundness = Retention(database, config.keep_bodies_days, clock), Soundness(database, clock)

    on_seq: list[OnSeq] = [hub.on_seq, synced.on_seq]
    brake, classifier = Brake(clock, metrics.failed_proof), Classifier(database, clock, on_seq)
    runs: list[Run] = [ticker.run, retention.run, refused.run, soundness.run, brake.run]
    runs += [synced.run, metrics.run, *_with_other_nodes(config, database, hub, clock, on_seq)]
    _subscribe(writer, ticker, hub, soundness, metrics, on_seq)
    endpoint = WebhookEndpoint(accounts, writer, clock, metrics, brake, on_refused=refused.note)
    served.on_accounts += [part.on_accounts for part in (endpoint, hub, ticker, refused, synced)]
    boards = live.routes(hub, readers, accounts, screens, brake, clock, classifier, tell)
    routes = [
        Route("/webhooks/{account}", endpoint),
        *boards.routes,
        metrics_route(metrics, lambda: served.metrics_token, brake, StandingReader(database, accounts).read),
        *_admin(served, database, writer, classifier, brake, clock),
        *_health(database, writer, soundness),
        *interface_routes(config.root_path),
    ]
    app = Application(routes, config.root_path, _lifespan(writer, (hub.stop, boards.stop), runs, database))
    return Service(app, writer, hub, metrics, served, clock)


def _subscribe(
    writer: Writer, ticker: Ticker, hub: Hub, soundness: Soundness, metrics: Metrics, on_seq: list[OnSeq]
) -> None:
    """Have those told of commits, that nothing can be stored, that the clock was set, that a page is
    damaged."""
    metrics.watch(lambda: writer.depth, lambda: hub.streams, lambda: writer.storing, lambda: soundness.gauge)
    writer.on_commit += [_seqs_to(on_seq), ticker.on_commit]
    writer.on_storing.append(hub.on_storing)
    ticker.on_set.append(hub.on_clock_set)
    writer.on_fault.append(soundness.on_fault)


class Application(Starlette):
    """The routes, with everything around them that holds for all of them.

    Args:
        root_path: As `Config.root_path`.
    """

    def __init__(
        self, routes: Sequence[Route], root_path: str = "", lifespan: Lifespan[Starlette] | None = None
    ) -> None:
        handlers = {HTTPException: _on_http_exception, Exception: _on_defect}
        streams = Middleware(Direct, endpoints=_by_path(routes, StreamEndpoint), root_path=root_path)
        super().__init__(routes=routes, middleware=[streams], exception_handlers=handlers, lifespan=lifespan)
        self._root_path = root_path
        self._webhooks = _by_path(routes, WebhookEndpoint)
        self.router.redirect_slashes = False  # `Address` takes the slash off

    def build_middleware_stack(self) -> ASGIApp:
        """Starlette's own, which end with the routes, inside those of the service."""
        app = Direct(InTurns(super().build_middleware_stack()), self._webhooks, self._root_path)
        return SecurityHeaders(ErrorPages(Address(app, self._root_path), self._root_path))


def _by_path(routes: Sequence[Route], kind: type[ASGIApp]) -> dict[str, ASGIApp]:
    """The ASGI callables of a kind that routes lead to."""
    return {route.path: route.endpoint for route in routes if isinstance(route.endpoint, kind)}


async def _on_defect(_request: Request, _error: Exception) -> Response:
    """The response to a defect, which the server logs."""
    return DEFECT  # type: ignore[return-value]


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    """The response where Starlette itself refuses: no such address, or not this method."""
    assert isinstance(error, HTTPException)
    headers = tuple((name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items())
    return Problem(error.status_code, _REFUSED.get(error.status_code, error.detail), headers)  # type: ignore[return-value]


def _seqs_to(subscribers: Sequence[OnSeq]) -> OnCommit:
    """Hand the sequence numbers of new heads on."""

    def on_commit(heads: Mapping[str, Head]) -> None:
        seqs = {account_id: head.seq for account_id, head in heads.items()}
        for subscriber in subscribers:
            subscriber(seqs)

    return on_commit


def _lifespan(
    writer: Writer, stops: Sequence[Run], runs: Sequence[Run], database: Database
) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    """Starts and stops the parts. Parts that may submit end before the writer, and the writer before its
    connections."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        writer.start()
        tasks = [asyncio.create_task(run()) for run in runs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for stop in stops:
                await stop()
            await writer.stop()
            database.close()

    return lifespan


def _with_other_nodes(
    config: Config, database: Database, hub: Hub, clock: Clock, on_seq: list[OnSeq]
) -> list[Run]:
    """Hand other nodes' commits to the subscribers, and tell the nodes of those here; what runs for that.
    SQLite has no other nodes."""
    if database.is_sqlite:
        return []
    from service.ledger.upkeep.follow import Follower

    follower = Follower(database, config.listen_url or config.database_url, lambda: hub.watched, clock)
    follower.on_seq += on_seq
    on_seq.append(follower.announce)
    return [follower.run]


def _admin(
    served: Served, database: Database, writer: Writer, classifier: Classifier, brake: Brake, clock: Clock
) -> list[Route]:
    """The admin page. What is done on it is told as the writer's commits are."""
    admin = Admin(
        AdminReader(database, served.accounts, clock),
        Quarantine(database, clock, writer.on_commit),
        classifier,
        AdminScreens(Screens(database), clock),
    )
    return admin_routes(admin, Guard(lambda: served.admin_token, served.accounts, brake, clock))


def _health(database: Database, writer: Writer, soundness: Soundness) -> list[Route]:
    """`/healthz`: the process is up. `/readyz`: the database can be used and is sound, this version can work
    on its schema, and no account was left to nodes with newer rules."""

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_request: Request) -> ASGIApp:
        try:
            await database.read(schema.check)
        except schema.SchemaError as error:
            return _not_ready(str(error))
        except Unavailable:
            return _not_ready("the database is away")
        if not writer.storing:
            return _not_ready("nothing can be stored")
        if soundness.is_damaged:
            return _not_ready("the database is damaged: restore a backup, or see lossboard check-database")
        if writer.outdated:  # the log names the accounts, and strangers need not know which there are
            return _not_ready("another node has other rules for some accounts: reload or restart this one")
        return PlainTextResponse("ready")

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def _not_ready(reason: str) -> Problem:
    return Problem(503, reason, live.RETRY)
