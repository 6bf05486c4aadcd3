"""`lossboard forget` and `lossboard purge`: personal data, of one person and of a whole account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from service.clock import SystemClock
from service.commands.options import bar, with_config
from service.config import Config, ConfigError
from service.ledger.database import files
from service.ledger.database.engine import is_sqlite
from service.ledger.read.decoding import decode
from service.ledger.upkeep import attach
from service.ledger.upkeep import purge as purging
from service.ledger.upkeep.forget import Forgetting
from service.ledger.write import log

OLD_ROWS: Final = "PostgreSQL keeps the old rows' bytes: see Personal data in docs/how-to/operations.md"
STILL_READ: Final = (
    "somebody reads an old state of the database: its bytes go when that has ended, and nothing comes for 5 s"
)


@click.command()
@click.argument("account_id")
@click.argument("client_id")
@click.option("--name", "names", multiple=True, help="Look for this name, too: a former or a declined one.")
@with_config
def forget(config: Config, account_id: str, client_id: str, names: tuple[str, ...]) -> None:
    """Delete a client's names and texts, everywhere: state, log, quarantine. Delete the client in the CRM
    first, because what the CRM sends afterwards is taken.

    A deal without a client is named by deal:ID.
    """
    account, clock = config.account(account_id), SystemClock()
    with attach.opened(config.database_url) as database:
        with database.reading() as connection:
            length = 2 * log.newest_number(connection, account.id)
        with bar(length, f"Forgetting client {client_id}") as progress:
            forgetting = Forgetting(
                database,
                account,
                lambda stored: decode(stored, account),
                clock.now(),
                progress,
            )
            done = forgetting.run(client_id, names)
    click.echo(
        f"{account.id}: client {client_id} is forgotten: {done.texts} names and texts cleared, "
        f"{done.deliveries} deliveries stripped, {done.released} of them out of quarantine"
    )
    for line in _wiped(config):
        click.echo(line)


@click.command()
@click.argument("account_id")
@click.option("--configured", is_flag=True, help="Empty an account that is still in the configuration.")
@with_config
def purge(config: Config, account_id: str, configured: bool) -> None:
    """Delete everything that the database holds of an account that was removed from the configuration."""
    is_configured = account_id in {account.id for account in config.accounts}
    if is_configured and not configured:
        raise ConfigError(
            f"account {account_id} is in the configuration: remove it there and reload, "
            "or give --configured to begin again with an empty board"
        )
    with attach.opened(config.database_url) as database:
        with database.reading() as connection:
            length = log.newest_number(connection, account_id)
        with bar(length, f"Purging {account_id}") as progress:
            deliveries = purging.purge(database, account_id, served=is_configured, progress=progress)
    click.echo(f"{account_id}: purged, with {deliveries} deliveries")
    for line in _wiped(config):
        click.echo(line)


def _wiped(config: Config) -> Iterator[str]:
    """Rewrite the database without old bytes; yields what is left to be said."""
    if not is_sqlite(config.database_url):
        yield OLD_ROWS
    elif not files.wipe_old(config.database_url):
        yield STILL_READ
