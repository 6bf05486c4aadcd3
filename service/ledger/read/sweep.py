"""What a sweep must list: the deals and tasks that still count on the board."""

from __future__ import annotations

from sqlalchemy import Connection, or_, select

from service.ledger.database.tables import DEALS, TASKS
from service.model import Instant, Need


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
