"""What a read of the ledger gives: one board's figures at one sequence number. Plain values, no database.

Amounts are minor units of the account's currency; moments are `Instant`s; days are `date.toordinal()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from service.model import Day, Instant, SyncProblem


class Selection(NamedTuple):
    """Which refusals: those of some days (ordinals, inclusive), of one manager, in one pipeline.

    None: of all managers, in all pipelines; empty: of none.
    """

    first: Day
    last: Day
    manager_id: str | None = None
    pipeline_id: str | None = None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """An overdue task that puts a client at risk. `amount` and `pipeline_id` are its deal's (0 and None for a
    task on the client)."""

    task_id: str
    text: str | None
    deal_id: str | None
    deal: str | None
    manager_id: str | None
    due_at: Instant
    amount: int
    url: str | None
    pipeline_id: str | None = None


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A client at risk: `amount` is at stake; `tasks` longest overdue first; `open_amount` is that of all its
    open deals.

    `client_id` is `deal:<deal id>` for a deal with no client (or a deal not known yet).
    """

    client_id: str
    client: str | None
    amount: int
    tasks: tuple[TaskRow, ...]
    open_amount: int = 0


@dataclass(frozen=True, slots=True)
class Late:
    """A manager's habit: tasks that went overdue within some days, and the mean time they stayed so."""

    tasks: int = 0
    mean_s: int = 0


@dataclass(frozen=True, slots=True)
class ManagerRow:
    """A manager with overdue tasks now, or with a habit in the last 30 days. Unknown manager: id None."""

    manager_id: str | None
    tasks: int
    amount: int
    late_7d: Late
    late_30d: Late


class HabitDay(NamedTuple):
    """A row of the habits; see `projections.habits`."""

    day: Day
    manager_id: str
    late_tasks: int
    late_us: int
    overdue_tasks: int
    overdue_us: int


@dataclass(frozen=True, slots=True)
class ManagerSums:
    """What the rows of managers are made from.

    Args:
        today: The local day (an ordinal) that the habits were read on.
        stakes: Overdue tasks and the amount at stake, by manager; `""`: unknown.
        habits: Of the last 30 days.
    """

    today: Day
    stakes: Mapping[str, tuple[int, int]]
    habits: tuple[HabitDay, ...]


@dataclass(frozen=True, slots=True)
class LossRow:
    """Refusals with one reason within a range of days. No reason at all: `reason_id` None."""

    reason_id: str | None
    reason: str | None
    count: int
    amount: int


@dataclass(frozen=True, slots=True)
class BoardRows:
    """A whole board, true at `as_of`, after the commit numbered `seq`. Rows are in no promised order.

    Args:
        last_delivery_at: When the CRM was last heard from; None before the first delivery.
        totals: The relations that have one row for an account: by their name, the measures by theirs.
        saved: The clients that were saved today, and the amount of each.
        losses: For each selection asked for, the refusals by reason (of every kind).
        manager_names: The name of every manager that is known; `pipeline_names` likewise.
        closed: Of the overdue tasks of the reading before, those that were completed since.
        silent: What differs from the reading before is no news: it came by going through the CRM's API.
        repaired: What the last reconciliation mended: deals and tasks whose webhooks were lost.
        problem: What somebody must see to with the CRM, as `ledger.write.syncs` has it; or empty.
        unconverted: Open or lost deals counted with amount 0, for want of a rate, by currency.
        manager_sums: What `managers` was made from, to be made again when only time went by.
    """

    account: str
    seq: int
    as_of: Instant
    last_delivery_at: Instant | None
    totals: Mapping[str, Mapping[str, int]]
    saved: Mapping[str, int]
    closed: frozenset[str]
    unconverted: Mapping[str, int]
    clients: Mapping[str, ClientRow]
    managers: tuple[ManagerRow, ...]
    manager_names: Mapping[str, str]
    pipeline_names: Mapping[str, str]
    losses: Mapping[Selection, tuple[LossRow, ...]]
    silent: bool = False
    repaired: int = 0
    problem: SyncProblem = ""
    manager_sums: ManagerSums | None = field(default=None, compare=False, repr=False)
