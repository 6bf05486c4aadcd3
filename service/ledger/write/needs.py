"""Needs: what the CRM's API is to be asked for, stored in the transaction of the delivery that left it out.

A need is one row however often it is wanted. It remembers which delivery wanted it last, so that an answer to
an earlier question does not settle it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from sqlalchemy import Connection, bindparam, delete, func, select, update

from service.ledger.database.engine import insert_into
from service.ledger.database.tables import NEEDS
from service.ledger.write import state
from service.model import Entity, Instant, Need

WHOLE: Final = frozenset({"deal", "task"})
"""Entities that are asked for whole; of the others a name is wanted, once."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A need that is due.

    Args:
        wanted_by: The number of the newest delivery that wants it.
        tries: How often the API was asked in vain.
    """

    need: Need
    wanted_by: int
    tries: int


def note(connection: Connection, account: str, wanted: Mapping[Need, int], now: Instant) -> None:
    """Store needs, each with the number of the delivery that wants it; not those of names that are known.

    One that is stored already keeps the time at which the API is to be asked: it may be waiting after a
    failure.
    """
    unknown = wanted.keys() - _named(connection, account, wanted)
    if not unknown:
        return
    statement = insert_into(connection.dialect.name, NEEDS)
    statement = statement.on_conflict_do_update(
        index_elements=["account", "entity", "id"], set_={"wanted_by": statement.excluded.wanted_by}
    )
    connection.execute(
        statement,
        [
            {
                "account": account,
                "entity": need.entity,
                "id": need.id,
                "wanted_by": wanted[need],
                "tries": 0,
                "ask_at": now,
            }
            for need in sorted(unknown)
        ],
    )


def _named(connection: Connection, account: str, needs: Iterable[Need]) -> set[Need]:
    """Those needs whose name is known."""
    ids: dict[Entity, set[str]] = {}
    for need in needs:
        if need.entity not in WHOLE:
            ids.setdefault(need.entity, set()).add(need.id)
    return {
        Need(entity, each)
        for entity, wanted in ids.items()
        for each, record in state.load(connection, account, entity, wanted).items()
        if record.values.get("name")
    }


_SETTLE = delete(NEEDS).where(
    NEEDS.c.account == bindparam("_account"),
    NEEDS.c.entity == bindparam("_entity"),
    NEEDS.c.id == bindparam("_id"),
    NEEDS.c.wanted_by <= bindparam("_upto"),
)


def settle(connection: Connection, account: str, settled: Mapping[Need, int]) -> None:
    """Forget needs, unless a delivery after the one given with each has wanted it again."""
    if settled:
        connection.execute(
            _SETTLE,
            [
                {"_account": account, "_entity": need.entity, "_id": need.id, "_upto": upto}
                for need, upto in sorted(settled.items())
            ],
        )


_DUE = (
    select(NEEDS.c.entity, NEEDS.c.id, NEEDS.c.wanted_by, NEEDS.c.tries)
    .where(NEEDS.c.account == bindparam("account"), NEEDS.c.ask_at <= bindparam("now"))
    .order_by(NEEDS.c.ask_at, NEEDS.c.entity, NEEDS.c.id)
    .limit(bindparam("limit"))
)


def due(connection: Connection, account: str, now: Instant, limit: int) -> list[Wanted]:
    """The needs that the API is to be asked for now, those that have waited longest first."""
    rows = connection.execute(_DUE, {"account": account, "now": now, "limit": limit})
    return [Wanted(Need(cast("Entity", row.entity), row.id), row.wanted_by, row.tries) for row in rows]


def next_at(connection: Connection, account: str) -> Instant | None:
    """When the API is next to be asked; None when nothing is wanted."""
    found = select(func.min(NEEDS.c.ask_at)).where(NEEDS.c.account == account)
    return connection.execute(found).scalar()


def count(connection: Connection, account: str) -> int:
    """How many needs there are."""
    found = select(func.count()).select_from(NEEDS).where(NEEDS.c.account == account)
    return connection.execute(found).scalar_one()


_POSTPONE = (
    update(NEEDS)
    .where(
        NEEDS.c.account == bindparam("_account"),
        NEEDS.c.entity == bindparam("_entity"),
        NEEDS.c.id == bindparam("_id"),
    )
    .values(tries=bindparam("_tries"), ask_at=bindparam("_ask_at"))
)


def postpone(
    connection: Connection, account: str, wanted: Sequence[Wanted], times: Mapping[Need, Instant]
) -> None:
    """Note that the API was asked in vain, and when to ask it again."""
    if wanted:
        connection.execute(
            _POSTPONE,
            [
                {
                    "_account": account,
                    "_entity": each.need.entity,
                    "_id": each.need.id,
                    "_tries": each.tries + 1,
                    "_ask_at": times[each.need],
                }
                for each in wanted
            ],
        )
