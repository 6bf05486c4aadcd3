"""A storm: several nodes on one PostgreSQL with senders and screens, while processes are killed, frozen,
stopped and restarted. One node has several workers, and one reaches the database through PgBouncer. All begin
on an empty database, which they migrate at once. Afterwards the ledger is checked (`checker`), no screen ever
went back to an older state, and each shows the same as a snapshot."""

from __future__ import annotations

import asyncio
import random
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from service.config_file import load
from tests.chaos.agreement import disagreements
from tests.chaos.checker import check
from tests.chaos.nodes import Node
from tests.chaos.senders import Sender, Sent
from tests.chaos.streams import Screen
from tests.databases import Postgres, own_postgres
from tests.e2e.running import SECRET, VIEWER
from tests.pooling import pooled

FREEZE_SECONDS: Final = (0.5, 3.0)
"""How long a node or the database is frozen."""

BETWEEN_SECONDS: Final = (0.2, 1.2)
"""The time between two strokes."""


WITH_WORKERS: Final = 1
"""Which node has workers."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a storm. `pause_seconds` is the time between two webhooks of a sender."""

    seed: int
    accounts: int = 12
    screens: int = 24
    senders: int = 6
    node_kills: int = 4
    node_freezes: int = 1
    node_stops: int = 1
    worker_kills: int = 1
    database_kills: int = 1
    database_freezes: int = 0
    pause_seconds: float = 0.03

    def strokes(self, dice: random.Random) -> list[str]:
        """The strokes in random order."""
        strokes = (
            ["kill a node"] * self.node_kills
            + ["freeze a node"] * self.node_freezes
            + ["stop a node"] * self.node_stops
            + ["kill a worker"] * self.worker_kills
            + ["kill the database"] * self.database_kills
            + ["freeze the database"] * self.database_freezes
        )
        dice.shuffle(strokes)
        return strokes


@dataclass
class Result:
    """The result of a storm. Each problem is a failed check."""

    plan: Plan
    seconds: float = 0.0
    strokes: Counter[str] = field(default_factory=Counter)
    tried: int = 0
    acknowledged: int = 0
    applied: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    slowest_stop: float = 0.0
    streams: int = 0
    events: int = 0
    screens_agree: float = 0.0
    problems: list[str] = field(default_factory=list)


def run(plan: Plan) -> Result:
    """Run a storm, and check the result."""
    with (
        tempfile.TemporaryDirectory(prefix="storm") as name,
        own_postgres("max_connections = 200\n") as server,
    ):
        folder = Path(name)
        (folder / "lossboard.toml").write_text(_config(plan), encoding="utf-8")
        url = server.databases.empty()
        result = Result(plan)
        with pooled(url) as through:
            sent = asyncio.run(_storm(plan, _nodes(folder, url, through), server, result))
        result.tried, result.acknowledged = sent.count(sent.tried), sent.count(sent.acknowledged)
        result.answers, result.slowest = sent.answers, sent.slowest
        result.problems += sent.wrong
        _check_ledger(folder, url, sent, result)
    return result


def _config(plan: Plan) -> str:
    return "\n".join(
        f'[[accounts]]\nid = "{account}"\ntitle = "{account}"\ncrm = "standard"\n'
        f'webhook_secret = "{SECRET}"\ntimezone = "Europe/Moscow"\ncurrency = "RUB"\n'
        f'viewer_token = "{VIEWER}"\n'
        for account in _accounts(plan)
    )


def _nodes(folder: Path, url: str, through: str) -> list[Node]:
    """A plain node, one with workers (see `WITH_WORKERS`), and one that goes through a pooler."""
    behind = folder / "behind"
    behind.mkdir()
    config = (folder / "lossboard.toml").read_text(encoding="utf-8")
    (behind / "lossboard.toml").write_text(f'listen_url = "{url}"\n{config}', encoding="utf-8")
    return [
        Node(folder, "plain", url),
        Node(folder, "workers", url, "--workers", "2"),
        Node(behind, "pooled", through),
    ]


def _accounts(plan: Plan) -> list[str]:
    return [f"office-{number}" for number in range(plan.accounts)]


async def _storm(plan: Plan, nodes: list[Node], server: Postgres, result: Result) -> Sent:
    dice = random.Random(plan.seed)
    keeping = [asyncio.create_task(node.keep()) for node in nodes]
    try:
        await asyncio.gather(*(node.ready() for node in nodes))
        began = time.monotonic()
        sent = await _rage(plan, nodes, server, dice, result)
        result.seconds = time.monotonic() - began
        await _cancelled(keeping)
        result.problems += [f"a node ended with {code}" for node in nodes if (code := node.stop())]
        result.problems += [f"a node failed:\n{traceback}" for node in nodes for traceback in node.tracebacks]
    except BaseException:
        await _cancelled(keeping)
        for node in nodes:
            node.kill()
        raise
    return sent


async def _rage(plan: Plan, nodes: list[Node], server: Postgres, dice: random.Random, result: Result) -> Sent:
    sent, stopped, accounts = Sent(), asyncio.Event(), _accounts(plan)
    ports, urls = [node.port for node in nodes], [node.url for node in nodes]
    screens = [
        Screen(accounts[number % plan.accounts], ports, random.Random(dice.random()))
        for number in range(plan.screens)
    ]
    senders = [
        Sender(str(number), accounts, urls, sent, random.Random(dice.random()))
        for number in range(plan.senders)
    ]
    following = [asyncio.create_task(screen.follow()) for screen in screens]
    sending = [asyncio.create_task(sender.run(stopped, plan.pause_seconds)) for sender in senders]
    for stroke in plan.strokes(dice):
        await asyncio.sleep(dice.uniform(*BETWEEN_SECONDS))
        await _strike(stroke, nodes, server, dice, result)
        result.strokes[stroke] += 1
    await asyncio.gather(*(node.ready() for node in nodes))
    stopped.set()
    await asyncio.gather(*sending)
    began = time.monotonic()
    result.problems += await disagreements(screens, urls)
    result.screens_agree = time.monotonic() - began
    await _cancelled(following)
    result.streams = sum(screen.streams for screen in screens)
    result.events = sum(screen.events for screen in screens)
    result.problems += [
        f"a screen of {screen.account} went back: {screen.backwards}"
        for screen in screens
        if screen.backwards
    ]
    return sent


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


async def _strike(
    stroke: str, nodes: list[Node], server: Postgres, dice: random.Random, result: Result
) -> None:
    node = dice.choice(nodes)
    if stroke == "kill a node":
        node.kill()
    elif stroke == "stop a node":
        await _stop(node, result)
    elif stroke == "kill a worker":
        await nodes[WITH_WORKERS].ready()
        nodes[WITH_WORKERS].kill_worker(dice)
    elif stroke == "freeze a node":
        node.signal(signal.SIGSTOP)
        await asyncio.sleep(dice.uniform(*FREEZE_SECONDS))
        node.signal(signal.SIGCONT)
    elif stroke == "freeze the database":
        server.freeze()
        await asyncio.sleep(dice.uniform(*FREEZE_SECONDS))
        server.thaw()
    else:
        server.kill()
        await asyncio.sleep(dice.uniform(0, 3))
        await asyncio.to_thread(server.start)


async def _stop(node: Node, result: Result) -> None:
    """Stop a node in order, while senders post to it and screens are open on it."""
    await node.ready()
    began = time.monotonic()
    if code := await asyncio.to_thread(node.stop):
        result.problems.append(f"a node that was stopped ended with {code}")
    result.slowest_stop = max(result.slowest_stop, time.monotonic() - began)


def _check_ledger(folder: Path, url: str, sent: Sent, result: Result) -> None:
    config = load(folder / "lossboard.toml", {"LOSSBOARD_DATABASE_URL": url})
    for account in config.accounts:
        tried, acknowledged = (keys.get(account.id, set()) for keys in (sent.tried, sent.acknowledged))
        checked = check(config, account, tried, acknowledged)
        result.applied += checked.stored
        result.problems += checked.problems


def report(result: Result) -> str:
    """The result as text."""
    plan = result.plan
    strokes = ", ".join(f"{name} {times} times" for name, times in sorted(result.strokes.items()))
    answers = ", ".join(f"{name}: {times:,}" for name, times in result.answers.most_common())
    return f"""\
seed {plan.seed}: {plan.accounts} accounts, {plan.screens} screens, {plan.senders} senders
{result.seconds:.0f} s: {strokes}
deliveries: {result.tried:,} tried, {result.acknowledged:,} acknowledged, {result.applied:,} applied
answers: {answers}; the slowest took {result.slowest:.1f} s
the slowest stop of a node took {result.slowest_stop:.1f} s
screens: {result.streams:,} streams, {result.events:,} events; all agreed after {result.screens_agree:.1f} s
problems: {len(result.problems)}
""" + "\n".join(result.problems[:20])
