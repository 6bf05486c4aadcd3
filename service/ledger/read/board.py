"""The rows of one board at one sequence number, as plain values.

Amounts are minor units of the account's currency; moments are `Instant`s; days are `date.toordinal()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from service.model import Day, Instant, Trouble
from service.reasons import Kind


class Selection(NamedTuple):
    """Chooses refusals: by days (ordinals, inclusive), by manager and by pipeline.

    None chooses all managers or pipelines; an empty id chooses the refusals that have none.
    """

    first: Day
    last: Day
    manager_id: str | None = None
    pipeline_id: str | None = None


class Known(NamedTuple):
    """What an account knows at all: whether anything ever came from the CRM, and the first day of which its
    losses are complete."""

    heard: bool = True
    known_from: Day | None = None


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
    phone: str | None = None


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
    late_s: int
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
    """Refusals with one reason within a range of days. `reason_id` is None for those without a reason."""

    reason_id: str | None
    reason: str | None
    count: int
    amount: int


class Arrived(NamedTuple):
    """How many deals, tasks and clients the first thing brought that ever came from a CRM."""

    deals: int
    tasks: int
    clients: int


@dataclass(frozen=True, slots=True)
class BoardRows:
    """A whole board, true at `as_of`, after the commit numbered `seq`. Rows are in no promised order.

    Args:
        last_delivery_at: When the CRM was last heard from; None before the first delivery.
        totals: The relations that have one row for an account: by their name, the measures by theirs.
        saved: The clients that were saved today, and the amount of each.
        losses: The refusals by reason, of every kind, for each selection that was wanted.
        manager_names: By id, the managers whose names are known; `pipeline_names` likewise.
        closed: The overdue tasks of the earlier read that were completed since.
        silent: The differences from the earlier read are no news, because a sync or an import brought them.
        repaired: How many deals and tasks the last reconciliation changed, because their webhooks were lost.
        troubles: What is wrong between the CRM and the service.
        heard: Whether anything ever came from the CRM: a webhook, an answer of its API, or an import.
        next_due_at: When the next client comes to be at risk if nobody does anything; None if that is not
            known exactly, and while somebody is at risk.
        arrived: What came, where the earlier read was of an account that had never heard from its CRM.
        known_from: The first day of which the losses are complete; None while nothing is known.
        quarantined: Deliveries in quarantine.
        reasons_wanted: Reasons whose names the CRM's API is still asked for.
        by_hand: The reasons that were classified by hand, as `ReasonTable.with_hand` takes them.
        unconverted: By currency, how many open or lost deals count with amount 0 because there is no rate.
        manager_sums: What `managers` was made from. A read after which only time went by makes them from it
            again.
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
    troubles: tuple[Trouble, ...] = ()
    heard: bool = True
    next_due_at: Instant | None = None
    arrived: Arrived | None = None
    known_from: Day | None = None
    quarantined: int = 0
    reasons_wanted: int = 0
    by_hand: Mapping[str, Kind] = field(default_factory=dict)
    manager_sums: ManagerSums | None = field(default=None, compare=False, repr=False)
