"""Serves a configuration: migrates, prepares, rebuilds what is due, serves, and stops in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import urlencode

import click

from service.app import Service, create_app
from service.clock import Clock, SystemClock
from service.commands import operations
from service.commands.figures import rebuild_at_start
from service.commands.options import listening_options, with_secrets
from service.config import Account, Config, ConfigError, Secret
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

_ONE_PROCESS: Final = "--workers needs PostgreSQL (database_url): only one process can serve an SQLite file"

GARBAGE: Final = (10_000, 20, 50)
"""How many new objects have the collector of garbage look for those that only hold one another, and how many
such looks have it look further. Python's own are 700, 10 and 10: for some webhooks each, which leave none."""

Rebuild = Callable[[Config, Account], None]

_log = logging.getLogger(__name__)


@click.command()
@listening_options
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="PostgreSQL only.")
@with_secrets
def serve(config: Config, host: str, port: int, workers: int) -> None:
    """Receive webhooks and serve the boards."""
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
    linked = with_links(config)
    manager = ServiceManager(os.environ)

    def started(url: str) -> None:
        linked.print_addresses(url)
        manager.ready(url)
        on_started()

    with operations.alone(config):
        manager.preparing("Preparing the database")
        make_ready(config, clock, rebuild)
        for line in operations.exposed_files(config):
            _log.warning("%s", line)
        with listen(host, port) as listening:
            if workers == 1:
                asyncio.run(
                    serve_until_signal(linked.config, clock, host, listening, started, manager=manager)
                )
            else:
                ready = partial(started, address(host, listening))
                _serve_by_workers(linked.config, clock, listening, workers, ready, manager)


class Linked(NamedTuple):
    """A configuration in which every account has a viewer token.

    Args:
        links: The parameters of the addresses of boards whose token was made at this start; by account.
    """

    config: Config
    links: dict[str, str]

    def print_addresses(self, url: str) -> None:
        """Print where the boards are, and where webhooks go."""
        url = f"{url}{self.config.root_path}"
        for account in self.config.accounts:
            board = f"{url}/boards/{account.id}{self.links.get(account.id, '')}"
            click.echo(f"{account.title}: {board}; webhooks to {url}/webhooks/{account.id}")
        if self.links:
            click.echo(
                "A link with a token is good until the service stops; viewer_token makes one that stays."
            )


def with_links(config: Config) -> Linked:
    """The configuration, with a token made for each account that has none: anybody who reads what the service
    prints may see its boards, and nobody else."""
    links: dict[str, str] = {}
    accounts = []
    for account in config.accounts:
        token = account.viewer_token
        if token is None:
            token = Secret(secrets.token_urlsafe(24))
            links[account.id] = f"?{urlencode({'token': token.value})}"
        accounts.append(replace(account, viewer_token=token))
    return Linked(replace(config, accounts=tuple(accounts)), links)


def _serve_by_workers(
    config: Config,
    clock: Clock,
    listening: socket.socket,
    workers: int,
    ready: Callable[[], None],
    manager: ServiceManager,
) -> None:
    def work(shared: socket.socket, parent_gone: int, ready: Callable[[], None]) -> None:
        asyncio.run(_work(config, clock, shared, parent_gone, ready))

    supervisor.Supervisor(workers, listening, work, ready, manager).run()


async def _work(
    config: Config, clock: Clock, shared: socket.socket, parent_gone: int, ready: Callable[[], None]
) -> None:
    server, _ = _server(config, clock, "", lambda _url: ready())
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(parent_gone)
        server.stop()

    loop.add_reader(parent_gone, stop)
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
    config: Config,
    clock: Clock,
    host: str,
    listening: socket.socket,
    started: Callable[[str], None],
    tell: Tell | None = None,
    manager: ServiceManager = NOBODY,
) -> None:
    """Serve until a signal to stop.

    Args:
        tell: See `create_app`.
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

    server, service = _server(config, clock, host, started, stop_if_moved, tell, manager)
    async with manager.watching(lambda: service.writer.is_alive):
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
) -> tuple[Server, Service]:
    shares = descriptors.shares(descriptors.raise_limit())
    service = create_app(config, clock, shares.streams, tell)
    gc.freeze()  # it lives as long as the process, and need not be looked through
    gc.set_threshold(*GARBAGE)
    service.writer.on_fault.append(on_fault)

    def stopping() -> None:
        manager.stopping()
        service.hub.close()

    server = Server(
        service.app,
        host,
        0,
        stopping,
        started,
        shares.connections,
        service.metrics.connection_closed,
        config.trusted_proxies,
    )
    return server, service
