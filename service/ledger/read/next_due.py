"""The next moment at which a client comes to be at risk, if nobody does anything until then."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import TASKS
from service.ledger.write import state
from service.model import Instant
from service.projections.facts import NOBODY, deal_phase, is_gone

LOOKED_AT: Final = 50
"""Tasks that are looked at, next due first. If all of them are on deals that are closed, nothing is said."""

_NEXT: Final = Prepared(
    select(
        TASKS.c.open_due_at,
        func.coalesce(TASKS.c.deal_id, NOBODY).label("deal_id"),
        func.coalesce(TASKS.c.client_id, NOBODY).label("client_id"),
    )
    .where(TASKS.c.account == bindparam("account"), TASKS.c.open_due_at > bindparam("as_of"))
    .order_by(TASKS.c.open_due_at)
    .limit(LOOKED_AT)
)


def next_due(connection: Connection, account: str, as_of: Instant) -> Instant | None:
    """When the next task falls due that puts a client at risk (SPEC section 3.2); None if there is none, or
    none among those that are looked at."""
    rows = _NEXT.rows(connection, {"account": account, "as_of": as_of})
    deals = state.load(connection, account, "deal", {deal_id for _, deal_id, _ in rows} - {NOBODY})
    clients = state.load(connection, account, "client", {client_id for *_, client_id in rows} - {NOBODY})
    for due_at, deal_id, client_id in rows:
        if deal_id != NOBODY:
            counts = deal_phase(deals.get(deal_id)) in ("open", "unknown")
        else:
            counts = client_id != NOBODY and not is_gone(clients.get(client_id))
        if counts:
            return Instant(due_at)
    return None
