"""`lossboard backup`, `restore`, `move-to` and `check-database`: the database as a whole."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path

import click

from service.calendar import iso
from service.clock import SystemClock
from service.commands import operations
from service.commands.options import bar, with_config
from service.config import Config, zone
from service.ledger.database import check, files, schema
from service.ledger.database.database import Database
from service.ledger.database.engine import AlreadyServed


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
        lines += check.thorough(database)
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
