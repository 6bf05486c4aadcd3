"""`kill -9` while senders post, on SQLite and on PostgreSQL; the ledger is checked after every kill."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from service.config_file import load
from service.ledger.database.engine import is_sqlite
from tests.chaos.checker import check
from tests.chaos.senders import Sender, Sent
from tests.databases import SqliteFiles, own_postgres
from tests.e2e.running import Service, start

ACCOUNT: Final = "office"
SENDERS: Final = 8
VICTIMS: Final = (1, 60)
"""After how many more acknowledgements the service is killed."""

KILLS_OF_ONE: Final = 20
"""Then comes a new database: every check goes through the whole log."""


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Kill the service on both databases."""
    dice = random.Random(seed)
    sqlite, postgresql = (max(1, round(full * scale)) for full in (300, 100))
    with tempfile.TemporaryDirectory(prefix="kills") as name, own_postgres() as server:
        files = SqliteFiles(Path(name))
        return {
            **_named("SQLite", kill_often(files.migrated, Path(name), sqlite, dice)),
            **_named("PostgreSQL", kill_often(server.databases.migrated, Path(name), postgresql, dice)),
        }


def _named(database: str, counts: Counter[str]) -> dict[str, int]:
    return {f"{database}: {counted}": number for counted, number in counts.items()}


def kill_often(new: Callable[[], str], folder: Path, kills: int, dice: random.Random) -> Counter[str]:
    """Kill the service that many times; each database is killed a few times.

    Args:
        new: Makes the URL of a migrated database.
    """
    counts: Counter[str] = Counter()
    while counts["kills"] < kills:
        url, sent = new(), Sent()
        for turn in range(min(KILLS_OF_ONE, kills - counts["kills"])):
            enough = sent.count(sent.acknowledged) + dice.randint(*VICTIMS)
            service = start(folder, url=url)
            asyncio.run(_burst_until_killed(service, turn, sent, enough, dice))
            _check(folder, url, sent)
            counts["kills"] += 1
        assert not sent.wrong, sent.wrong[:5]
        counts["deliveries tried"] += sent.count(sent.tried)
        counts["acknowledged"] += sent.count(sent.acknowledged)
    return counts


async def _burst_until_killed(
    service: Service, turn: int, sent: Sent, enough: int, dice: random.Random
) -> None:
    """Post until enough is acknowledged, then kill the service a moment later."""
    stopped = asyncio.Event()
    senders = [
        Sender(f"{turn}-{number}", [ACCOUNT], [service.url], sent, random.Random(dice.random()), tries=1)
        for number in range(SENDERS)
    ]
    sending = [asyncio.create_task(sender.run(stopped, 0)) for sender in senders]
    while sent.count(sent.acknowledged) < enough:
        await asyncio.sleep(0.001)
    await asyncio.sleep(dice.uniform(0, 0.02))
    await asyncio.to_thread(service.kill)
    stopped.set()
    await asyncio.gather(*sending)


def _check(folder: Path, url: str, sent: Sent) -> None:
    """Check what the killed service left: a copy of it, so that the service itself recovers the original."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        left = _copied(url, Path(name)) if is_sqlite(url) else url
        config = load(folder / "lossboard.toml", {**os.environ, "LOSSBOARD_DATABASE_URL": left})
        account = config.account(ACCOUNT)
        tried, acknowledged = sent.tried.get(ACCOUNT, set()), sent.acknowledged.get(ACCOUNT, set())
        problems = check(config, account, tried, acknowledged).problems
    assert not problems, problems


def _copied(url: str, folder: Path) -> str:
    path = Path(url.removeprefix("sqlite:///"))
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copyfile(file, folder / file.name)
    return f"sqlite:///{folder / path.name}"
