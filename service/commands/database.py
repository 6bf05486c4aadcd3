"""`lossboard backup`, `restore` and `move-to`: the database as a whole."""

from __future__ import annotations

import re
from pathlib import Path

import click

from service.calendar import iso
from service.clock import SystemClock
from service.commands import operations
from service.commands.options import bar, with_config
from service.config import Config, zone
from service.ledger.database import files


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_config
def backup(config: Config, file: Path) -> None:
    """Write a checked copy of the SQLite database into FILE, also while it is served."""
    source = files.path_of(config.database_url)
    with bar(files.size_of(source), "Copying") as progress:
        revision = files.back_up(config.database_url, file, progress)
    click.echo(f"{file}: {file.stat().st_size} bytes, schema {revision}, checked")


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
