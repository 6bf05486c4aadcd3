"""From a configuration to a listening service: migrate, prepare, rebuild what is due, serve, and stop in
order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import click

from service import operations
from service.app import create_app
from service.clock import Clock
from service.config import Account, Config
from service.demo import run as demo
from service.ledger import schema
from service.ledger.engine import open_engine
from service.server import Server

Rebuild = Callable[[Config, Account], None]


def serve_config(config: Config, clock: Clock, host: str, port: int, rebuild: Rebuild) -> None:
    """Serve until told to stop.

    Raises:
        AlreadyServed: Another process serves the same SQLite file.
        ConfigError: An account's CRM kind is not supported.
    """
    with operations.alone(config):
        _make_ready(config, clock, rebuild)
        asyncio.run(_serve(config, clock, host, port, lambda url: _say_where(config, url)))


def _say_where(config: Config, url: str) -> None:
    for account in config.accounts:
        click.echo(f"{account.title}: {url}/boards/{account.id}; webhooks to {url}/webhooks/{account.id}")


def serve_demo(config: Config, clock: Clock, host: str, port: int, token: str, *, still: bool) -> None:
    """Serve the demo, and play its office against it, until told to stop."""

    async def play(url: str) -> None:
        click.echo(f"\n    The board: {url}/boards/demo\n")
        await demo.play(url, token, clock, still=still, stop=asyncio.Event())

    tasks: list[asyncio.Task[None]] = []

    def started(url: str) -> None:
        tasks.append(asyncio.create_task(play(url)))

    with operations.alone(config):
        _make_ready(config, clock, lambda _config, _account: None)
        asyncio.run(_serve(config, clock, host, port, started))


def _make_ready(config: Config, clock: Clock, rebuild: Rebuild) -> None:
    schema.migrate(config.database_url)
    engine = open_engine(config.database_url, "writer")
    try:
        operations.prepare(engine, config, clock)
        due = operations.accounts_to_rebuild(engine, config)
    finally:
        engine.dispose()
    for account in due:
        rebuild(config, account)


async def _serve(config: Config, clock: Clock, host: str, port: int, started: Callable[[str], None]) -> None:
    service = create_app(config, clock)
    server = Server(service.app, host, port, service.hub.close, started)
    await server.serve()
