"""The command line: each command parses its arguments and makes one call."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable

import click

from service.clock import SystemClock
from service.commands import crm_api, operations, tail
from service.commands.crm import import_file, subscribe, sync
from service.commands.database import backup, check_database, move_to, restore
from service.commands.demo import serve_demo
from service.commands.options import accounts, bar, plain_errors, with_config
from service.commands.people import forget, purge
from service.commands.screens import screens
from service.commands.serving import serve_config
from service.config import Account, Config
from service.demo.run import CRMS, EXAMPLES_SECONDS
from service.ledger.database import schema
from service.ledger.upkeep import attach
from service.ledger.write import log


def _address(command: Callable[..., None]) -> Callable[..., None]:
    port = click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
    host = click.option("--host", default="127.0.0.1", show_default=True)
    return host(port(command))


@click.group()
@click.version_option(package_name="lossboard")
def main() -> None:
    """Where a sales office loses its money, live on its wall."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)


@main.command()
@_address
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="PostgreSQL only.")
@with_config
def serve(config: Config, host: str, port: int, workers: int) -> None:
    """Receive webhooks and serve the boards."""
    serve_config(config, SystemClock(), host, port, _rebuild_at_start, workers)


@main.command()
@_address
@click.option("--crm", default="amocrm", show_default=True, type=click.Choice(list(CRMS)))
@click.option("--still", is_flag=True, help="Post the worked examples, then leave the office quiet.")
@click.option(
    "--examples",
    "examples_seconds",
    default=EXAMPLES_SECONDS,
    show_default=True,
    type=click.IntRange(0),
    help="Seconds that the worked examples stand before the office goes on.",
)
@click.option("--database-url", default=None, help="An empty database (default: a temporary SQLite file).")
def demo(
    host: str, port: int, crm: str, still: bool, examples_seconds: int, database_url: str | None
) -> None:
    """Serve a simulated sales office, whose CRM posts webhooks in its vendor's format."""
    with plain_errors(), tempfile.TemporaryDirectory(prefix="lossboard-demo-") as folder:
        url = database_url or f"sqlite:///{folder}/demo.db"
        standing = None if still else examples_seconds
        serve_demo(crm, url, SystemClock(), host, port, examples_seconds=standing)


@main.command()
@with_config
def migrate(config: Config) -> None:
    """Bring the database's schema up to date."""
    with operations.alone(config):
        click.echo(f"schema {schema.migrate(config.database_url)}")


@main.command("check-config")
@click.option("--online", is_flag=True, help="Also ask each account's CRM whether it answers.")
@with_config
def check_config(config: Config, online: bool) -> None:
    """Check the configuration and print each account; exit code 1 if a CRM does not answer as it should."""
    clean = True
    for line in operations.exposed_files(config):
        click.echo(f"warning: {line}", err=True)
    for account in config.accounts:
        click.echo(
            f"{account.id}: {account.title} ({account.crm}, {account.timezone}, {account.currency}); "
            f"webhooks to {account.webhook_address}"
        )
        for line in operations.classified_by_hand(config, account):
            click.echo(f"{account.id}: {line}")
        if online and account.api is not None:
            wrong = asyncio.run(crm_api.wrong(account, SystemClock()))
            for line in wrong or ["its API answers"]:
                click.echo(f"{account.id}: {line}")
            clean = clean and not wrong
    if not clean:
        sys.exit(1)


@main.command()
@click.argument("account_id", required=False)
@with_config
def verify(config: Config, account_id: str | None) -> None:
    """Recompute everything and compare it with the database; exit code 1 if anything differs."""
    clean = True
    for account in accounts(config, account_id):
        length = operations.size(config, account, with_log=True)
        with bar(length, f"Checking {account.id}") as progress:
            result = operations.verify(config, account, progress)
        for row in result.differences:
            click.echo(f"{account.id}: {row.table} {row.key}: {row.actual}, expected {row.expected}")
        checked = "projections and state" if result.log_complete else "projections (the log was pruned)"
        click.echo(f"{account.id}: {checked}: {len(result.differences)} differences")
        clean = clean and not result.differences
    if not clean:
        sys.exit(1)


@main.command()
@click.argument("account_id", required=False)
@click.option(
    "--from-log", is_flag=True, help="First decode the raw bodies again with this version's adapters."
)
@with_config
def rebuild(config: Config, account_id: str | None, from_log: bool) -> None:
    """Recompute the figures from state."""
    with operations.alone(config):
        for account in accounts(config, account_id):
            _rebuild(config, account, from_log=from_log)


def _rebuild(config: Config, account: Account, *, from_log: bool) -> None:
    length = operations.size(config, account, with_log=from_log)
    with bar(length, f"Rebuilding {account.id}") as progress:
        operations.rebuild(config, account, SystemClock(), progress, from_log=from_log)
    click.echo(f"{account.id}: rebuilt")


def _rebuild_at_start(config: Config, account: Account) -> None:
    click.echo(f"{account.id}: its rules changed (time zone, currency, rates or version)")
    _rebuild(config, account, from_log=False)


for _command in (
    screens,
    sync,
    subscribe,
    import_file,
    backup,
    restore,
    move_to,
    check_database,
    forget,
    purge,
):
    main.add_command(_command)


@main.group()
def quarantine() -> None:
    """Deliveries that could not be decoded or applied."""


@quarantine.command("list")
@click.argument("account_id", required=False)
@with_config
def quarantine_list(config: Config, account_id: str | None) -> None:
    """List quarantined deliveries, oldest first."""
    for account in accounts(config, account_id):
        for row in attach.read(config.database_url, log.quarantined, account.id):
            click.echo(f"{account.id} {row.number} part {row.part}: {row.error}")


@quarantine.command("show")
@click.argument("account_id")
@click.argument("number", type=int)
@with_config
def quarantine_show(config: Config, account_id: str, number: int) -> None:
    """Show a delivery: when it came, its errors, and its raw body."""
    account = operations.account_of(config, account_id)
    stored = attach.read(config.database_url, log.one, account.id, number)
    if stored is None:
        raise LookupError(f"there is no delivery {number}")
    for line in tail.full(stored, account, attach.read(config.database_url, log.quarantined, account.id)):
        click.echo(line)


@quarantine.command("retry")
@click.argument("account_id")
@click.argument("number", type=int, required=False)
@with_config
def quarantine_retry(config: Config, account_id: str, number: int | None) -> None:
    """Decode and apply one delivery, or all quarantined ones, again."""
    account = operations.account_of(config, account_id)
    rows = attach.read(config.database_url, log.quarantined, account.id)
    numbers = sorted({row.number for row in rows}) if number is None else [number]
    with bar(len(numbers), f"Retrying {account.id}") as progress:
        for delivery in numbers:
            decoded = operations.retry(config, account, delivery, SystemClock())
            progress(1)
            errors = "; ".join(rejection.error for rejection in decoded.rejections)
            click.echo(f"{account.id} {delivery}: {f'still: {errors}' if errors else 'applied'}")


@quarantine.command("drop")
@click.argument("account_id")
@click.argument("number", type=int)
@with_config
def quarantine_drop(config: Config, account_id: str, number: int) -> None:
    """Remove a delivery from quarantine without applying it; the log keeps it."""
    account = operations.account_of(config, account_id)
    if not operations.drop(config, account, number):
        raise LookupError(f"delivery {number} is not in quarantine")
    click.echo(f"{account.id} {number}: dropped")


@main.command("tail")
@click.argument("account_id", required=False)
@click.option(
    "--lines", default=10, show_default=True, type=click.IntRange(0), help="Earlier deliveries to show."
)
@click.option("--once", is_flag=True, help="Show them and exit.")
@with_config
def tail_deliveries(config: Config, account_id: str | None, lines: int, once: bool) -> None:
    """Follow deliveries and what each one changed, for a person who connects a CRM."""
    followed = accounts(config, account_id)
    seen: dict[str, int] = {}
    for account in followed:
        newest = attach.read(config.database_url, log.newest_number, account.id)
        seen[account.id] = max(0, newest - lines)
    while True:
        for account in followed:
            for stored in attach.read(config.database_url, log.stored, account.id, seen[account.id]):
                seen[account.id] = stored.number
                click.echo(tail.line(stored, account))
        if once:
            return
        time.sleep(tail.POLL_SECONDS)
