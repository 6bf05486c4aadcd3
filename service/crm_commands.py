"""`lossboard sync` and `lossboard subscribe`: what is asked of a CRM."""

from __future__ import annotations

import asyncio

import click

from service import asking, operations
from service.clock import SystemClock
from service.config import Config
from service.ledger.syncs import Pass
from service.options import growing_bar, with_config


@click.command()
@click.argument("account_id")
@with_config
def sync(config: Config, account_id: str) -> None:
    """Bring what the CRM has already: open deals and tasks, who is who, and the deals lost in 400 days.

    It can be cut off, and goes on where it was; webhooks may come in meanwhile.
    """
    account = operations.account_of(config, account_id)
    with growing_bar(f"Asking {account.crm}") as reached:

        def told(passing: Pass) -> None:
            reached(passing.stage, passing.stages, f"{passing.entities} deals and tasks")

        asyncio.run(asking.backfill(config, account, SystemClock(), told))
    click.echo(f"{account.id}: complete")


@click.command()
@click.argument("account_id")
@with_config
def subscribe(config: Config, account_id: str) -> None:
    """Have the CRM post its webhooks here; where its API cannot do that, print what to click."""
    account = operations.account_of(config, account_id)
    found = asyncio.run(asking.subscribe(account, SystemClock()))
    if found.state == "by_hand":
        for line in found.steps:
            click.echo(line)
    else:
        said = {"there": "the CRM posts its webhooks here already", "added": "the webhook is registered"}
        click.echo(f"{account.id}: {said[found.state]}")
