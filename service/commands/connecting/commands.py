"""`lossboard init`, `send-test` and `tail`."""

from __future__ import annotations

import os
import secrets
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import click

from service.adapters import ADAPTERS
from service.clock import SystemClock
from service.commands.connecting import new_file
from service.commands.connecting.answers import Asking
from service.commands.connecting.incoming import Came, Incoming
from service.commands.connecting.send_test import send
from service.commands.figures import rebuild_at_start
from service.commands.options import (
    CONFIG,
    accounts,
    as_json,
    listening_options,
    plain_errors,
    show,
    with_config,
    with_secrets,
)
from service.commands.serving import serve_config
from service.commands.tail import POLL_SECONDS
from service.config import Account, Config
from service.config_file import load, parse

SECRET_BYTES: Final = 32
"""Random bytes of a new secret."""

_QUESTIONS: Final = {
    "crm": f"The CRM: {', '.join(ADAPTERS)}.",
    "title": "The board's heading.",
    "timezone": "The office's time zone, such as Europe/Moscow.",
    "currency": "The currency of the sums, such as RUB.",
    "language": "The board's language: ru or en.",
    "public_url": "The address at which the CRM reaches the service.",
    "api_url": "The address of the account in the CRM.",
    "api_token": "The token of the CRM's API.",
    "webhook_secret": "The secret, where the CRM makes it (Bitrix24, HubSpot).",
}


def _options(command: click.decorators.FC) -> click.decorators.FC:
    """Add an option for each question."""
    for name, help in reversed(_QUESTIONS.items()):
        command = click.option(f"--{name.replace('_', '-')}", name, help=help)(command)
    return command


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path), default=CONFIG, show_default=True)
@_options
@click.option("--no-input", is_flag=True, help="Ask nothing: take the options, and defaults.")
@click.option("--serve/--no-serve", default=None, help="Serve at once, or do not offer it.")
@listening_options
def init(path: Path, no_input: bool, serve: bool | None, host: str, port: int, **given: str | None) -> None:
    """Write a configuration, and say what to do in the CRM.

    Its secrets are fresh, and the file is for its owner alone.
    """
    with plain_errors():
        if path.exists():
            raise new_file.Exists(path)
        asking = Asking(given, interactive=not no_input)
        is_complete = _make(path, asking)
        if not is_complete:
            click.echo(f"Put the CRM's secret into {new_file.WEBHOOK_VARIABLE}, then run: lossboard serve")
            return
        click.echo(f"Wrote {path}, for your eyes only: it holds the secrets.")
        if serve is None:
            serve = asking.interactive and click.confirm(
                "Serve now, and wait for the first event?", default=True
            )
        if serve:
            _serve(load(path, os.environ), host, port)
        else:
            click.echo(
                "To serve: lossboard serve. To test the way without the CRM: lossboard send-test office"
            )


def _make(path: Path, asking: Asking) -> bool:
    """Write the configuration and tell what to do. Returns whether it has its webhook secret."""
    answers = asking.answers()
    made = asking.given["webhook_secret"] or answers.adapter.secret_of(secrets.token_bytes(SECRET_BYTES))
    tokens = new_file.Tokens(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    text = new_file.text_of(answers, made or "not known yet", tokens)
    (account,) = parse(tomllib.loads(text), {}).accounts
    for line in _steps(account, made):
        click.echo(line)
    secret = made or asking.secret(answers.adapter)
    new_file.write(path, new_file.text_of(answers, secret or f"env:{new_file.WEBHOOK_VARIABLE}", tokens))
    return bool(secret)


def _steps(account: Account, secret: str | None) -> Iterator[str]:
    """What a person does in the CRM, with the exact address.

    Args:
        secret: None: the CRM makes it.
    """
    adapter = ADAPTERS[account.crm]
    address = adapter.posting_address(account.webhook_address)
    yield ""
    yield f"What to do in the CRM ({account.crm}):"
    for number, step in enumerate(adapter.steps(account, account.language), start=1):
        yield f"  {number}. {step}"
    yield ""
    yield f"The address: {address.replace('<webhook_secret>', quote(secret or ''))}"
    if account.public_url is None:
        yield "  It begins with the address at which the CRM reaches this service: public_url, not set yet."
    if secret is not None:
        yield f"webhook_secret: {secret}"
    yield ""


def _serve(config: Config, host: str, port: int) -> None:
    """Serve, and print what arrives until the first event of the CRM has."""
    thread = threading.Thread(target=_report, args=(config,), daemon=True)
    serve_config(config, SystemClock(), host, port, rebuild_at_start, on_started=thread.start)


def _report(config: Config) -> None:
    click.echo("Waiting for the first event of the CRM. What arrives is shown here.")
    incoming = Incoming(config, config.accounts, lines=0)
    while True:
        for came in incoming.look():
            click.echo(came.line)
            if came.stored is not None and came.stored.source == "webhook":
                click.echo("The CRM is connected: the board shows what it sends.")
                return
        time.sleep(POLL_SECONDS)


@click.command("send-test")
@click.argument("account_id")
@click.option(
    "--url", default="http://127.0.0.1:8000", show_default=True, help="Where the service is reached."
)
@with_secrets
def send_test(config: Config, account_id: str, url: str) -> None:
    """Post invented events, and take them back, as the account's CRM would.

    Says what each step gave.
    """
    account = config.account(account_id)
    for line in send(config, account, url.rstrip("/"), SystemClock()):
        click.echo(line)


@click.command()
@click.argument("account_id", required=False)
@click.option(
    "--lines", default=10, show_default=True, type=click.IntRange(0), help="Earlier deliveries to show."
)
@click.option("--once", is_flag=True, help="Show them and exit.")
@as_json
@with_config
def tail(config: Config, account_id: str | None, lines: int, once: bool, json: bool) -> None:
    """Follow deliveries and what each one changed, and what was refused, for a person who connects a CRM."""
    incoming = Incoming(config, accounts(config, account_id), lines)
    while True:
        for came in incoming.look():
            show(json, came.line, _shown(came))
        if once:
            return
        time.sleep(POLL_SECONDS)


def _shown(came: Came) -> Mapping[str, object]:
    """What came in as JSON: a delivery without its headers and its raw body, or the line about a refusal."""
    if came.stored is None:
        return {"account": came.account.id, "refused": came.line}
    return {
        name: getattr(came.stored, name)
        for name in came.stored.__struct_fields__
        if name not in {"headers", "body"}
    }
