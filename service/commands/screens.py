"""`lossboard screens`: adds, lists and revokes the links of televisions and tablets."""

from __future__ import annotations

import io
import sys
from typing import Final, get_args
from urllib.parse import urlsplit

import click
import segno

from service.calendar import iso
from service.clock import Clock, SystemClock
from service.commands.options import accounts, as_json, show, with_config
from service.config import Account, Config
from service.ledger.database.tables import Role
from service.ledger.upkeep import attach
from service.ledger.upkeep import screens as named
from service.ledger.upkeep.screens import NamedScreen
from service.live.http.admin.screen import NewScreen, ScreenError, checked_view, new_screen
from service.operator_error import Unknown

LOCAL_URL: Final = "http://127.0.0.1:8000"
"""Where `lossboard serve` listens by default."""

WALL: Final = "mode=wall"
VIEW_HELP: Final = "What it shows, as in the board's address, like mode=wall&period=week; empty: a desk."
ROLE_HELP: Final = "What the holder of its link may do: an editor classifies reasons."

WHITE: Final = 231
BLACK: Final = 16
"""Two of a terminal's 256 colours that no theme changes. Cameras need a QR code that is dark on light."""


@click.group()
def screens() -> None:
    """Named screens: devices with a link of their own, which can be revoked."""


@screens.command("add")
@click.argument("account_id")
@click.argument("name")
@click.option("--url", default=None, help="Where browsers reach the service, like https://board.example.")
@click.option(
    "--view", default=None, help=f"{VIEW_HELP} Without it a viewer's is {WALL}, an editor's a desk."
)
@click.option(
    "--role", default="viewer", show_default=True, type=click.Choice(get_args(Role)), help=ROLE_HELP
)
@with_config
def add(config: Config, account_id: str, name: str, url: str | None, view: str | None, role: Role) -> None:
    """Add a screen and print its link, once: the database keeps only a digest of it."""
    if view is None:
        view = WALL if role == "viewer" else ""
    account = config.account(account_id)
    known = _address(url, "--url", config) or _address(account.public_url, "public_url", config)
    if known is None:
        raise ScreenError(
            "where do browsers reach the service? Give --url https://board.example, or public_url in the "
            f"configuration; --url {LOCAL_URL} for a screen on this machine"
        )
    link = add_screen(config, account, name, SystemClock(), view, role).link(known)
    click.echo(link)
    if sys.stdout.isatty():
        click.echo(_qr_code(link))


@screens.command("set")
@click.argument("account_id")
@click.argument("name")
@click.option("--view", required=True, help=VIEW_HELP)
@with_config
def set_(config: Config, account_id: str, name: str, view: str) -> None:
    """Change what a screen shows; its link stays."""
    account = config.account(account_id)
    kept = set_screen(config, account, name, SystemClock(), view)
    click.echo(f"{account.id} {name}: {kept or 'a desk'}")


@screens.command("list")
@click.argument("account_id", required=False)
@as_json
@with_config
def list_(config: Config, account_id: str | None, json: bool) -> None:
    """List screens with their views, and the times at which they were added and last open."""
    for account in accounts(config, account_id):
        listed = attach.read(config.database_url, named.listed, account.id)
        for screen in listed:
            show(json, _line(screen, account), screen)
        if not listed and not json:
            click.echo(f"{account.id}: no named screens")


@screens.command("revoke")
@click.argument("account_id")
@click.argument("name")
@with_config
def revoke(config: Config, account_id: str, name: str) -> None:
    """End a screen's link and cookie; its name is free again."""
    account = config.account(account_id)
    revoke_screen(config, account, name)
    click.echo(f"{account.id} {name}: revoked")


def _address(address: str | None, key: str, config: Config) -> str | None:
    """An address without what belongs to a person or a page: user, query, fragment, last slash. The root path
    is added if it is not there. None for None.

    Raises:
        ScreenError: The text is no address.
    """
    if address is None:
        return None
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise ScreenError(f"{key}: {address!r} is no address like https://board.example")
    path = parts.path.rstrip("/")
    root = "" if path.endswith(config.root_path) else config.root_path
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}{root}"


def _line(screen: NamedScreen, account: Account) -> str:
    seen = "never seen" if screen.seen_at is None else f"last seen {iso(screen.seen_at, account.zone)}"
    view = (screen.view or "a desk") + (", an editor" if screen.role == "editor" else "")
    return f"{account.id} {screen.name}: {view}, added {iso(screen.added_at, account.zone)}, {seen}"


def _qr_code(link: str) -> str:
    """A link as a QR code, two of its rows in a line of text."""
    drawn = io.StringIO()
    segno.make_qr(link).terminal(drawn, compact=True)
    return "\n".join(click.style(line, fg=WHITE, bg=BLACK) for line in drawn.getvalue().splitlines())


def add_screen(
    config: Config, account: Account, name: str, clock: Clock, view: str = "", role: Role = "viewer"
) -> NewScreen:
    """Add a named screen.

    Args:
        view: The parameters that its requests have by default, as in an address.
        role: What the holder of its link may do.

    Raises:
        ScreenError: The name is invalid or taken, or the view cannot be kept.
    """
    screen = new_screen(account, name, view, role, clock.now())
    with attach.writing(config.database_url) as connection:
        if not named.add(connection, account.id, name, screen.digest, screen.view, clock.now(), role):
            raise screen.taken()
    return screen


def set_screen(config: Config, account: Account, name: str, clock: Clock, view: str) -> str:
    """Change a named screen's view, from its next page on; returns the view as it is kept.

    Raises:
        Unknown: No such screen.
        ScreenError: The view cannot be kept.
    """
    view = checked_view(account, view, clock.now())
    with attach.writing(config.database_url) as connection:
        if not named.change(connection, account.id, name, view):
            raise Unknown(f"{account.id} has no screen called {name}")
    return view


def revoke_screen(config: Config, account: Account, name: str) -> None:
    """Delete a named screen; a running service stops serving it within seconds.

    Raises:
        Unknown: No such screen.
    """
    with attach.writing(config.database_url) as connection:
        if not named.revoke(connection, account.id, name):
            raise Unknown(f"{account.id} has no screen called {name}")
