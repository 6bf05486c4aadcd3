"""An account's named screens on the admin page: listed, added with a link that is shown once, revoked."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

from service.clock import Clock
from service.config import Account
from service.ledger.database.database import in_time
from service.ledger.database.tables import Role
from service.ledger.upkeep.screens import Screens
from service.live.http.admin.screen import ScreenError, new_screen
from service.live.http.forms import Text, form_of
from service.live.page.admin.screens import Added, screens_page
from service.live.page.admin.shown import Shown
from service.operator_error import Unknown

PAGE: Final = 50
"""Screens of a page."""

_log = logging.getLogger(__name__)


class ScreenForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named screen that is added or revoked.

    Args:
        name: 1 to 60 printable characters.
        role: What the holder of its link may do: see the board, or classify reasons, too.
        view: What it shows, as in a board's address; empty: a desk.
    """

    do: Literal["add", "revoke"]
    name: Text
    role: Role = "viewer"
    view: Text = ""


@dataclass(frozen=True, slots=True)
class AdminScreens:
    """The handlers."""

    screens: Screens
    clock: Clock

    async def shown(self, request: Request, account: Account, shown: Shown) -> ASGIApp:
        """A page of the screens."""
        return HTMLResponse(await self._page(account, shown, request.query_params.get("after", "")))

    async def change(self, request: Request, account: Account, shown: Shown) -> ASGIApp:
        """Add a screen, or revoke one."""
        form = await form_of(request, ScreenForm)
        if form.do == "add":
            return await self._add(request, account, form, shown)
        if not await self.screens.revoke(account.id, form.name):
            raise Unknown(f"{account.id} has no screen called {form.name}")
        about = {"account": account.id}
        _log.info("%s: screen %r was revoked on the admin page", account.id, form.name, extra=about)
        return Response(status_code=303, headers={"location": "screens"})

    async def _add(self, request: Request, account: Account, form: ScreenForm, shown: Shown) -> ASGIApp:
        now = self.clock.now()
        try:
            screen = new_screen(account, form.name, form.view, form.role, now)
            if not await self.screens.add(
                account.id, screen.name, screen.digest, screen.view, now, screen.role
            ):
                raise screen.taken()
        except ScreenError as error:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            return HTMLResponse(await self._page(account, shown, error=str(error)), 409)
        about = {"account": account.id}
        _log.info("%s: screen %r was added on the admin page", account.id, screen.name, extra=about)
        added = Added(screen.name, screen.link(_address(request, account)))
        return HTMLResponse(await self._page(account, shown, added=added))

    async def _page(
        self, account: Account, shown: Shown, after: str = "", added: Added | None = None, error: str = ""
    ) -> str:
        rows = await self.screens.page(account.id, after, PAGE + 1)
        further = rows[PAGE - 1].name if len(rows) > PAGE else None
        # In a thread, as the other pages: a QR code takes milliseconds.
        return await in_time(partial(screens_page, rows[:PAGE], further, account, shown, added, error))


def _address(request: Request, account: Account) -> str:
    """Where browsers reach the service: as the configuration says, or as the admin's own browser does. Behind
    a proxy that is not believed, only the browser knows that it is HTTPS."""
    if account.public_url is not None:
        return account.public_url
    origin = request.headers.get("origin", "")
    if not origin.startswith(("http://", "https://")):
        origin = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    return f"{origin}{request.scope['root_path']}"
