"""The routes of the lists: what they answer without a database, and how many lists they make at once."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette

from service.brake import Brake
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.upkeep.classify import Classifier
from service.live.http import routes
from service.live.http.list_routes import Readers
from service.live.http.screen_links import NamedScreens
from service.live.stream.hub import Hub
from tests.clocks import StandingClock
from tests.live.boards import NOW, OFFICE, StubReader
from tests.live.http.apps import NO_VIEWS, StubScreens
from tests.live.http.test_access_matrix import LISTS


@pytest.mark.parametrize("path", ["reasons", *(f"{name}{end}" for name in LISTS for end in ("", ".csv"))])
async def test_without_the_database_a_list_is_a_problem_to_try_again(path: str) -> None:
    clock, accounts, reader = StandingClock(NOW), {"office": replace(OFFICE, invented=True)}, StubReader()
    reader.error = Unavailable("gone")
    away = Database("sqlite:////nowhere/at/all.db"), accounts, clock
    readers = Readers.of(*away)._replace(boards=reader)
    screens, hub = NamedScreens(StubScreens(NO_VIEWS), clock), Hub(reader, accounts, clock)
    classifier = Classifier(away[0], clock, [])
    made = routes.routes(hub, readers, accounts, screens, Brake(clock), clock, classifier)
    app = Starlette(routes=made.routes)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://board.example") as browser:
        answer = await browser.get(f"/boards/office/{path}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-type"] == "application/problem+json"
