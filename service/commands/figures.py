"""`lossboard verify` and `rebuild`: the figures, recomputed."""

from __future__ import annotations

import sys

import click

from service.clock import SystemClock
from service.commands import operations
from service.commands.options import accounts, bar, with_config
from service.config import Account, Config


@click.command()
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
        if result.more:
            click.echo(f"{account.id}: and {result.more} more")
        checked = "projections and state" if result.log_complete else "projections (the log was pruned)"
        click.echo(f"{account.id}: {checked}: {result.count} differences")
        clean = clean and not result.differences
    if not clean:
        sys.exit(1)


@click.command()
@click.argument("account_id", required=False)
@click.option(
    "--from-log", is_flag=True, help="First decode the raw bodies again with this version's adapters."
)
@with_config
def rebuild(config: Config, account_id: str | None, from_log: bool) -> None:
    """Recompute the figures from state."""
    with operations.alone(config):
        for account in accounts(config, account_id):
            rebuild_account(config, account, from_log=from_log)


def rebuild_account(config: Config, account: Account, *, from_log: bool) -> None:
    """Rebuild one account, and say so."""
    length = operations.size(config, account, with_log=from_log)
    with bar(length, f"Rebuilding {account.id}") as progress:
        operations.rebuild(config, account, SystemClock(), progress, from_log=from_log)
    click.echo(f"{account.id}: rebuilt")


def rebuild_at_start(config: Config, account: Account) -> None:
    """Rebuild one account because its rules are not those of its figures, before it is served."""
    click.echo(f"{account.id}: its rules changed (time zone, currency, rates or version)")
    rebuild_account(config, account, from_log=False)
