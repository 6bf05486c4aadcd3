"""`lossboard sync`, `lossboard subscribe` and `lossboard import`: what is asked of a CRM, and the file that
stands in for that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import BinaryIO, Final

import click

from service.clock import SystemClock
from service.commands import crm_api, import_csv, operations
from service.commands.import_csv import Imported
from service.commands.options import growing_bar, with_config
from service.config import Config
from service.ledger.write.syncs import SyncRun

MOST_WORDS: Final = 20
"""Statuses that are told of those that are not known."""


@click.command()
@click.argument("account_id")
@with_config
def sync(config: Config, account_id: str) -> None:
    """Bring what the CRM has already: open deals and tasks, who is who, and the deals lost in 400 days.

    It can be cut off, and goes on where it was; webhooks may come in meanwhile.
    """
    account = operations.account_of(config, account_id)
    with growing_bar(f"Asking {account.crm}") as reached:

        def progress(run: SyncRun) -> None:
            reached(run.stage, run.stages, f"{run.entities} deals and tasks")

        asyncio.run(crm_api.backfill(config, account, SystemClock(), progress))
    click.echo(f"{account.id}: complete")


@click.command()
@click.argument("account_id")
@with_config
def subscribe(config: Config, account_id: str) -> None:
    """Have the CRM post its webhooks here; where its API cannot do that, print what to click."""
    account = operations.account_of(config, account_id)
    found = asyncio.run(crm_api.subscribe(account, SystemClock()))
    if found.state == "by_hand":
        for line in found.steps:
            click.echo(line)
    else:
        said = {"there": "the CRM posts its webhooks here already", "added": "the webhook is registered"}
        click.echo(f"{account.id}: {said[found.state]}")


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--account", "account_id", required=True, help="The account whose board it feeds.")
@with_config
def import_file(config: Config, file: BinaryIO, account_id: str) -> None:
    """Import a CSV file of deals or of tasks, for a start without an API token.

    If a line is bad, all bad lines are told and nothing is imported. The same file again changes nothing.
    """
    account, clock = operations.account_of(config, account_id), SystemClock()
    body = file.read(import_csv.LARGEST + 1)
    length = body.count(b"\n") + 1
    with growing_bar(f"Importing {file.name}") as reached:
        request, found = import_csv.read(
            body, account, clock, lambda done: reached(done, 2 * length, "reading")
        )
        reached(length, 2 * length, "storing")
        imported = asyncio.run(import_csv.store(config, account, clock, request, found))
        reached(2 * length, 2 * length, "stored")
    for line in _said(imported):
        click.echo(f"{account.id}: {line}")


def _said(imported: Imported) -> Iterator[str]:
    """What to say of a file that was imported."""
    read = imported.read
    if imported.outcome.status == "duplicate":
        yield "this file was imported before: nothing changed"
        return
    things = read.kind if read.entities == 1 else f"{read.kind}s"
    yield f"{read.entities} {things}, new or changed: {imported.changed}"
    if read.ignored:
        yield f"columns that are not known, and were left out: {', '.join(read.ignored)}"
    if read.taken_as_open:
        words = list(read.taken_as_open)
        more = f", and {len(words) - MOST_WORDS} more" if len(words) > MOST_WORDS else ""
        yield f"statuses that were taken as open: {', '.join(words[:MOST_WORDS])}{more}"
