"""The routes of boards in a process of the test's own, with a reader that the test sets and no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import httpx
from starlette.applications import Starlette

from service.app import Application
from service.brake import Brake
from service.config import Account, Secret
from service.ledger.database.database import Database
from service.ledger.read.reader import BoardReader
from service.ledger.upkeep.classify import Classifier
from service.ledger.upkeep.screens import KnownScreen, Screens
from service.live.http import routes
from service.live.http.access import screen_digest
from service.live.http.list_routes import Readers
from service.live.http.screen_links import NamedScreens
from service.live.stream.hub import MAX_STREAMS, Hub
from tests.clocks import StandingClock
from tests.live.boards import NOW, OFFICE

TOKEN: Final = "a-token-that-is-hard-to-guess"
NO_VIEWS: Final[Mapping[str, str]] = {}
GUARDED: Final = replace(OFFICE, viewer_token=Secret(TOKEN))


class StubScreens(Screens):
    """Named screens with their views, by token; those of every account."""

    def __init__(self, views: Mapping[str, str]) -> None:
        self.views = views

    async def known(self, account_id: str) -> Mapping[str, KnownScreen]:
        return {
            screen_digest(account_id, token): KnownScreen(view=view) for token, view in self.views.items()
        }

    async def seen(self, account_id: str, digest: str, now: int) -> None:
        """Nothing to note."""


def boards_app(
    reader: BoardReader,
    accounts: Sequence[Account] = (GUARDED,),
    streams: int = MAX_STREAMS,
    views: Mapping[str, str] = NO_VIEWS,
) -> tuple[Starlette, Hub]:
    """The routes of some accounts' boards; lists other than those of clients and tasks find no database."""
    clock, by_id = StandingClock(NOW), {account.id: account for account in accounts}
    away = Database("sqlite:////nowhere/at/all.db"), by_id, clock
    readers = Readers.of(*away)._replace(boards=reader)
    hub = Hub(reader, by_id, clock, streams=streams)
    screens = NamedScreens(StubScreens(views), clock)
    classifier = Classifier(away[0], clock, [])
    made = routes.routes(hub, readers, by_id, screens, Brake(clock), clock, classifier)
    return Application(made.routes), hub


def browser(app: Starlette, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """A client of an application, with the viewer token of `GUARDED`."""
    transport = httpx.ASGITransport(app, client=("203.0.113.5", 1))
    return httpx.AsyncClient(
        transport=transport,
        base_url="http://board.example",
        headers={"authorization": f"Bearer {TOKEN}", **(headers or {})},
    )
