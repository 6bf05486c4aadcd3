"""`python -m tests.soak [--seed N] [--scale N] [NAME …]`: run the experiments one after another.

Writes RELIABILITY.json and the table of docs/explanation/reliability.md after each.
The exit code is 1 if one failed.
"""

from __future__ import annotations

import importlib
import sys
import time
import traceback
from datetime import UTC, datetime

import click

from tests.soak import report
from tests.soak.experiments import EXPERIMENTS


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(EXPERIMENTS))
@click.option("--seed", default=1, show_default=True)
@click.option("--scale", default=1.0, show_default=True, type=click.FloatRange(0, 1, min_open=True))
def main(names: tuple[str, ...], seed: int, scale: float) -> None:
    """Run the named experiments, or all."""
    failed = [name for name in names or EXPERIMENTS if not _ran(name, seed, scale)]
    if failed:
        click.echo(f"FAILED: {', '.join(failed)}")
    sys.exit(1 if failed else 0)


def _ran(name: str, seed: int, scale: float) -> bool:
    """Run one experiment and write down what came of it; False if it failed."""
    click.echo(f"== {name}")
    began = time.monotonic()
    here = report.Report(report.machine(), report.versions(), {})
    before = report.read() if report.FILE.exists() else None
    try:
        counts = importlib.import_module(f"tests.soak.{name}").run(seed, scale)
    except Exception:
        click.echo(traceback.format_exc())
        report.write(report.without(report.merged(before, here), name))
        return False
    seconds = round(time.monotonic() - began)
    for counted, value in counts.items():
        click.echo(f"   {counted}: {value}")
    today = datetime.now(UTC).date().isoformat()
    here.experiments[name] = report.Ran(today, report.commit(), seed, scale, seconds, counts)
    report.write(report.merged(before, here))
    return True


if __name__ == "__main__":
    main()
