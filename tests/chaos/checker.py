"""Compares what is stored with what was sent and acknowledged.

- Each acknowledged delivery is in the log exactly once, and the log has nothing that was not sent. A delivery
  that was not acknowledged may be there or not.
- Delivery numbers and sequence numbers have no gaps.
- Nothing is in quarantine: a fault of the store is never blamed on a delivery.
- `verify` finds no difference in projections or state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from service.commands import operations
from service.config import Account, Config
from service.ledger.database.engine import open_engine
from service.ledger.database.tables import HEADS, INVALIDATIONS
from service.ledger.write import log

KEPT_INVALIDATIONS = 1_000
"""Of an account with more commits only the newest invalidations are sure to be there."""


@dataclass(frozen=True, slots=True)
class Checked:
    """How many deliveries of an account the log has, and what is wrong with it."""

    stored: int
    problems: list[str]


def check(config: Config, account: Account, tried: set[str], acknowledged: set[str]) -> Checked:
    """Check what is stored of an account, whose CRM posted deliveries with these keys."""
    engine = open_engine(config.database_url, "reader")
    with engine.begin() as connection:
        stored = list(log.everything(connection, account.id))
        head = connection.execute(select(HEADS).where(HEADS.c.account == account.id)).one()
        count, newest = connection.execute(
            select(func.count(), func.max(INVALIDATIONS.c.seq)).where(INVALIDATIONS.c.account == account.id)
        ).one()
    engine.dispose()
    problems = list(set_problems(tried, acknowledged, [delivery.key for delivery in stored]))
    if [delivery.number for delivery in stored] != list(range(1, head.deliveries + 1)):
        problems.append("the numbers of deliveries have a gap")
    if stored and (newest != head.seq or (head.seq <= KEPT_INVALIDATIONS and count != head.seq)):
        problems.append(f"sequence numbers have a gap: {count} of {head.seq}")
    if head.quarantined:
        problems.append(f"{head.quarantined} deliveries are in quarantine")
    problems += map(str, operations.verify(config, account, lambda _: None).differences)
    return Checked(len(stored), [f"{account.id}: {problem}" for problem in problems])


def set_problems(tried: set[str], acknowledged: set[str], stored: list[str]) -> Iterator[str]:
    """The differences between the log and what was sent. A delivery without a response may be stored or
    not."""
    once = Counter(stored)
    if lost := acknowledged - once.keys():
        yield f"{len(lost)} acknowledged deliveries are lost: {sorted(lost)[:5]}"
    if twice := [key for key, count in once.items() if count > 1]:
        yield f"{len(twice)} deliveries were applied twice: {twice[:5]}"
    if invented := once.keys() - tried:
        yield f"{len(invented)} deliveries were never sent: {sorted(invented)[:5]}"
