"""What a transaction applies to an account, and what it reads of state for that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from service.calendar import day_start, shifted
from service.config import Account
from service.ledger.database.in_list import in_list
from service.ledger.database.tables import STATE, TASKS
from service.ledger.write import heads, state
from service.ledger.write.heads import Head
from service.model import Change, Delivery, Entity, Instant, Micros
from service.projections.batch import Records
from service.projections.facts import DealFacts, Moment, Rules, deal_facts
from service.projections.merge import Record, merge
from service.projections.mergers import LINKS, NO_REDIRECTION, Redirection, left_of, links, successors


@dataclass(frozen=True, slots=True)
class AccountBatch:
    """What one transaction applies to an account.

    Args:
        numbered: Deliveries with their numbers.
        moments: The moment that the board is true at, and the one that it will be true at.
        ticks: Whether the clock alone changes the board between them.
        mergers: Whether the CRM has merged anything before.
    """

    account: Account
    rules: Rules
    numbered: Sequence[tuple[int, Delivery]]
    moments: tuple[Moment, Moment]
    ticks: bool
    mergers: bool

    @property
    def changes(self) -> list[tuple[int, Change]]:
        """Every change, with its delivery's number."""
        return [(number, change) for number, delivery in self.numbered for change in delivery.decoded.changes]


def account_batch(
    account: Account,
    head: Head,
    now: Instant,
    numbered: Sequence[tuple[int, Delivery]],
    skew: Micros = heads.CLOCK_SKEW,
) -> AccountBatch:
    """The batch of some deliveries and of the time since the account's last commit; `skew` as in
    `heads.moment_after`."""
    rules = heads.rules_of(account)
    moment = heads.moment_after(head.as_of, now, skew)
    return AccountBatch(
        account,
        rules,
        numbered,
        (Moment(head.as_of, rules.day(head.as_of)), Moment(moment, rules.day(moment))),
        ticks=moment >= head.next_tick_at or moment < head.as_of,
        mergers=head.mergers,
    )


def load(connection: Connection, batch: AccountBatch) -> Records:
    """The records of the entities that a batch changes, and of the tasks that the clock changes."""
    ids: dict[Entity, set[str]] = {}
    for _, change in batch.changes:
        ids.setdefault(change.entity, set()).add(change.id)
    if batch.ticks and (ticked := _ticked_tasks(connection, batch)):
        ids.setdefault("task", set()).update(ticked)
    account_id = batch.account.id
    return {entity: state.load(connection, account_id, entity, wanted) for entity, wanted in ids.items()}


def load_redirection(connection: Connection, batch: AccountBatch, loaded: Records) -> Redirection:
    """What a batch leads elsewhere: nothing, and without a statement, as long as there is no merger."""
    told = {key: record.copy() for key, record in loaded.get("merger", {}).items()}
    for number, change in batch.changes:
        if change.entity == "merger":
            merge(told.setdefault(change.id, Record()), change, number)
    if not told and not batch.mergers:
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


def load_deals(connection: Connection, batch: AccountBatch, ids: AbstractSet[str]) -> Mapping[str, DealFacts]:
    """Deals by id; one that has no record is not known yet."""
    records = state.load(connection, batch.account.id, "deal", ids)
    return {deal_id: deal_facts(deal_id, records.get(deal_id), batch.rules) for deal_id in ids}


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
