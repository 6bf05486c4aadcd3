"""Bodies of every CRM that are almost sound, posted with a right proof to a service on each database.

Each is answered 200, none is lost, none hangs, both databases come to the same state, and `verify` finds
nothing. The vendors' API answers and imported files are treated likewise (`answers`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy import select

from service.adapters import ADAPTERS
from service.brake import Brake
from service.commands import operations
from service.config import Account, Config
from service.ledger.database.database import Database
from service.ledger.database.tables import METADATA
from service.ledger.write import heads, log
from service.ledger.write.writer import Writer
from service.metrics import Metrics
from service.problems import Message
from service.webhooks.endpoint import WebhookEndpoint
from service.webhooks.receiver import LARGE
from tests.adapters.posts import NOW
from tests.clocks import StandingClock
from tests.databases import PostgresDatabases, SqliteFiles, postgres_server
from tests.soak.answers import api_answers, files
from tests.soak.mutation import Mutator
from tests.soak.proofs import KINDS, Post, accounts, proven, samples

WEBHOOKS: Final = 200_000
ANSWERS: Final = 5_000
FILES: Final = 10_000
TOGETHER: Final = 250
"""Webhooks that are posted at once."""

WORK_RATIO: Final = 1.0
"""The decoding of a fuzzed body takes less processor time than that of `SOUND_BYTES` of sound bodies, which
is as much as one body may have."""

BY_BATCH: Final = frozenset(
    {"heads", "invalidations", "needs"}
    | {f"deliveries.{name}" for name in ("headers", "body", "changed", "source")}
)
"""Tables and columns that depend on how many webhooks one commit took: a delivery loses a name that a later
one of the same commit takes away."""

SOUND_BYTES: Final = 1024 * 1024


@dataclass
class Service:
    """The part of a service that webhooks meet, with an account of each CRM."""

    config: Config
    database: Database
    endpoint: WebhookEndpoint
    clock: StandingClock
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each account's webhooks were answered with each status."""

    async def post_all(self, posts: Sequence[Post]) -> None:
        """Post webhooks at once. Those that are decoded in threads follow one by one, so that their order is
        the same on each database."""
        await asyncio.gather(*(self._post(post) for post in posts if len(post.body) <= LARGE))
        for post in posts:
            if len(post.body) > LARGE:
                await self._post(post)

    async def _post(self, post: Post) -> None:
        sent: list[Message] = []
        path = f"/webhooks/{post.account}"

        async def receive() -> Message:
            return {"type": "http.request", "body": post.body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope: Message = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": post.query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in post.headers.items()],
            "path_params": {"account": post.account},
            "client": ("192.0.2.1", 1),
        }
        await self.endpoint(scope, receive, send)
        assert sent[0]["status"] == 200, (sent, post)
        self.answers[post.account, json.loads(sent[1]["body"])["status"]] += 1


@contextlib.asynccontextmanager
async def serving(config: Config) -> AsyncIterator[Service]:
    """A service on a migrated database."""
    clock = StandingClock(NOW)
    database = Database(config.database_url)
    operations.prepare(database, config, clock)
    by_id = {one.id: one for one in config.accounts}
    writer = Writer(database, by_id, clock)
    writer.start()
    endpoint = WebhookEndpoint(by_id, writer, clock, Metrics(), Brake(clock))
    yield Service(config, database, endpoint, clock)
    await writer.stop()
    database.close()


def groups(dice: Random, count: int) -> Iterator[list[tuple[str, bytes]]]:
    """Kinds and bodies of webhooks, all kinds in turn, in groups that are posted at once."""
    mutators = {kind: Mutator(samples(kind), dice) for kind in KINDS}
    kinds = [KINDS[number % len(KINDS)] for number in range(count)]
    for first in range(0, count, TOGETHER):
        yield [(kind, mutators[kind].body()) for kind in kinds[first : first + TOGETHER]]


async def webhooks(dice: Random, count: int, urls: Sequence[str]) -> dict[str, int | float | str]:
    """Post the same webhooks to a service on each of some databases, and check what came of them."""
    own, numbers = accounts(), iter(range(count))
    slowest = Slowest(own)
    async with contextlib.AsyncExitStack() as stack:
        configs = [Config(url, tuple(own.values())) for url in urls]
        services = [await stack.enter_async_context(serving(config)) for config in configs]
        for group in groups(dice, count):
            now = services[0].clock.now()
            posts = [proven(kind, body, next(numbers), now) for kind, body in group]
            for post in posts:
                slowest.decode(post)
            for service in services:
                await service.post_all(posts)
                service.clock.advance(1)
        for service in services:
            assert service.answers == services[0].answers
            await asyncio.to_thread(check, service)
        assert_same(urls)
        answers = services[0].answers
    statuses: Counter[str] = Counter()
    for (_, status), number in answers.items():
        statuses[status] += number
    return {"webhooks": count, **statuses, "slowest decoding": slowest.ratio()}


def check(service: Service) -> None:
    """No delivery is lost, none of them found a defect, and `verify` is clean."""
    for one in service.config.accounts:
        with service.database.reading() as connection:
            head = heads.prepared(connection, one.id)
            held = log.quarantined(connection, one.id)
        new = sum(service.answers[one.id, status] for status in ("applied", "quarantined"))
        assert head.deliveries == new, (one.id, head, service.answers)
        assert [row for row in held if row.detail or "defect" in row.error] == []
        verified = operations.verify(service.config, one, lambda _: None)
        assert verified.log_complete
        assert list(verified.differences) == [], one.id


def assert_same(urls: Sequence[str]) -> None:
    """Databases hold the same."""
    first, *others = [everything(url) for url in urls]
    for name, rows in first.items():
        for other in others:
            assert rows == other[name], name


def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of a database, sorted, but what depends on how many webhooks one commit took."""
    with contextlib.closing(Database(url)) as database, database.reading() as connection:
        compared = {
            table.name: [column for column in table.c if f"{table.name}.{column.name}" not in BY_BATCH]
            for table in METADATA.tables.values()
            if table.name not in BY_BATCH
        }
        return {
            name: sorted((tuple(row) for row in connection.execute(select(*columns))), key=repr)
            for name, columns in compared.items()
        }


class Slowest:
    """Finds, for each account, the body whose decoding takes longest."""

    def __init__(self, own: Mapping[str, Account]) -> None:
        self._accounts = own
        self._slowest: dict[str, tuple[float, Post]] = {}

    def decode(self, post: Post) -> None:
        """Decode a webhook."""
        seconds = self._seconds(post)
        if seconds > self._slowest.get(post.account, (0.0, post))[0]:
            self._slowest[post.account] = seconds, post

    def ratio(self) -> float:
        """How long the slowest take, against sound bodies of their kinds. What was slow for another reason is
        fast when it is decoded again."""
        ratios = {}
        for kind, (_, slow) in self._slowest.items():
            sound = [proven(kind, body, 1, NOW) for body in samples(kind)]
            rounds = SOUND_BYTES / sum(len(post.body) for post in sound)
            ratios[kind] = min(self._seconds(slow) for _ in range(3)) / (
                sum(map(self._seconds, sound)) * rounds
            )
        assert max(ratios.values()) < WORK_RATIO, ratios
        return round(max(ratios.values()), 4)

    def _seconds(self, post: Post) -> float:
        """The processor time of one decoding."""
        own = self._accounts[post.account]
        began = time.thread_time()
        ADAPTERS[own.crm].decode(post.request(NOW), own)
        return time.thread_time() - began


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """See `experiments`."""
    logging.getLogger("service").setLevel(logging.CRITICAL)  # each spoiled answer has its line
    with tempfile.TemporaryDirectory() as folder, postgres_server() as uri:
        made = SqliteFiles(Path(folder)).migrated, PostgresDatabases(uri).migrated
        return play(Random(seed), scale, made)


def play(dice: Random, scale: float, made: Sequence[Callable[[], str]]) -> dict[str, int | float | str]:
    """Everything that comes in from outside, on fresh databases of each kind."""
    return {
        **asyncio.run(webhooks(dice, round(WEBHOOKS * scale), [one() for one in made])),
        **asyncio.run(api_answers(dice, round(ANSWERS * scale), made[0])),
        **files(dice, round(FILES * scale), [one() for one in made]),
    }
