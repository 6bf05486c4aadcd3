"""`lossboard check-config`: whether the configuration can work."""

from __future__ import annotations

import asyncio
import sys

import click

from service.clock import SystemClock
from service.commands import operations
from service.commands.crm import api
from service.commands.options import with_secrets
from service.config import Config


@click.command("check-config")
@click.option("--online", is_flag=True, help="Also ask each account's CRM whether it answers.")
@with_secrets
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
            wrong = asyncio.run(api.wrong(account, SystemClock()))
            for line in wrong or ["its API answers"]:
                click.echo(f"{account.id}: {line}")
            clean = clean and not wrong
    if not clean:
        sys.exit(1)
