"""The routes of boards in a process of the test's own, with a reader that the test sets and no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import httpx
from starlette.applications import Starlette

from service.app import application
from service.brake import Brake
from service.config import Account, Secret
from service.ledger.database.database import Database
from service.ledger.read.deal_rows import RefusalReader
from service.ledger.read.reader import BoardReader
from service.ledger.read.trouble_rows import TroubleReader
from service.ledger.read.unpriced_rows import UnpricedReader
from service.ledger.upkeep.screens import KnownScreen, Screens
from service.live.http import routes
from service.live.http.list_routes import Readers
from service.live.http.screen_links import NamedScreens
from service.live.stream.hub import MAX_STREAMS, Hub
from tests.clocks import StandingClock
from tests.live.boards import NOW, OFFICE

TOKEN: Final = "a-token-that-is-hard-to-guess"
GUARDED: Final = replace(OFFICE, viewer_token=Secret(TOKEN))


class NoScreens(Screens):
    """An account without named screens."""

    def __init__(self) -> None:
        pass

    async def known(self, account_id: str) -> Mapping[str, KnownScreen]:
        return {}

    async def seen(self, account_id: str, digest: str, now: int) -> None:
        """Nothing to note."""


def boards_app(
    reader: BoardReader, accounts: Sequence[Account] = (GUARDED,), streams: int = MAX_STREAMS
) -> tuple[Starlette, Hub]:
    """The routes of some accounts' boards; lists other than that of the tasks find no database."""
    clock, by_id = StandingClock(NOW), {account.id: account for account in accounts}
    away = Database("sqlite:////nowhere/at/all.db"), by_id, clock
    readers = Readers(reader, RefusalReader(*away), TroubleReader(*away), UnpricedReader(*away))
    hub = Hub(reader, by_id, clock, streams=streams)
    screens = NamedScreens(NoScreens(), clock)
    return application(routes.routes(hub, readers, by_id, screens, Brake(clock), clock)), hub


def browser(app: Starlette, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """A client of an application, with the viewer token of `GUARDED`."""
    transport = httpx.ASGITransport(app, client=("203.0.113.5", 1))
    return httpx.AsyncClient(
        transport=transport,
        base_url="http://board.example",
        headers={"authorization": f"Bearer {TOKEN}", **(headers or {})},
    )
