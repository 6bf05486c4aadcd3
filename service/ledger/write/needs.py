"""Needs: what the CRM's API must be asked for, stored in the transaction of the delivery that leaves it out.

A need is one row, however often it is wanted. It keeps the number of the delivery that wanted it last, so
that the answer to an earlier call does not settle it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    union_all,
    update,
)

from service.ledger.database.engine import Upsert
from service.ledger.database.in_list import in_list
from service.ledger.database.statements.bulk import inserting
from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import DEALS, HEADS, NEEDS, STATE, TASKS
from service.model import FIELDS, Delivery, Entity, Instant, Need
from service.projections.batch import Merged
from service.projections.facts import DealFacts

WHOLE: Final[frozenset[Entity]] = frozenset({"deal", "task"})
"""Entities that the API is asked for whole. Of the others it is asked for the name, once."""

LINKS: Final[Mapping[str, Entity]] = {
    f"{entity}_id": entity
    for entity in FIELDS
    if entity not in WHOLE and any(f"{entity}_id" in fields for fields in FIELDS.values())
}
"""The fields that link to an entity of which only the name is wanted: `client_id` and so on."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A need that is due.

    Args:
        wanted_by: The number of the newest delivery that wants it.
        tries: How many calls have failed to answer it.
    """

    need: Need
    wanted_by: int
    tries: int


def left_out(
    numbered: Sequence[tuple[int, Delivery]], merged: Merged, deals: Mapping[str, DealFacts]
) -> dict[Need, int]:
    """What new deliveries leave out, each with the number of the newest delivery that wants it.

    That is every deal that took part and is not known yet; the name of whatever a change links to, if the
    link holds after merging; and what the adapters say.
    """
    newest = numbered[-1][0] if numbered else 0
    wanted = {Need("deal", deal_id): newest for deal_id, deal in deals.items() if deal.phase == "unknown"}
    for number, delivery in numbered:
        for change in delivery.decoded.changes:
            values = merged.records[change.entity][change.id].values
            for name in change.fields.keys() & LINKS.keys():
                if isinstance(linked_id := values.get(name), str) and linked_id:
                    wanted[Need(LINKS[name], linked_id)] = number
        wanted |= dict.fromkeys(delivery.decoded.needs, number)
    return wanted


def of_deleted_clients(
    connection: Connection, account: str, numbered: Sequence[tuple[int, Delivery]]
) -> dict[Need, int]:
    """The open deals and tasks of the clients that deliveries delete: the CRM may have merged a client into
    another one, and has nothing to say about what it moved. Costs no statement without such a delivery."""
    deleted = {
        change.id: number
        for number, delivery in numbered
        for change in delivery.decoded.changes
        if change.deleted and change.entity == "client"
    }
    if not deleted:
        return {}
    open_ones: tuple[tuple[Entity, ColumnElement[bool]], ...] = (
        ("deal", func.coalesce(DEALS.c.status, "open") == "open"),
        ("task", TASKS.c.done_at.is_(None)),
    )
    wanted: dict[Need, int] = {}
    for entity, is_open in open_ones:
        table = STATE[entity]
        of_client = table.c.account == account, in_list(table.c.client_id, "clients"), is_open
        statement = select(table.c.id, table.c.client_id).where(*of_client)
        for entity_id, client_id in connection.execute(statement, {"clients": deleted.keys()}):
            wanted[Need(entity, entity_id)] = deleted[client_id]
    return wanted


def note(connection: Connection, account: str, wanted: Mapping[Need, int], now: Instant) -> None:
    """Store needs, each with the number of the delivery that wants it. Names that are known are left out.

    A need that is stored already keeps the time of its next call, because it may be waiting after a failure.
    """
    unknown = wanted.keys() - _named(connection, account, wanted)
    if not unknown:
        return
    rows = [(account, need.entity, need.id, wanted[need], 0, now) for need in sorted(unknown)]
    _WANT.run(connection, rows)


def _wanting(statement: Upsert) -> Upsert:
    return statement.on_conflict_do_update(
        index_elements=["account", "entity", "id"], set_={"wanted_by": statement.excluded.wanted_by}
    )


_WANT = inserting(NEEDS, _wanting)
_NAMED = Prepared(
    union_all(
        *(
            select(literal_column(f"'{entity}'"), STATE[entity].c.id).where(
                STATE[entity].c.account == bindparam("account"),
                in_list(STATE[entity].c.id, entity),
                STATE[entity].c.name != "",
            )
            for entity in sorted(set(LINKS.values()))
        )
    )
)


def _named(connection: Connection, account: str, needs: Iterable[Need]) -> set[Need]:
    """Those needs whose name is known; one statement for all of them."""
    ids: dict[str, set[str]] = {entity: set() for entity in LINKS.values()}
    for need in needs:
        if need.entity in ids:
            ids[need.entity].add(need.id)
    if not any(ids.values()):
        return set()
    return {
        Need(entity, named_id) for entity, named_id in _NAMED.rows(connection, {"account": account, **ids})
    }


_OF_NEED = (
    NEEDS.c.account == bindparam("_account"),
    NEEDS.c.entity == bindparam("_entity"),
    NEEDS.c.id == bindparam("_id"),
)
_SETTLE = delete(NEEDS).where(*_OF_NEED, NEEDS.c.wanted_by <= bindparam("_upto"))


def _of_need(account: str, need: Need) -> dict[str, object]:
    return {"_account": account, "_entity": need.entity, "_id": need.id}


def settle(connection: Connection, account: str, settled: Mapping[Need, int]) -> None:
    """Delete needs, except those that a delivery after the given one has wanted again."""
    rows = [{**_of_need(account, need), "_upto": upto} for need, upto in sorted(settled.items())]
    connection.execute(_SETTLE, rows)


def due(connection: Connection, account: str, now: Instant, limit: int) -> list[Wanted]:
    """The needs that are due, those that have waited longest first."""
    rows = connection.execute(
        select(NEEDS.c.entity, NEEDS.c.id, NEEDS.c.wanted_by, NEEDS.c.tries)
        .where(NEEDS.c.account == account, NEEDS.c.ask_at <= now)
        .order_by(NEEDS.c.ask_at, NEEDS.c.entity, NEEDS.c.id)
        .limit(limit)
    )
    return [Wanted(Need(cast("Entity", row.entity), row.id), row.wanted_by, row.tries) for row in rows]


def next_at(connection: Connection, account: str) -> Instant | None:
    """When the next need is due; None when there is none."""
    earliest = select(func.min(NEEDS.c.ask_at)).where(NEEDS.c.account == account)
    return connection.execute(earliest).scalar()


def count(connection: Connection, account: str) -> int:
    """How many needs an account has."""
    return connection.execute(select(func.count()).where(NEEDS.c.account == account)).scalar_one()


_SOME = (
    select(NEEDS.c.id).where(NEEDS.c.account == HEADS.c.account).limit(bindparam("most")).correlate(HEADS)
).subquery()
_COUNTS = select(HEADS.c.account, select(func.count()).select_from(_SOME).scalar_subquery()).where(
    in_list(HEADS.c.account, "accounts")
)


def counts(connection: Connection, accounts: Collection[str], most: int) -> dict[str, int]:
    """How many needs accounts with a head row have, by account; `most` at most, so that no more of an account
    are gone through."""
    asked = {"accounts": accounts, "most": most}
    return {row[0]: row[1] for row in connection.execute(_COUNTS, asked)}


def hasten(connection: Connection, account: str, now: Instant) -> None:
    """Have every need asked for now: the clock that their waits were measured by was set back."""
    late = NEEDS.c.account == account, NEEDS.c.ask_at > now
    connection.execute(update(NEEDS).where(*late).values(ask_at=now))


_POSTPONE = update(NEEDS).where(*_OF_NEED).values(tries=bindparam("_tries"), ask_at=bindparam("_ask_at"))


def postpone(
    connection: Connection, account: str, wanted: Sequence[Wanted], times: Mapping[Need, Instant]
) -> None:
    """Note that calls failed to answer needs, and when to ask for each again."""
    if wanted:
        rows = [
            {**_of_need(account, late.need), "_tries": late.tries + 1, "_ask_at": times[late.need]}
            for late in wanted
        ]
        connection.execute(_POSTPONE, rows)
