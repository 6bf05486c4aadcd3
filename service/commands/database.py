"""`lossboard migrate`, `backup`, `restore`, `move-to` and `check-database`: the database as a whole."""

from __future__ import annotations

import contextlib
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from service.calendar import iso
from service.clock import SystemClock
from service.commands import operations
from service.commands.options import bar, with_config
from service.config import Account, Config, ConfigError, zone
from service.ledger.database import check, files, schema
from service.ledger.database.database import Database
from service.ledger.database.engine import AlreadyServed
from service.ledger.upkeep import attach, move

POSTGRESQL: Final = "postgresql+psycopg://"


@click.command()
@with_config
def migrate(config: Config) -> None:
    """Bring the database's schema up to date."""
    with operations.alone(config):
        click.echo(f"schema {schema.migrate(config.database_url)}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_config
def backup(config: Config, file: Path) -> None:
    """Write a checked copy of the SQLite database into FILE, also while it is served."""
    source = files.path_of(config.database_url)
    with bar(files.size_of(source), "Copying") as progress:
        revision = files.back_up(config.database_url, file, progress)
    click.echo(f"{file}: {file.stat().st_size} bytes, schema {revision}, checked")


@click.command("check-database")
@with_config
def check_database(config: Config) -> None:
    """Check every page, index and row of the database, also while it is served; exit code 1 if it is damaged.

    While it is served, what its log may have lacked at the start is not seen: see the service's log.
    """
    lines: list[str] = []
    with contextlib.suppress(AlreadyServed), operations.alone(config):
        lines += operations.lacking(config)
    with contextlib.closing(Database(config.database_url)) as database:
        with database.reading() as connection:
            schema.check(connection)
        with bar(check.STEPS, "Checking") as progress:
            lines += check.thorough(database, progress)
    for line in lines or ["the database is sound"]:
        click.echo(line)
    if lines:
        sys.exit(1)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_config
def restore(config: Config, file: Path) -> None:
    """Put the copy FILE in the place of the SQLite database, and keep the old one aside.

    Refuses while the database is served.
    """
    files.path_of(config.database_url)
    stamp = re.sub(r"\D", "", iso(SystemClock().now(), zone("Etc/UTC"))[:19])
    with operations.alone(config), bar(files.size_of(file), "Restoring") as progress:
        aside = files.restore(config.database_url, file, stamp, progress)
    kept = "" if aside is None else f"; the old database is {aside}"
    click.echo(f"restored from {file}{kept}")


@click.command("move-to")
@click.argument("url")
@with_config
def move_to(config: Config, url: str) -> None:
    """Copy everything from the SQLite database into an empty PostgreSQL database at URL, and verify it there.

    Refuses while the database is served. It stays as it is; afterwards set database_url to URL.
    """
    files.path_of(config.database_url)
    if not url.startswith(POSTGRESQL):
        raise ConfigError(f"move-to needs the URL of a PostgreSQL database, like {POSTGRESQL}host/name")
    with operations.alone(config):
        schema.migrate(url)
        with (
            attach.opened(config.database_url) as source,
            attach.opened(url) as target,
            bar(move.size(source), "Moving") as progress,
        ):
            moved = move.move(source, target, progress)
    click.echo(f"moved {moved} rows, and read each one back")
    differences = [_differences(replace(config, database_url=url), account) for account in config.accounts]
    if any(differences):
        sys.exit(1)
    click.echo("now set database_url to that database; the SQLite file is as it was")


def _differences(config: Config, account: Account) -> int:
    """Verify an account, and tell of it; returns how many differences there are."""
    length = operations.size(config, account, with_log=True)
    with bar(length, f"Checking {account.id}") as progress:
        result = operations.verify(config, account, progress)
    click.echo(f"{account.id}: {result.count} differences")
    return result.count
