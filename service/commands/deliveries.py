"""`lossboard quarantine`: what came in and could not be used."""

from __future__ import annotations

import sys

import click

from service.clock import SystemClock
from service.commands import operations
from service.commands import tail as told
from service.commands.options import accounts, as_json, bar, show, with_config
from service.config import Config
from service.ledger.upkeep import attach
from service.ledger.write import log
from service.operator_error import Unknown


@click.group()
def quarantine() -> None:
    """Deliveries that could not be decoded or applied."""


@quarantine.command("list")
@click.argument("account_id", required=False)
@as_json
@with_config
def quarantine_list(config: Config, account_id: str | None, json: bool) -> None:
    """List quarantined deliveries, oldest first; exit code 1 if there are any."""
    rows = [
        row
        for account in accounts(config, account_id)
        for row in attach.read(config.database_url, log.quarantined, account.id)
    ]
    for row in rows:
        show(json, f"{row.account} {row.number} part {row.part}: {row.error}", row)
    if rows:
        sys.exit(1)


@quarantine.command("show")
@click.argument("account_id")
@click.argument("number", type=int)
@with_config
def quarantine_show(config: Config, account_id: str, number: int) -> None:
    """Show a delivery: when it came, its errors, and its raw body."""
    account = config.account(account_id)
    stored = attach.read(config.database_url, log.one, account.id, number)
    if stored is None:
        raise Unknown(f"there is no delivery {number}")
    for line in told.full(stored, account, attach.read(config.database_url, log.quarantined, account.id)):
        click.echo(line)


@quarantine.command("retry")
@click.argument("account_id")
@click.argument("number", type=int, required=False)
@with_config
def quarantine_retry(config: Config, account_id: str, number: int | None) -> None:
    """Decode and apply one delivery, or all quarantined ones, again."""
    account = config.account(account_id)
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
    account = config.account(account_id)
    if not operations.drop(config, account, number):
        raise Unknown(f"delivery {number} is not in quarantine")
    click.echo(f"{account.id} {number}: dropped")
