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

from service.commands import crm_api, import_csv, operations
from service.config import Account, Config, ConfigError
from service.config_file import load
from service.http.listening import CannotListen
from service.ledger.database import files, schema
from service.ledger.database.engine import AlreadyServed
from service.ledger.database.errors import Moved, Unavailable
from service.ledger.upkeep.move import NotMoved
from service.ledger.upkeep.recompute import LogPruned, Progress
from service.ledger.write.heads import OtherRules

CONFIG: Final = "lossboard.toml"


MOVED_CODE: Final = 66
"""The exit code when the database's file is not at its path: a service manager must not start the service
again, because it would begin an empty database (sysexits.h: the input is missing)."""


class _PlainError(click.ClickException):
    """An error for the operator: one line, exit code 1."""


class _MovedError(_PlainError):
    exit_code = MOVED_CODE


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print errors that the operator can solve as one line, without a traceback."""
    try:
        yield
    except Moved as error:
        raise _MovedError(str(error)) from None
    except (
        ConfigError,
        CannotListen,
        AlreadyServed,
        files.FileRefused,
        NotMoved,
        schema.SchemaError,
        operations.UnknownAccount,
        operations.ScreenError,
        crm_api.CrmApiError,
        import_csv.ImportFailed,
        Unavailable,
        LogPruned,
        OtherRules,
        LookupError,
    ) as error:
        raise _PlainError(str(error)) from None


def with_config(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--config`, and pass the loaded configuration to the command."""

    @functools.wraps(command)
    def wrapped(config_path: Path, **arguments: object) -> None:
        with plain_errors():
            config = load(config_path, os.environ)
            command(config, **arguments)

    help = f"The configuration file (default: {CONFIG})."
    path = click.Path(path_type=Path)
    return click.option("--config", "config_path", type=path, default=CONFIG, help=help)(wrapped)


def accounts(config: Config, account_id: str | None) -> tuple[Account, ...]:
    """The given account, or all of them.

    Raises:
        UnknownAccount: There is no such account.
    """
    return config.accounts if account_id is None else (operations.account_of(config, account_id),)


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
