"""The routes of the lists: what they answer without a database, and how many lists they make at once."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from service.brake import Brake
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.read.deal_rows import RefusalReader
from service.ledger.read.trouble_rows import TroubleReader
from service.ledger.read.unpriced_rows import UnpricedReader
from service.live.http import routes
from service.live.http.list_routes import AT_ONCE, Lists, Readers
from service.live.http.screen_links import NamedScreens
from service.live.stream.hub import Hub
from tests.clocks import StandingClock
from tests.live.boards import NOW, OFFICE, StubReader
from tests.live.http.apps import NoScreens


@pytest.mark.parametrize(
    "path", [f"{name}{end}" for name in ("deals", "tasks", "troubles", "unpriced") for end in ("", ".csv")]
)
async def test_without_the_database_a_list_is_a_problem_to_try_again(path: str) -> None:
    clock, accounts, reader = StandingClock(NOW), {"office": replace(OFFICE, invented=True)}, StubReader()
    reader.error = Unavailable("gone")
    away = Database("sqlite:////nowhere/at/all.db"), accounts, clock
    readers = Readers(reader, RefusalReader(*away), TroubleReader(*away), UnpricedReader(*away))
    screens, hub = NamedScreens(NoScreens(), clock), Hub(reader, accounts, clock)
    app = Starlette(routes=routes.routes(hub, readers, accounts, screens, Brake(clock), clock))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://board.example") as browser:
        answer = await browser.get(f"/boards/office/{path}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-type"] == "application/problem+json"


class CountingThreads(ThreadPoolExecutor):
    """Counts the calls that it takes."""

    calls = 0

    def submit(self, *call: Any, **keywords: Any) -> Future[Any]:
        self.calls += 1
        return super().submit(*call, **keywords)


async def test_lists_are_made_in_threads_and_only_a_few_at_a_time() -> None:
    threads_used: list[threading.Thread] = []
    released = threading.Event()

    def make() -> str:
        threads_used.append(threading.current_thread())
        released.wait(30)
        return "made"

    threads = CountingThreads()
    asyncio.get_running_loop().set_default_executor(threads)
    clock = StandingClock(NOW)
    nothing: tuple[Database, dict[str, Account], StandingClock] = Database("sqlite://"), {}, clock
    readers = Readers(
        StubReader(), RefusalReader(*nothing), TroubleReader(*nothing), UnpricedReader(*nothing)
    )
    lists = Lists(readers, clock)
    tasks = [asyncio.create_task(lists._response(make)) for _ in range(AT_ONCE * 3)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert threads.calls == AT_ONCE
    released.set()
    assert [answer.body for answer in await asyncio.gather(*tasks)] == [b"made"] * AT_ONCE * 3
    assert threading.current_thread() not in threads_used
