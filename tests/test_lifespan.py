"""When a service is down nothing of it is left: no task, no thread, no connection to its database."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

import psutil
import psycopg
from sqlalchemy import make_url

from service.app import create_app
from service.clock import SystemClock
from service.commands import operations
from service.commands.screens import add_screen
from service.config import Api, Config, Secret
from service.ledger.database.database import Database
from tests.interface.calls import HOST, call
from tests.ledger.offices import OFFICE

TOKEN: Final = Secret("the-token-of-the-operator")
ASKED: Final = replace(OFFICE, id="asked", crm="pipedrive", api=Api(Secret("token"), "http://127.0.0.1:9"))
"""An account whose CRM does not answer."""


def connections(url: str) -> int:
    """How many connections to a database are open; of a file, how many descriptors of this process."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        opened = [file.path for file in psutil.Process().open_files()]
        return sum(path.startswith(str(parsed.database)) for path in opened)
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        row = connection.execute(count, [parsed.database]).fetchone()
    return int(row[0]) if row else 0


def threads() -> set[str]:
    """The names of the threads but those of the event loop, which end with it."""
    return {thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


def tasks() -> set[asyncio.Task[Any]]:
    """The tasks but that of a library, which it begins for a process and other servers than ours."""
    return {one for one in asyncio.all_tasks() if "_shutdown_watcher" not in repr(one.get_coro())}


async def test_when_a_service_is_down_nothing_of_it_is_left(ledger_url: str) -> None:
    config = Config(ledger_url, (OFFICE, ASKED), metrics_token=TOKEN, admin_token=TOKEN)
    with closing(Database(ledger_url)) as database:
        operations.prepare(database, config, SystemClock())
    screen = add_screen(config, OFFICE, "tv", SystemClock()).token
    before = tasks(), threads(), connections(ledger_url)
    service = create_app(config, SystemClock())
    async with asyncio.timeout(30), service.app.router.lifespan_context(service.app):
        for path in ("/boards/office", "/boards/office/deals", "/metrics", "/admin", "/readyz"):
            token = screen if path.startswith("/boards") else TOKEN.value
            answer = await call(service.app, "GET", path, {**HOST, "authorization": f"Bearer {token}"})
            assert answer.status_code == 200
        events = {**HOST, "authorization": f"Bearer {screen}"}
        stream = asyncio.create_task(call(service.app, "GET", "/boards/office/events", events, events=99))
        while not service.hub.streams:
            await asyncio.sleep(0.01)
        service.hub.close()  # as a server does before it waits for its requests
        await stream
        while_up = tasks(), threads(), connections(ledger_url)
    await asyncio.get_running_loop().shutdown_default_executor()  # as at the end of the process
    assert (tasks(), threads()) == before[:2]
    assert while_up[0] > before[0]
    assert while_up[1] > before[1]
    while connections(ledger_url) > before[2]:  # a server takes a moment to see that they are closed
        await asyncio.sleep(0.01)
    assert while_up[2] > before[2]
