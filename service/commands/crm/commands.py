"""The commands themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import BinaryIO, Final

import click

from service.clock import SystemClock
from service.commands.crm import api, import_csv
from service.commands.crm.import_csv import Imported
from service.commands.options import growing_bar, with_secrets
from service.config import Config
from service.ledger.write.syncs import SyncRun

MAX_STATUSES: Final = 20
"""Unknown statuses that the report on an import lists."""


@click.command()
@click.argument("account_id")
@with_secrets
def sync(config: Config, account_id: str) -> None:
    """Load what the CRM already has: open deals and tasks, names, and the deals lost within 400 days.

    It can be interrupted and resumes where it stopped; webhooks may arrive meanwhile.
    """
    account = config.account(account_id)
    with growing_bar(f"Reading {account.crm}") as report:

        def progress(run: SyncRun) -> None:
            report(run.stage, run.stages, f"{run.entities} deals and tasks")

        wrong = asyncio.run(api.backfill(config, account, SystemClock(), progress))
    click.echo(f"{account.id}: complete")
    for line in wrong:
        click.echo(f"{account.id}: {line}")


@click.command()
@click.argument("account_id")
@with_secrets
def subscribe(config: Config, account_id: str) -> None:
    """Register the webhook with the CRM, or print what to click where its API cannot do that."""
    account = config.account(account_id)
    subscription = asyncio.run(api.subscribe(account, SystemClock()))
    if subscription.state == "by_hand":
        for line in subscription.steps:
            click.echo(line)
    else:
        texts = {"present": "the webhook was already registered", "added": "the webhook is registered"}
        click.echo(f"{account.id}: {texts[subscription.state]}")


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--account", "account_id", required=True, help="The account that the file belongs to.")
@with_secrets
def import_file(config: Config, file: BinaryIO, account_id: str) -> None:
    """Import a CSV file of deals or tasks, to start without an API token.

    If any line is bad, all bad lines are printed and nothing is imported. Importing a file twice changes
    nothing.
    """
    account, clock = config.account(account_id), SystemClock()
    body = file.read(import_csv.MAX_FILE + 1)
    length = body.count(b"\n") + 1
    with growing_bar(f"Importing {file.name}") as report:
        request, parsed = import_csv.read(
            body, account, clock, lambda done: report(done, 2 * length, "reading")
        )
        report(length, 2 * length, "storing")
        imported = asyncio.run(import_csv.store(config, account, clock, request, parsed))
        report(2 * length, 2 * length, "stored")
    for line in _report(imported):
        click.echo(f"{account.id}: {line}")


def _report(imported: Imported) -> Iterator[str]:
    """The lines to print about an imported file."""
    read = imported.read
    if imported.outcome.status == "duplicate":
        yield "this file was imported before: nothing changed"
        return
    noun = read.kind if read.entities == 1 else f"{read.kind}s"
    yield f"{read.entities} {noun}, new or changed: {imported.changed}"
    if read.ignored:
        yield f"unknown columns, ignored: {', '.join(read.ignored)}"
    if read.taken_as_open:
        statuses = list(read.taken_as_open)
        more = f", and {len(statuses) - MAX_STATUSES} more" if len(statuses) > MAX_STATUSES else ""
        yield f"unknown statuses, taken as open: {', '.join(statuses[:MAX_STATUSES])}{more}"
