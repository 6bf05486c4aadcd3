"""A service that is connected to a simulated CRM in one process, without sockets. Both use one clock, which
advances only while somebody waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, Final

import httpx
import msgspec
from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.routing import Route

from service.adapters import ADAPTERS
from service.brake import Brake
from service.calendar import local_day
from service.config import Account
from service.demo.crms.crm import SimulatedCRM
from service.demo.postman import Deliver, through
from service.ledger.database.database import Database
from service.ledger.read.board import BoardRows
from service.ledger.read.reader import BoardReader
from service.ledger.write import heads, log, syncs
from service.ledger.write import state as states
from service.ledger.write.log import Quarantined
from service.ledger.write.syncs import Sync, SyncRun
from service.ledger.write.writer import Writer
from service.live.board.build import build_snapshot
from service.live.board.query import BoardQuery
from service.live.board.ranges import Ranges, ranges
from service.live.board.snapshot import Snapshot
from service.metrics import Metrics
from service.model import SECOND, Day, Entity, Instant
from service.projections.facts import DealFacts, TaskFacts, deal_facts, task_facts
from service.projections.merge import Record, merge
from service.sync.runner import AccountSync
from service.webhooks.endpoint import WebhookEndpoint
from tests.demo.clock import StillClock
from tests.demo.postman import NO_FAULTS, Faults, FaultyPostman
from tests.demo.truth import changes_of
from tests.ledger.offices import Ledger
from tests.sync.crms import ADDRESS

VIEW: Final = BoardQuery("office", "quarter", "amount", "json", "ru")


@dataclass
class WaitingClock:
    """The simulated office's clock as a `Clock`: each wait advances it.

    Args:
        set_back: Seconds that the service's time of day is behind the office's.
    """

    still: StillClock
    set_back: float = 0.0

    def now(self) -> Instant:
        """See `Clock`."""
        return Instant(round((self.still() - self.set_back) * SECOND))

    def monotonic(self) -> float:
        """See `Clock`."""
        return self.still()

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        """See `Clock`."""
        if not wake.is_set():
            self.still.advance(seconds)
        await asyncio.sleep(0)


@dataclass
class Counted(Metrics):
    """The metrics that tests check."""

    calls: list[str] = field(default_factory=list)
    repaired_total: int = 0
    webhooks: list[str] = field(default_factory=list)

    def api_call(self, account_id: str, verdict: str) -> None:
        """See `Metrics`."""
        self.calls.append(verdict)

    def repaired(self, account_id: str, entities: int) -> None:
        """See `Metrics`."""
        self.repaired_total += entities

    def webhook(self, account_id: str, result: str) -> None:
        """See `Metrics`."""
        self.webhooks.append(result)


@dataclass
class Connected:
    """One account that is connected to a simulated CRM."""

    account: Account
    clock: WaitingClock
    vendor: SimulatedCRM
    postman: FaultyPostman
    sync: AccountSync
    reader: BoardReader
    database: Database
    metrics: Counted
    deliver: Deliver
    another: Callable[[], AccountSync]
    """Makes the account's sync of another process on the same database."""
    ledgers: Callable[[], str]

    async def work(self) -> None:
        """Run the sync until there is nothing to do now."""
        while await self.sync.turn() <= 0:
            pass

    async def reconcile(self) -> int:
        """Run a reconciliation now; returns the number of repaired deals and tasks."""
        state = await self.state()
        run = SyncRun("reconcile", self.clock.now(), since=state.synced_at or Instant(0))
        await self.database.write(lambda connection: syncs.begin(connection, self.account.id, run))
        before = self.metrics.repaired_total
        await self.work()
        return self.metrics.repaired_total - before

    async def state(self) -> Sync:
        """The account's row in `syncs`."""
        return await self.database.read(lambda connection: syncs.read(connection, self.account.id))

    async def quarantined(self) -> list[Quarantined]:
        """What could not be decoded of the CRM's webhooks and answers."""
        return await self.database.read(lambda connection: log.quarantined(connection, self.account.id))

    async def board(self) -> dict[str, Any]:
        """The board, without what depends on the CRM's ids."""
        read = partial(self.reader.read, self.account.id, self._ranges.selections)
        return self._shown(await asyncio.to_thread(read), self.account)

    async def differing(self) -> set[tuple[str, int]]:
        """The deals and tasks whose facts differ from the truth."""
        return await self.database.read(self._differing)

    def _differing(self, connection: Connection) -> set[tuple[str, int]]:
        truth: dict[Entity, dict[str, Record]] = {"deal": {}, "task": {}}
        for change in changes_of(self.vendor.office, self.vendor.is_lead):
            if change.entity in truth:
                merge(truth[change.entity].setdefault(change.id, Record()), change, 1)
        rules = heads.rules_of(self.account)
        differing: set[tuple[str, int]] = set()
        for deal_id, record in truth["deal"].items():
            known = states.load(connection, self.account.id, "deal", [deal_id]).get(deal_id)
            true, held_facts = deal_facts(deal_id, record, rules), deal_facts(deal_id, known, rules)
            if (true.phase, held_facts.phase) in _UNCOUNTED:
                continue
            if _facts(true) != _facts(held_facts):
                differing.add(("deal", int(deal_id.rpartition(":")[2])))
        for task_id, record in truth["task"].items():
            known = states.load(connection, self.account.id, "task", [task_id]).get(task_id, Record())
            if _facts_of_task(task_facts(task_id, record, rules)) != _facts_of_task(
                task_facts(task_id, known, rules)
            ):
                differing.add(("task", int(task_id)))
        return differing

    def truth(self) -> dict[str, Any]:
        """The board that a flawless CRM would have produced."""
        office = replace(self.account, crm="standard", api=None)
        with contextlib.closing(Ledger(self.ledgers(), self.clock.now(), office)) as ledger:
            ledger.say(*changes_of(self.vendor.office, self.vendor.is_lead))
            return self._shown(ledger.read(self._ranges.selections), office)

    def _shown(self, rows: BoardRows, account: Account) -> dict[str, Any]:
        """The board as if all losses were known: from when they are is not the CRM's truth."""
        known = replace(rows, known_from=Day(1))
        return plain(build_snapshot(known, account, VIEW, self._ranges))

    @property
    def _ranges(self) -> Ranges:
        return ranges(VIEW, local_day(self.clock.now(), self.account.zone))


@contextlib.asynccontextmanager
async def connected(
    vendor: SimulatedCRM,
    account: Account,
    clock: StillClock,
    ledgers: Callable[[], str],
    faults: Faults = NO_FAULTS,
    seed: int = 1,
) -> AsyncIterator[Connected]:
    """The account on an empty database of its own."""
    url = ledgers()
    waiting, metrics = WaitingClock(clock), Counted()
    database = Database(url)
    with database.writing() as connection:
        heads.ensure(connection, account, waiting.now())
    accounts = {account.id: account}
    writer = Writer(database, accounts, waiting)
    writer.start()
    endpoint = WebhookEndpoint(accounts, writer, waiting, metrics, Brake(waiting))
    service = Starlette(routes=[Route("/webhooks/{account}", endpoint)])
    api = ADAPTERS[account.crm].api
    assert api is not None
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app=service)) as posting,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=vendor.app)) as asking,
    ):
        deliver = through(posting, ADDRESS)
        another = partial(AccountSync, account, api, database, writer, asking, waiting, metrics)
        yield Connected(
            account,
            waiting,
            vendor,
            FaultyPostman(vendor, deliver, Random(seed), faults),
            another(),
            BoardReader(database, accounts, waiting),
            database,
            metrics,
            deliver,
            another,
            ledgers,
        )
    await writer.stop()
    database.close()


def _facts(deal: DealFacts) -> tuple[object, ...]:
    """The facts of a deal that do not depend on the CRM's ids of its reason and client."""
    has_client = not deal.client_id.startswith("deal:")
    return deal.phase, deal.amount, deal.lost_day, bool(deal.reason_id), has_client, deal.manager_id


def _facts_of_task(task: TaskFacts | None) -> TaskFacts | None:
    """The facts of a task that do not depend on the CRM's id of its client. Of one that was completed in
    time, or was never due, nothing needs to be known: it counts nowhere, and not every CRM tells when it was
    completed."""
    if task is None or (task.done_at is not None and (task.due_at is None or task.done_at <= task.due_at)):
        return None
    return msgspec.structs.replace(task, client_id="somebody" if task.client_id else None)


_UNCOUNTED: Final = frozenset({("deleted", "unknown"), ("deleted", "won"), ("won", "unknown")})
"""A deal's true phase and its known phase, where the difference counts nowhere: not every CRM reports what
was deleted, and a backfill leaves out deals that were won before it."""

_OWN: Final = frozenset(
    {"account", "seq", "as_of", "known_from", "last_delivery_at", "url", "client_id", "manager_id", "task_id"}
)


def plain(board: Snapshot) -> dict[str, Any]:
    """A board as JSON, without times and ids, with sorted lists."""
    document: dict[str, Any] = _plain(msgspec.to_builtins(board))
    del document["managers"], document["pipelines"]  # who there is, to be chosen from: ids again
    document["at_risk"]["saved_today"].pop("list", None)
    document.pop("known_from", None)
    document["warnings"] = [warning for warning in document["warnings"] if warning["code"] != "missed"]
    return document


def _plain(value: object) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if name not in _OWN}
    if isinstance(value, list | tuple):
        return sorted((_plain(inner) for inner in value), key=repr)
    return value
