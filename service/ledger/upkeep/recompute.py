"""Recomputation: projections from state, and state from the log.

`rebuild` writes the result, and the differences are what it would change. Both use the flow of a live commit,
so each figure has one definition. That the flow itself is right is proved by the tests' own recomputation.

Neither holds an account in memory. What is expected is computed portion by portion into a scratch database,
and compared with the tables in the order of the keys. To check one range of keys after another would read all
of state for each, because a figure is a sum over deals anywhere in the account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Final

from sqlalchemy import Connection, func, select

from service.clock import Clock
from service.config import Account
from service.ledger.database.sqlite.scratch import scratch
from service.ledger.database.tables import STATE
from service.ledger.read.decoding import DecodePages
from service.ledger.upkeep import replay
from service.ledger.upkeep.replay import Progress
from service.ledger.write import heads, invalidations, sums
from service.ledger.write import state as states
from service.ledger.write.heads import Head
from service.ledger.write.invalidations import Invalidation
from service.model import Instant
from service.projections import FLOW, REVISION
from service.projections.facts import DealFacts, Moment, deal_facts, is_gone, task_facts
from service.projections.flow import About, Key, Middle
from service.projections.propagate import DealPair, GonePair, TaskPair, propagate

PORTION: Final = 20_000
"""Deals or tasks whose figures are computed at a time: enough that most accounts take a few steps, and few
enough that the memory for them is bounded, some 100 MB."""

_KEY: Final = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that differs from its recomputation. `key` is the row's key after the account."""

    table: str
    key: Key
    expected: object
    actual: object


def size_of_state(connection: Connection, account: str) -> int:
    """The number of deals and tasks, for a progress bar."""
    counts = (
        select(func.count()).select_from(STATE[entity]).where(STATE[entity].c.account == account)
        for entity in ("deal", "task")
    )
    return sum(connection.execute(count).scalar_one() for count in counts)


@dataclass(frozen=True, slots=True)
class _Portion:
    """A part of an account's state, as something new."""

    tasks: list[TaskPair]
    deals: dict[str, DealPair]
    gone: dict[str, GonePair]


def _portions(connection: Connection, account: Account, progress: Progress) -> Iterator[_Portion]:
    """All of an account's state: its deals before its tasks, because a deal costs less while it has none."""
    rules = heads.rules_of(account)
    for page in states.pages(connection, account.id, "deal", PORTION):
        yield _Portion([], {key: (None, deal_facts(key, record, rules)) for key, record in page.items()}, {})
        progress(len(page))
    clients = STATE["client"].c
    deleted = select(clients.id).where(clients.account == account.id, clients.deleted.is_not(None))
    ids = connection.execute(deleted).scalars().all()
    for start in range(0, len(ids), PORTION):
        records = states.load(connection, account.id, "client", ids[start : start + PORTION])
        yield _Portion([], {}, {key: (False, is_gone(record)) for key, record in records.items()})
    for page in states.pages(connection, account.id, "task", PORTION):
        yield _Portion([(None, task_facts(key, record, rules)) for key, record in page.items()], {}, {})
        progress(len(page))


def _fill(
    source: Connection, target: Connection, account: Account, as_of: Instant, progress: Progress
) -> None:
    """Fill empty projections from state as of a moment, portion by portion: each is a batch that comes upon
    the rows of those before it.

    Args:
        source: Where state is.
        target: Where the projections are.
    """
    rules = heads.rules_of(account)
    moment = Moment(as_of, rules.day(as_of))

    def load_deals(ids: AbstractSet[str]) -> Mapping[str, DealFacts]:
        records = states.load(source, account.id, "deal", ids)
        return {deal_id: deal_facts(deal_id, records.get(deal_id), rules) for deal_id in ids}

    def load_about(entity: Middle, ids: AbstractSet[str]) -> Mapping[str, About]:
        return sums.about(target, {entity: {account.id: ids}}).get(account.id, {}).get(entity, {})

    for portion in _portions(source, account, progress):
        tasks, deals, gone = portion.tasks, portion.deals, portion.gone
        flowed = propagate(FLOW, tasks, deals, gone, (moment, moment), load_deals, load_about)
        sums.add(target, {account.id: flowed.deltas})


def rebuild(connection: Connection, account: Account, now: Instant, progress: Progress) -> None:
    """Recompute an account's projections from state, and write them. Open boards then read everything.

    Raises:
        OtherRules: A newer version of the service computed them.
    """
    head = heads.prepared(connection, account.id, lock=True)
    heads.check_not_newer(connection, head, account)
    as_of = heads.moment_after(head.as_of, now)
    sums.clear(connection, account.id)
    _fill(connection, connection, account, as_of, progress)
    invalidations.store(connection, account.id, head.seq + 1, Invalidation(everything=True))
    rebuilt = head._replace(
        seq=head.seq + 1,
        as_of=as_of,
        next_tick_at=heads.next_tick(connection, account, as_of),
        revision=REVISION,
        rules_fingerprint=heads.fingerprint_of(account),
    )
    heads.store(connection, rebuilt)


def adopt(
    connection: Connection,
    accounts: Iterable[Account],
    clock: Clock,
    progress: Progress = lambda _steps: None,
) -> dict[str, Head]:
    """Prepare the database for accounts: each has a head row, and figures that its rules computed. Returns
    the heads of those that were recomputed.

    Raises:
        OtherRules: A newer version of the service computed an account's figures.
    """
    recomputed: dict[str, Head] = {}
    for account in accounts:
        heads.ensure(connection, account, clock.now())
        if rules_changed(connection, account):
            rebuild(connection, account, clock.now(), progress)
            recomputed[account.id] = heads.prepared(connection, account.id)
    return recomputed


def differences_from_state(
    connection: Connection, account: Account, progress: Progress
) -> Iterator[Difference]:
    """Rows of projections that differ from what state gives."""
    head = heads.head(connection, account.id)
    if head is None:
        return
    with scratch() as computed:
        _fill(connection, computed, account, head.as_of, progress)
        for relation in FLOW.relations:
            expected, actual = (sums.rows(one, account.id, relation) for one in (computed, connection))
            yield from _differences(relation.name, expected, actual)


def differences_from_log(
    connection: Connection, account: Account, decode: DecodePages, progress: Progress
) -> Iterator[Difference]:
    """Records of state that differ from what the log gives.

    Raises:
        LogPruned: See there.
    """
    with scratch() as computed:
        replay.fill(connection, computed, account, decode, progress)
        for entity, table in STATE.items():
            expected, actual = (states.in_order(one, account.id, entity) for one in (computed, connection))
            yield from _differences(table.name, expected, actual)


def _differences(
    table: str, expected: Iterable[tuple[Key, object]], actual: Iterable[tuple[Key, object]]
) -> Iterator[Difference]:
    """Compare rows that are in the order of their keys."""
    sides = merge(_of_side("expected", expected), _of_side("actual", actual), key=_KEY)
    for key, same in groupby(sides, _KEY):
        found = {side: row for _, side, row in same}
        if found.get("expected") != found.get("actual"):
            yield Difference(table, key, found.get("expected"), found.get("actual"))


def _of_side(side: str, rows: Iterable[tuple[Key, object]]) -> Iterator[tuple[Key, str, object]]:
    return ((key, side, row) for key, row in rows)


def rules_changed(connection: Connection, account: Account) -> bool:
    """Whether an account's projections were computed by other rules than this version's.

    Raises:
        OtherRules: A newer version of the service computed them.
    """
    head = heads.head(connection, account.id)
    if head is None:
        return False
    heads.check_not_newer(connection, head, account)
    return not heads.has_rules(head, account)
