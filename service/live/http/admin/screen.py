"""A named screen that is to be added: checked, with its token and its link, for the command and for the admin
page."""

from __future__ import annotations

import secrets
from typing import Final, NamedTuple
from urllib.parse import urlencode

from service.calendar import PeriodError, local_day
from service.config import Account
from service.ledger.database.tables import Role
from service.live.board.query import QueryError, parse_view
from service.live.http import access
from service.model import Instant
from service.operator_error import OperatorError

NAME_LENGTH: Final = 60
"""Characters in the longest name of a screen."""


class ScreenError(OperatorError):
    """A screen cannot be added or set; the operator must choose another name, address or view."""


class NewScreen(NamedTuple):
    """A screen that is not stored yet.

    Args:
        token: Of its link. Nothing stores it.
        digest: Of the token, which the database holds.
    """

    account: str
    name: str
    view: str
    role: Role
    token: str
    digest: str

    def link(self, address: str) -> str:
        """Its link, where browsers reach the service at `address`."""
        return f"{address}/boards/{self.account}?{urlencode({'token': self.token})}"

    def taken(self) -> ScreenError:
        """What to raise if the account has a screen of that name."""
        return ScreenError(
            f"{self.account} already has a screen called {self.name}; revoke it first, or choose another name"
        )


def new_screen(account: Account, name: str, view: str, role: Role, now: Instant) -> NewScreen:
    """A screen with a token of its own.

    Args:
        view: The parameters that its requests have by default, as in an address.

    Raises:
        ScreenError: The name cannot be used, or the view cannot be kept.
    """
    view = checked_view(account, view, now)
    if not (0 < len(name) <= NAME_LENGTH and name.isprintable() and name.strip() == name):
        raise ScreenError(
            f"a screen's name has 1 to {NAME_LENGTH} printable characters and no space at either end"
        )
    token = secrets.token_urlsafe(24)
    return NewScreen(account.id, name, view, role, token, access.screen_digest(account.id, token))


def checked_view(account: Account, view: str, now: Instant) -> str:
    """A view as it is kept.

    Raises:
        ScreenError: It cannot be kept.
    """
    try:
        return parse_view(view, account, local_day(now, account.zone))
    except (QueryError, PeriodError) as error:
        raise ScreenError(f"view: {error}") from None
