"""`lossboard reload`: has the service read its configuration again."""

from __future__ import annotations

from pathlib import Path

import click

from service.commands.options import CONFIG, plain_errors
from service.commands.reloading import control


@click.command()
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default=CONFIG,
    show_default=True,
    help="The configuration file that the service was started with.",
)
def reload(file: Path) -> None:
    """Have the running service read its configuration again.

    Accounts come and go, and change; so does metrics_token. Where anything in the file is wrong, or needs a
    restart, nothing changes.
    """
    with plain_errors():
        for process, changed in control.ask(file):
            click.echo(f"process {process}: {changed}")
