"""`python -m tests.chaos [--seed N] [--node-kills N] …`: a long storm; exit code 1 if a check fails."""

from __future__ import annotations

import os
import platform
import sys

import click

from tests.chaos.storm import Plan, report, run


@click.command()
@click.option("--seed", default=1, show_default=True)
@click.option("--accounts", default=200, show_default=True)
@click.option("--screens", default=300, show_default=True)
@click.option("--senders", default=16, show_default=True)
@click.option("--node-kills", default=50, show_default=True)
@click.option("--node-freezes", default=10, show_default=True)
@click.option("--database-kills", default=10, show_default=True)
@click.option("--database-freezes", default=5, show_default=True)
def main(**amounts: int) -> None:
    """Run a storm and print the result."""
    click.echo(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    result = run(Plan(**amounts))
    click.echo(report(result))
    sys.exit(1 if result.problems else 0)


if __name__ == "__main__":
    main()
