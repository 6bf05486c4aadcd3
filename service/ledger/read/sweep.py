"""What a sweep is compared with: the deals and tasks that still count on the board, and those that it has at
all."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Final

from sqlalchemy import Connection, Select, bindparam, or_, select

from service.ledger.database.in_list import in_list
from service.ledger.database.tables import DEALS, TASKS
from service.model import Entity, Instant, Need

_AT_A_TIME: Final = 1_000
"""Ids in one statement."""


def expected(
    connection: Connection, account: str, lost_since: Instant, due_since: Instant
) -> frozenset[Need]:
    """Deals that are open or were lost since a moment; tasks that are open or were due since another."""
    deals = select(DEALS.c.id).where(
        DEALS.c.account == account,
        DEALS.c.known.is_(True),
        or_(DEALS.c.status.is_(None), DEALS.c.status == "open", DEALS.c.lost_at >= lost_since),
    )
    tasks = select(TASKS.c.id).where(
        TASKS.c.account == account,
        # A deleted task has no values left.
        or_(TASKS.c.deleted.is_(None), TASKS.c.due_at.is_not(None), TASKS.c.completed.is_not(None)),
        or_(TASKS.c.done_at.is_(None), TASKS.c.due_at >= due_since),
    )
    return frozenset(
        [Need("deal", deal_id) for deal_id in connection.execute(deals).scalars()]
        + [Need("task", task_id) for task_id in connection.execute(tasks).scalars()]
    )


_HELD: Final[Mapping[Entity, Select[tuple[str]]]] = {
    "deal": select(DEALS.c.id).where(
        DEALS.c.account == bindparam("account"), in_list(DEALS.c.id, "ids"), DEALS.c.known.is_(True)
    ),
    "task": select(TASKS.c.id).where(
        TASKS.c.account == bindparam("account"),
        in_list(TASKS.c.id, "ids"),
        # A deleted task has no values left.
        or_(TASKS.c.deleted.is_(None), TASKS.c.due_at.is_not(None), TASKS.c.completed.is_not(None)),
    ),
}


def held(connection: Connection, account: str, needs: AbstractSet[Need]) -> set[Need]:
    """Those deals and tasks that the board has, neither deleted nor merely linked to."""
    present: set[Need] = set()
    for entity, statement in _HELD.items():
        ids = iter(need.id for need in needs if need.entity == entity)
        while chunk := list(islice(ids, _AT_A_TIME)):
            rows = connection.execute(statement, {"account": account, "ids": chunk})
            present.update(Need(entity, row.id) for row in rows)
    return present
