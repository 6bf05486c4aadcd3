"""What a transaction applies to an account, and what it reads of state and sums for that.

Each read is one statement for all accounts of a transaction, and none for rows that are known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, or_, select

from service.calendar import day_start, shifted
from service.config import Account
from service.ledger.database.in_list import in_list
from service.ledger.database.tables import STATE, TASKS
from service.ledger.write import heads, state, sums
from service.ledger.write.batch.cache import AccountRows
from service.ledger.write.heads import Head
from service.model import Change, Delivery, Entity, Instant, Micros
from service.projections import FLOW
from service.projections.batch import Merged, Records
from service.projections.facts import DealFacts, Moment, Rules, deal_facts
from service.projections.flow import NOTHING, About, Middle
from service.projections.merge import Record, merge
from service.projections.mergers import LINKS, NO_REDIRECTION, Redirection, left_of, links, successors


class AccountBatch(msgspec.Struct, frozen=True):
    """What one transaction applies to an account.

    Args:
        head: Before the transaction.
        numbered: Deliveries with their numbers.
        changes: Every change, with its delivery's number.
        moments: The moment that the board is true at, and the one that it will be true at.
        ticks: Whether the clock alone changes the board between them.
        rows: The account's rows that are known.
    """

    account: Account
    head: Head
    rules: Rules
    numbered: Sequence[tuple[int, Delivery]]
    changes: Sequence[tuple[int, Change]]
    moments: tuple[Moment, Moment]
    ticks: bool
    rows: AccountRows

    def records(self, entity: Entity, ids: Iterable[str]) -> dict[str, Record]:
        """The records of some entities, all of which were loaded; without those that there are not."""
        known = self.rows.records[entity]
        return {entity_id: record for entity_id in ids if (record := known[entity_id]) is not None}


def account_batch(
    account: Account,
    head: Head,
    now: Instant,
    numbered: Sequence[tuple[int, Delivery]],
    rows: AccountRows,
    skew: Micros = heads.CLOCK_SKEW,
) -> AccountBatch:
    """The batch of some deliveries and of the time since the account's last commit; `skew` as in
    `heads.moment_after`."""
    rules = heads.rules_of(account)
    moment = heads.moment_after(head.as_of, now, skew)
    return AccountBatch(
        account,
        head,
        rules,
        numbered,
        [(number, change) for number, delivery in numbered for change in delivery.decoded.changes],
        (Moment(head.as_of, rules.day(head.as_of)), Moment(moment, rules.day(moment))),
        ticks=moment >= head.next_tick_at or moment < head.as_of,
        rows=rows,
    )


def load(connection: Connection, batches: Sequence[AccountBatch]) -> list[Records]:
    """For each batch, the records of the entities that it changes, and of the tasks that the clock
    changes."""
    wanted = [_changed(connection, batch) for batch in batches]
    by_entity: defaultdict[Entity, list[tuple[AccountBatch, set[str]]]] = defaultdict(list)
    for batch, ids in zip(batches, wanted, strict=True):
        for entity, some in ids.items():
            by_entity[entity].append((batch, some))
    for entity, pairs in by_entity.items():
        _load_records(connection, entity, pairs)
    return [
        {entity: batch.records(entity, some) for entity, some in ids.items()}
        for batch, ids in zip(batches, wanted, strict=True)
    ]


def _changed(connection: Connection, batch: AccountBatch) -> Mapping[Entity, set[str]]:
    ids: defaultdict[Entity, set[str]] = defaultdict(set)
    for _, change in batch.changes:
        ids[change.entity].add(change.id)
    if batch.ticks and (ticked := _ticked_tasks(connection, batch)):
        ids["task"] |= ticked
    return ids


def _load_records(
    connection: Connection, entity: Entity, wanted: Iterable[tuple[AccountBatch, set[str]]]
) -> None:
    """Read those records that are not known yet."""
    missing: dict[str, set[str]] = {}  # differences from the cache itself: one from its keys goes through it
    rows: dict[str, AccountRows] = {}
    for batch, ids in wanted:
        if unknown := ids.difference(batch.rows.records[entity]):
            missing[batch.account.id], rows[batch.account.id] = unknown, batch.rows
    if not missing:
        return
    found = state.load_all(connection, entity, missing)
    for account, ids in missing.items():
        records = found.get(account, {})
        rows[account].records[entity] |= {entity_id: records.get(entity_id) for entity_id in ids}
        rows[account].size += len(ids)


def load_redirection(connection: Connection, batch: AccountBatch, loaded: Records) -> Redirection:
    """What a batch leads elsewhere: nothing, and without a statement, as long as there is no merger."""
    if "merger" not in loaded and not batch.head.has_mergers:
        return NO_REDIRECTION
    told = {key: record.copy() for key, record in loaded.get("merger", {}).items()}
    for number, change in batch.changes:
        if change.entity == "merger":
            merge(told.setdefault(change.id, Record()), change, number)
    linked = _linked(connection, batch.account.id, told) if told else {}
    keys = {key for _, change in batch.changes for key in links(change.entity, change.fields)}
    for entity, records in linked.items():
        keys |= {key for record in records.values() for key in links(entity, record.values)}
    into, seen = successors(told), set[str]()
    while unseen := {left_of(key, into) for key in keys} - seen:
        seen |= unseen
        into |= successors(state.load(connection, batch.account.id, "merger", unseen))
    return Redirection(into, linked)


def _linked(connection: Connection, account: str, keys: Iterable[str]) -> Records:
    """The deals and tasks that are linked to some deals and clients, given by their `merger_id`. It goes
    through all of them: a merger is rare, and an index would cost each commit."""
    wanted: dict[str, set[str]] = {}
    for key in keys:
        entity, _, merged = key.partition(" ")
        wanted.setdefault(entity, set()).add(merged)
    found: dict[Entity, dict[str, Record]] = {}
    for entity, fields in LINKS.items():
        table = STATE[entity]
        any_link = or_(*(in_list(table.c[name], linked) for name, linked in fields.items()))
        ids: dict[str, Collection[str]] = {linked: wanted.get(linked, ()) for linked in fields.values()}
        statement = select(*state.columns(entity)).where(table.c.account == account, any_link)
        rows = connection.execute(statement, ids)
        found[entity] = {str(row[0]): state.record(entity, row) for row in rows}
    return found


def load_about(
    connection: Connection, merged: Sequence[tuple[AccountBatch, Merged]]
) -> list[Mapping[str, DealFacts]]:
    """Read what the flow will ask for, of all accounts at once: the sums about the deals and clients that
    take part. Returns, for each account, the deals that its tasks are on."""
    tasks = [[task for pair in one.tasks for task in pair if task is not None] for _, one in merged]
    linked = [{task.deal_id for task in some if task.deal_id is not None} for some in tasks]
    _load_records(connection, "deal", [(batch, ids) for (batch, _), ids in zip(merged, linked, strict=True)])
    deals: list[Mapping[str, DealFacts]] = []
    wanted: list[tuple[AccountBatch, Mapping[Middle, set[str]]]] = []
    for (batch, one), own, ids in zip(merged, tasks, linked, strict=True):
        records = batch.rows.records["deal"]
        unchanged = {
            deal_id: deal_facts(deal_id, records[deal_id], batch.rules) for deal_id in ids - one.deals.keys()
        }
        clients = {task.client_id for task in own if task.client_id is not None}
        clients.update(deal.client_id for deal in unchanged.values())
        clients.update(deal.client_id for pair in one.deals.values() for deal in pair if deal is not None)
        clients.update(
            client_id for client_id, (was_gone, is_gone) in one.gone.items() if was_gone != is_gone
        )
        deals.append(unchanged)
        wanted.append((batch, {"deal": one.deals.keys() | ids, "client": clients}))
    _load_about(connection, wanted)
    return deals


def about(
    connection: Connection, batch: AccountBatch, entity: Middle, ids: AbstractSet[str]
) -> Mapping[str, About]:
    """The sums about some entities, and about others that are known."""
    known = batch.rows.about[entity]
    if not known.keys() >= ids:
        _load_about(connection, [(batch, {entity: {*ids}})])
    return known


def _load_about(
    connection: Connection, wanted: Iterable[tuple[AccountBatch, Mapping[Middle, set[str]]]]
) -> None:
    """Read those sums about deals and clients that are not known yet."""
    missing: dict[Middle, dict[str, set[str]]] = {entity: {} for entity in FLOW.feeding}
    rows: dict[str, AccountRows] = {}
    for batch, by_entity in wanted:
        rows[batch.account.id] = batch.rows
        for entity, ids in by_entity.items():
            if unknown := ids.difference(batch.rows.about[entity]):
                missing[entity][batch.account.id] = unknown
    if not any(missing.values()):
        return
    found = sums.about(connection, missing)
    for entity, by_account in missing.items():
        for account, unknown in by_account.items():
            known, read = rows[account].about[entity], found.get(account, {}).get(entity, {})
            known.update({one: read.get(one, NOTHING) for one in unknown})
            rows[account].size += len(unknown) + sum(map(len, read.values()))


def _ticked_tasks(connection: Connection, batch: AccountBatch) -> set[str]:
    """The tasks that the clock alone changes between the batch's moments: those that fell due, and those that
    were completed on a day that began or ended."""
    before, after = batch.moments
    first, last = sorted((before.now, after.now))
    windows: list[ColumnElement[bool]] = [
        and_(TASKS.c.open_due_at > first, TASKS.c.open_due_at <= last)  # the clock may have been set back
    ]
    if before.today != after.today:
        for day in (before.today, after.today):
            start, end = day_start(day, batch.rules.zone), day_start(shifted(day, 1), batch.rules.zone)
            windows.append(and_(TASKS.c.done_at >= start, TASKS.c.done_at < end))
    ids = select(TASKS.c.id).where(TASKS.c.account == batch.account.id, or_(*windows))
    return set(connection.execute(ids).scalars())
