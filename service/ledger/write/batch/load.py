"""What a transaction applies to an account, and what it reads of state and sums for that.

Each read is one statement for all accounts of a transaction, and none for rows that are known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from service.calendar import day_start, shifted
from service.config import Account
from service.ledger.database.in_list import in_list
from service.ledger.database.tables import STATE, TASKS
from service.ledger.write import heads, state, sums
from service.ledger.write.batch.cache import AccountRows
from service.ledger.write.heads import Head
from service.model import FIELDS, Change, Delivery, Entity, Instant, Micros
from service.projections import FLOW
from service.projections.batch import Merged, Records
from service.projections.facts import DealFacts, Moment, Rules, deal_facts
from service.projections.flow import Cells, Middle, Relation
from service.projections.merge import Record, merge
from service.projections.mergers import LINKS, NO_REDIRECTION, Redirection, left_of, links, successors


@dataclass(frozen=True, slots=True)
class AccountBatch:
    """What one transaction applies to an account.

    Args:
        head: Before the transaction.
        numbered: Deliveries with their numbers.
        moments: The moment that the board is true at, and the one that it will be true at.
        ticks: Whether the clock alone changes the board between them.
        rows: The account's rows that are known.
    """

    account: Account
    head: Head
    rules: Rules
    numbered: Sequence[tuple[int, Delivery]]
    moments: tuple[Moment, Moment]
    ticks: bool
    rows: AccountRows

    @property
    def changes(self) -> list[tuple[int, Change]]:
        """Every change, with its delivery's number."""
        return [(number, change) for number, delivery in self.numbered for change in delivery.decoded.changes]

    def records(self, entity: Entity, ids: Iterable[str]) -> dict[str, Record]:
        """The records of some entities, all of which were loaded; without those that there are not."""
        known = self.rows.records[entity]
        found = ((entity_id, known[entity_id]) for entity_id in ids)
        return {entity_id: record for entity_id, record in found if record is not None}


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
        (Moment(head.as_of, rules.day(head.as_of)), Moment(moment, rules.day(moment))),
        ticks=moment >= head.next_tick_at or moment < head.as_of,
        rows=rows,
    )


def load(connection: Connection, batches: Sequence[AccountBatch]) -> list[Records]:
    """For each batch, the records of the entities that it changes, and of the tasks that the clock
    changes."""
    wanted: list[dict[Entity, set[str]]] = []
    for batch in batches:
        ids: dict[Entity, set[str]] = {}
        for _, change in batch.changes:
            ids.setdefault(change.entity, set()).add(change.id)
        if batch.ticks and (ticked := _ticked_tasks(connection, batch)):
            ids.setdefault("task", set()).update(ticked)
        wanted.append(ids)
    for entity in FIELDS:
        some = [(batch, ids[entity]) for batch, ids in zip(batches, wanted, strict=True) if entity in ids]
        _load_records(connection, entity, some)
    return [
        {entity: batch.records(entity, some) for entity, some in ids.items()}
        for batch, ids in zip(batches, wanted, strict=True)
    ]


def _load_records(
    connection: Connection, entity: Entity, wanted: Iterable[tuple[AccountBatch, Collection[str]]]
) -> None:
    """Read those records that are not known yet."""
    missing = {
        batch.account.id: (batch.rows, unknown)
        for batch, ids in wanted
        if (unknown := [entity_id for entity_id in ids if entity_id not in batch.rows.records[entity]])
    }
    found = state.load_all(connection, entity, {account: ids for account, (_, ids) in missing.items()})
    for account, (rows, ids) in missing.items():
        records = found.get(account, {})
        rows.records[entity].update((entity_id, records.get(entity_id)) for entity_id in ids)
        rows.size += len(ids)


def load_redirection(connection: Connection, batch: AccountBatch, loaded: Records) -> Redirection:
    """What a batch leads elsewhere: nothing, and without a statement, as long as there is no merger."""
    told = {key: record.copy() for key, record in loaded.get("merger", {}).items()}
    for number, change in batch.changes:
        if change.entity == "merger":
            merge(told.setdefault(change.id, Record()), change, number)
    if not told and not batch.head.mergers:
        return NO_REDIRECTION
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
    wanted: list[tuple[AccountBatch, Mapping[Middle, AbstractSet[str]]]] = []
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


def cells(connection: Connection, batch: AccountBatch, relation: Relation, ids: AbstractSet[str]) -> Cells:
    """The rows of a feeding relation about some entities."""
    about = batch.rows.about.setdefault(relation, {})
    if relation.feeds is not None and (unknown := ids - about.keys()):
        _load_about(connection, [(batch, {relation.feeds: unknown})])
    return {key: measures for entity_id in ids for key, measures in about[entity_id].items()}


def _load_about(
    connection: Connection, wanted: Iterable[tuple[AccountBatch, Mapping[Middle, AbstractSet[str]]]]
) -> None:
    """Read those sums about deals and clients that are not known yet."""
    missing: dict[Middle, dict[str, AbstractSet[str]]] = {entity: {} for entity in FLOW.feeding}
    batches = {}
    for batch, by_entity in wanted:
        batches[batch.account.id] = batch
        for entity, ids in by_entity.items():
            known = batch.rows.about.get(FLOW.feeding[entity][0], {})
            if unknown := ids - known.keys():
                missing[entity][batch.account.id] = unknown
    found = sums.about(connection, missing)
    for entity, by_account in missing.items():
        for account, ids in by_account.items():
            batches[account].rows.know(FLOW.feeding[entity], ids, found.get(account, {}))


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
