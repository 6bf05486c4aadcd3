"""Cut connections: between senders or screens and the service, and between the service and PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import make_url

from service.config_file import load
from tests.chaos.agreement import disagreements
from tests.chaos.checker import check
from tests.chaos.nodes import Node
from tests.chaos.senders import Sender, Sent
from tests.chaos.streams import Screen
from tests.databases import Postgres, own_postgres
from tests.e2e.running import CONFIG
from tests.soak import cutting
from tests.soak.cutting import Network

ACCOUNT: Final = "office"
SENDERS: Final = 6
SCREENS: Final = 4

OUTSIDE_BYTES: Final = 4_000
"""A webhook and its answer have about a thousand bytes."""

INSIDE_BYTES: Final = 60_000
"""A connection to the database serves a few commits before it fails."""


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Cut until there were that many cuts on either side."""
    outside, inside = (max(1, round(full * scale)) for full in (1_000, 200))
    with tempfile.TemporaryDirectory(prefix="network") as name, own_postgres() as server:
        return asyncio.run(_cut(Path(name), server, random.Random(seed), outside, inside))


async def _cut(
    folder: Path, server: Postgres, dice: random.Random, outside: int, inside: int
) -> dict[str, int | float | str]:
    url = server.databases.migrated()
    (folder / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
    to_database = partial(asyncio.open_unix_connection, server.socket)
    async with cutting.failing(to_database, dice, INSIDE_BYTES) as (database, port):
        through = make_url(url).set(host="127.0.0.1", port=port).difference_update_query(["host"])
        node = Node(folder, "node", through.render_as_string(hide_password=False))
        keeping = asyncio.create_task(node.keep())
        try:
            await node.ready()
            to_service = partial(asyncio.open_connection, "127.0.0.1", urlsplit(node.url).port)
            async with cutting.failing(to_service, dice, OUTSIDE_BYTES) as (crm, outer):
                sent, wrong = await _use(node, outer, crm, database, (outside, inside), dice)
        finally:
            keeping.cancel()
            code = await asyncio.to_thread(node.stop)
    config = load(folder / "lossboard.toml", {**os.environ, "LOSSBOARD_DATABASE_URL": url})
    tried, acknowledged = sent.tried[ACCOUNT], sent.acknowledged[ACCOUNT]
    checked = check(config, config.account(ACCOUNT), tried, acknowledged)
    problems = [*wrong, *checked.problems, *node.tracebacks, *([f"exit code {code}"] if code else [])]
    assert not problems, problems[:5]
    return {
        "to the service: cut": crm.cuts,
        "to the service: silent": crm.silences,
        "to PostgreSQL: cut": database.cuts,
        "to PostgreSQL: silent": database.silences,
        "deliveries tried": len(tried),
        "acknowledged": len(acknowledged),
        "in the log": checked.stored,
        **{f"answers {answer}": times for answer, times in sorted(sent.answers.items())},
    }


async def _use(
    node: Node, port: int, crm: Network, database: Network, cuts: tuple[int, int], dice: random.Random
) -> tuple[Sent, list[str]]:
    """Post and look until there were so many cuts outside and inside, then until the screens are right.
    Returns what was sent, and what is wrong."""
    sent, stopped = Sent(), asyncio.Event()
    url = f"http://127.0.0.1:{port}"
    screens = [Screen(ACCOUNT, [port], random.Random(dice.random())) for _ in range(SCREENS)]
    following = [asyncio.create_task(screen.follow()) for screen in screens]
    senders = [
        Sender(str(number), [ACCOUNT], [url], sent, random.Random(dice.random())) for number in range(SENDERS)
    ]
    sending = [asyncio.create_task(sender.run(stopped, 0)) for sender in senders]
    while crm.cuts < cuts[0] or database.cuts < cuts[1]:
        await asyncio.sleep(0.05)
    stopped.set()
    await asyncio.gather(*sending)
    crm.failing = database.failing = False
    await node.ready()
    wrong = [*sent.wrong, *await disagreements(screens, [node.url])]
    wrong += [f"a screen went back: {screen.backwards}" for screen in screens if screen.backwards]
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    return sent, wrong
