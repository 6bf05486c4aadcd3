"""Serves a configuration: migrates, prepares, rebuilds what is due, serves, and stops in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from service import baton, metrics
from service.app import Service, create_app
from service.baton import Baton
from service.clock import Clock, SystemClock
from service.commands import operations
from service.commands.figures import rebuild_at_start
from service.commands.options import listening_options, with_secrets
from service.commands.reloading.control import ControlSocket
from service.commands.reloading.hangups import Hangups
from service.commands.reloading.links import Linked, with_links
from service.commands.reloading.reloads import Reloads
from service.commands.reloading.source import Source
from service.config import Account, Config, ConfigError
from service.http import descriptors, supervisor
from service.http.listening import listen
from service.http.notify import NOBODY, ServiceManager
from service.http.server import Server, address
from service.ledger.database import schema
from service.ledger.database.database import Database
from service.ledger.database.engine import is_sqlite
from service.ledger.database.errors import Moved
from service.ledger.write.writer import Fault
from service.live.http.happening import Tell
from service.telemetry import logs, tracing

if TYPE_CHECKING:  # imported only where traces are wanted
    from service.telemetry.spans import Traces

_ONE_PROCESS: Final = "--workers needs PostgreSQL (database_url): only one process can serve an SQLite file"

GARBAGE: Final = (10_000, 1, 600)
"""How many new objects have the collector of garbage look for those that only hold one another, and how many
such looks have it look further. Python's own are 700, 10 and 10: for some webhooks each, which leave none.
The second is small because each look stops everything: 20 000 objects of screens take some 15 ms."""

Rebuild = Callable[[Config, Account], None]

_log = logging.getLogger(__name__)


@click.command()
@listening_options
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="PostgreSQL only.")
@with_secrets
def serve(config: Config, host: str, port: int, workers: int) -> None:
    """Receive webhooks and serve the boards."""
    logs.set_up(config.log)
    tracing.is_wanted(os.environ)
    serve_config(config, SystemClock(), host, port, rebuild_at_start, workers)


def serve_config(
    config: Config,
    clock: Clock,
    host: str,
    port: int,
    rebuild: Rebuild,
    workers: int = 1,
    on_started: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal to stop. `on_started` hears that requests are accepted.

    Raises:
        AlreadyServed: Another process serves the same SQLite file.
        ConfigError: Several workers are wanted with SQLite.
        Moved: The database's file is missing, or is not the one at its path any more.
        CannotListen: The port is taken, or the address is not ours.
    """
    if workers > 1 and is_sqlite(config.database_url):
        raise ConfigError(_ONE_PROCESS)
    hangups, source = Hangups.of_process(), Source(with_links(config), os.environ)
    manager = ServiceManager(os.environ)

    def started(url: str) -> None:
        source.linked.print_addresses(url)
        manager.ready(url)
        on_started()

    with operations.alone(config), closing(ControlSocket(source.file)) as control:
        manager.preparing("Preparing the database")
        make_ready(config, clock, rebuild)
        for line in operations.exposed_files(config):
            _log.warning("%s", line)
        with listen(host, port) as listening:
            url = address(host, listening)
            reloads = Reloads(source, hangups, control, partial(_print_new_addresses, source, url))
            if workers == 1:
                serve = partial(serve_until_signal, reloads, clock, host, listening, started, manager=manager)
                baton.run(lambda shared: serve(baton=shared))
            else:
                _serve_by_workers(reloads, clock, listening, workers, partial(started, url), manager)


def _print_new_addresses(source: Source, url: str, before: Linked) -> None:
    """Print where the boards are that were not served before a reload."""
    source.linked.print_addresses(url, before.ids)


def _serve_by_workers(
    reloads: Reloads,
    clock: Clock,
    listening: socket.socket,
    workers: int,
    ready: Callable[[], None],
    manager: ServiceManager,
) -> None:
    def work(shared: socket.socket, parent_gone: int, ready: Callable[[], None]) -> None:
        asyncio.run(_work(reloads.in_worker(), clock, shared, parent_gone, ready))

    reload = partial(reloads.prepare, clock, manager.beat)
    with tempfile.TemporaryDirectory(prefix="lossboard-metrics-") as folder:
        metrics.share(Path(folder))
        supervisor.Supervisor(workers, listening, work, ready, manager, reload, metrics.died).run()


async def _work(
    reloads: Reloads, clock: Clock, shared: socket.socket, parent_gone: int, ready: Callable[[], None]
) -> None:
    server, service = _server(reloads.config, clock, "", lambda _url: ready())
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(parent_gone)
        server.stop()

    loop.add_reader(parent_gone, stop)
    async with reloads.of(service):
        await server.serve(sockets=[shared])


def make_ready(config: Config, clock: Clock, rebuild: Rebuild) -> None:
    """Migrate and prepare the database, and rebuild what is due."""
    for line in operations.lacking(config):
        _log.error("%s", line)
    schema.migrate(config.database_url)
    with closing(Database(config.database_url)) as database:
        operations.prepare(database, config, clock)
        due = operations.accounts_to_rebuild(database, config)
    for account in due:
        rebuild(config, account)


async def serve_until_signal(
    reloads: Reloads,
    clock: Clock,
    host: str,
    listening: socket.socket,
    started: Callable[[str], None],
    tell: Tell | None = None,
    manager: ServiceManager = NOBODY,
    baton: Baton | None = None,
) -> None:
    """Serve until a signal to stop.

    Args:
        reloads: Gives the configuration, and those that replace it.
        tell: See `create_app`; so is `baton`.
        manager: Hears that the process works, and that it stops.

    Raises:
        Moved: The database's file is not the one at its path any more.
    """
    moved: list[Moved] = []

    def stop_if_moved(fault: Fault) -> None:
        if isinstance(fault, Moved) and not moved:
            moved.append(fault)
            _log.critical("%s", fault)
            server.stop()

    server, service = _server(reloads.config, clock, host, started, stop_if_moved, tell, manager, baton)
    async with manager.watching(lambda: service.writer.is_alive), reloads.of(service):
        await server.serve(sockets=[listening])
    if moved:
        raise moved[0]


def _server(
    config: Config,
    clock: Clock,
    host: str,
    started: Callable[[str], None],
    on_fault: Callable[[Fault], None] = lambda _fault: None,
    tell: Tell | None = None,
    manager: ServiceManager = NOBODY,
    baton: Baton | None = None,
) -> tuple[Server, Service]:
    shares = descriptors.shares(descriptors.raise_limit())
    traces = _traces(config)
    service = create_app(config, clock, shares.streams, tell, traces or tracing.UNTRACED, baton)
    gc.freeze()  # it lives as long as the process, and need not be looked through
    gc.set_threshold(*GARBAGE)
    service.writer.on_fault.append(on_fault)

    def stopping() -> None:
        manager.stopping()
        service.hub.close()

    server = Server(
        service.app if traces is None else traces.around(service.app),
        host,
        0,
        stopping,
        started,
        shares.connections,
        service.metrics.connection_closed,
        config.trusted_proxies,
    )
    return server, service


def _traces(config: Config) -> Traces | None:
    """Where traces go, if the environment asks for them; then each line of the log leads to its span."""
    if not tracing.is_wanted(os.environ):
        return None
    from service.telemetry.spans import Traces, present, provider

    logs.add(present)
    return Traces(provider(os.environ), config.root_path)
