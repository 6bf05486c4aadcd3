"""Recomputation: projections from state, and state from the log.

`rebuild` writes the result, and the differences are what it would change. Both use the flow of a live commit,
so each figure has one definition. That the flow itself is right is proved by the tests' own recomputation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from service.config import Account
from service.ledger.database.tables import STATE
from service.ledger.write import heads, invalidations, log, sums
from service.ledger.write import state as states
from service.ledger.write.invalidations import Invalidation
from service.ledger.write.log import Stored
from service.ledger.write.state import Saved
from service.model import FIELDS, Decoded, Entity, Instant
from service.operator_error import OperatorError
from service.projections import FLOW, REVISION
from service.projections.facts import DealFacts, Moment, deal_facts, is_gone, task_facts
from service.projections.flow import Deltas, Key
from service.projections.merge import Record, merge
from service.projections.mergers import redirect, successors
from service.projections.propagate import DealPair, TaskPair, propagate

Decode = Callable[[Stored], Decoded]
"""Decodes a stored delivery with today's adapters."""

Progress = Callable[[int], None]
"""Called with the number of records or deliveries that were processed since the last call."""

LogState = dict[Entity, dict[str, Record]]


class LogPruned(OperatorError):
    """The log's oldest bodies were dropped, so state cannot be recomputed from it."""


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


def from_state(connection: Connection, account: Account, as_of: Instant, progress: Progress) -> Deltas:
    """All rows of all projections, recomputed from state as of a moment."""
    rules = heads.rules_of(account)
    moment = Moment(as_of, rules.day(as_of))
    deals: dict[str, DealPair] = {}
    for page in states.pages(connection, account.id, "deal"):
        deals.update({key: (None, deal_facts(key, record, rules)) for key, record in page.items()})
        progress(len(page))
    tasks: list[TaskPair] = []
    for page in states.pages(connection, account.id, "task"):
        tasks.extend((None, task_facts(key, record, rules)) for key, record in page.items())
        progress(len(page))

    gone = {
        client_id: (False, is_gone(record))
        for page in states.pages(connection, account.id, "client")
        for client_id, record in page.items()
    }

    def unknown(ids: AbstractSet[str]) -> Mapping[str, DealFacts]:
        return {deal_id: deal_facts(deal_id, None, rules) for deal_id in ids}

    return propagate(FLOW, tasks, deals, gone, (moment, moment), unknown, lambda _relation, _ids: {}).deltas


def rebuild(connection: Connection, account: Account, now: Instant, progress: Progress) -> None:
    """Recompute an account's projections from state, and write them. Open boards then read everything.

    Raises:
        OtherRules: A newer version of the service computed them.
    """
    head = heads.prepared(connection, account.id, lock=True)
    heads.check_not_newer(connection, head, account)
    as_of = heads.moment_after(head.as_of, now)
    sums.clear(connection, account.id)
    sums.add(connection, {account.id: from_state(connection, account, as_of, progress)})
    invalidations.store(connection, account.id, head.seq + 1, Invalidation(everything=True))
    rebuilt = head._replace(
        seq=head.seq + 1,
        as_of=as_of,
        next_tick_at=heads.next_tick(connection, account, as_of),
        revision=REVISION,
        rules_fingerprint=heads.fingerprint_of(account),
    )
    heads.store(connection, rebuilt)


def from_log(deliveries: Iterable[Stored], decode: Decode, progress: Progress) -> LogState:
    """State as the whole log makes it. What could not be applied of it is not in state, until it is retried.

    Raises:
        LogPruned: See there.
    """
    state: LogState = {entity: {} for entity in FIELDS}
    for delivery in deliveries:
        if delivery.body is None:
            raise LogPruned(f"the body of delivery {delivery.number} was dropped after its time")
        for change in decode(delivery).changes if delivery.applied else ():
            merge(state[change.entity].setdefault(change.id, Record()), change, delivery.number)
        progress(1)
    into = successors(state["merger"])
    for entity, records in state.items():
        redirect(entity, records.values(), into)
    return state


def rebuild_state(connection: Connection, account: Account, decode: Decode, progress: Progress) -> None:
    """Merge state again from the log with today's adapters, and write it. The caller rebuilds the projections
    afterwards.

    Raises:
        LogPruned: See there; nothing was changed.
    """
    state = from_log(log.everything(connection, account.id), decode, progress)
    for entity, records in state.items():
        connection.execute(delete(STATE[entity]).where(STATE[entity].c.account == account.id))
        saved = (Saved(account.id, entity_id, record, None) for entity_id, record in records.items())
        states.save(connection, entity, saved)


def differences_from_state(
    connection: Connection, account: Account, progress: Progress
) -> Iterator[Difference]:
    """Rows of projections that differ from what state gives."""
    head = heads.head(connection, account.id)
    if head is None:
        return
    expected = from_state(connection, account, head.as_of, progress)
    for relation in FLOW.relations:
        stored = sums.rows(connection, account.id, relation)
        yield from _differences(relation.name, expected.get(relation, {}), stored)


def differences_from_log(
    connection: Connection, account: Account, decode: Decode, progress: Progress
) -> Iterator[Difference]:
    """Records of state that differ from what the log gives.

    Raises:
        LogPruned: See there.
    """
    expected = from_log(log.everything(connection, account.id), decode, progress)
    for entity, records in expected.items():
        pages = states.pages(connection, account.id, entity)
        stored = (((entity_id,), record) for page in pages for entity_id, record in page.items())
        by_key: dict[Key, object] = {(entity_id,): record for entity_id, record in records.items()}
        yield from _differences(STATE[entity].name, by_key, stored)


def _differences(
    table: str, expected: Mapping[Key, object], stored: Iterable[tuple[Key, object]]
) -> Iterator[Difference]:
    missing = dict(expected)
    for key, actual in stored:
        want = missing.pop(key, None)
        if want != actual:
            yield Difference(table, key, want, actual)
    for key, want in missing.items():
        yield Difference(table, key, want, None)


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
