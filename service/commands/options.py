"""What all commands use: the option `--config`, errors in one line, progress bars."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import msgspec

from service.config import Account, Config
from service.config_file import load
from service.ledger.database.private_files import check_folder
from service.operator_error import OperatorError

CONFIG: Final = "lossboard.toml"

Progress = Callable[[int], None]
"""Called with the number of steps that were taken since the last call."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print an error that the operator can solve as one line, without a traceback, and exit with its code."""
    try:
        yield
    except OperatorError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


def listening_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--host` and `--port`."""
    port = click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
    host = click.option("--host", default="127.0.0.1", show_default=True)
    return host(port(command))


def with_config(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--config`, and pass the loaded configuration to the command, which needs no secret of it."""
    return _with_config(command, secrets=False)


def with_secrets(command: Callable[..., None]) -> Callable[..., None]:
    """As `with_config`, for a command that needs the secrets: every one must be set."""
    return _with_config(command, secrets=True)


def _with_config(command: Callable[..., None], *, secrets: bool) -> Callable[..., None]:
    @functools.wraps(command)
    def wrapped(config_path: Path, **arguments: object) -> None:
        with plain_errors():
            config = load(config_path, os.environ, secrets=secrets)
            check_folder(config.database_url)
            command(config, **arguments)

    help = f"The configuration file (default: {CONFIG})."
    path = click.Path(path_type=Path)
    return click.option("--config", "config_path", type=path, default=CONFIG, help=help)(wrapped)


def as_json(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--json`."""
    return click.option("--json", is_flag=True, help="One JSON object a line, for programs.")(command)


def show(json: bool, line: str, value: object) -> None:
    """Print one thing: as a line for a person, or with `--json` as an object."""
    click.echo(msgspec.json.encode(value) if json else line)


def accounts(config: Config, account_id: str | None) -> tuple[Account, ...]:
    """The given account, or all of them.

    Raises:
        Unknown: There is no such account.
    """
    return config.accounts if account_id is None else (config.account(account_id),)


ReportProgress = Callable[[int, int, str], None]
"""Reports progress: the steps done, the steps in all, and a text for the operator."""


@contextmanager
def growing_bar(label: str) -> Iterator[ReportProgress]:
    """A progress bar on a terminal for work whose length becomes known as it goes on."""
    hidden = not sys.stderr.isatty()
    text = ""

    def current_text(_done: int | None) -> str:
        return text

    with click.progressbar(
        length=1, label=label, file=sys.stderr, hidden=hidden, item_show_func=current_text
    ) as shown:

        def report(done: int, length: int, new_text: str) -> None:
            nonlocal text
            text = new_text
            shown.length = max(1, length)
            shown.update(done - shown.pos)

        yield report


@contextmanager
def bar(length: int, label: str) -> Iterator[Progress]:
    """A progress bar on a terminal."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden) as shown:
        yield shown.update
