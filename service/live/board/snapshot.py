"""The figures of a board: structures whose JSON encoding is that of SPEC section 5. Values only."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from service.reasons import Kind

Sort: TypeAlias = Literal["amount", "count"]
"""What the list of clients at risk is ordered by, descending."""

KINDS: Final[tuple[Kind, ...]] = ("controllable", "objective", "unclassified")
"""The kinds of refusals that count, in the order in which they are shown."""


class Total(msgspec.Struct, frozen=True):
    """A number of things and their amount, a decimal string in the board's currency."""

    count: int
    amount: str


class Stake(msgspec.Struct, frozen=True):
    """A number of deals and their amount."""

    deals: int
    amount: str


class SavedClient(msgspec.Struct, frozen=True):
    """A client that was saved today, and the amount of its deals that were."""

    client_id: str
    amount: str


class Saved(msgspec.Struct, frozen=True):
    """A number of clients and the amount of their deals; who they are."""

    clients: int
    amount: str
    list: tuple[SavedClient, ...] = ()


class Range(msgspec.Struct, frozen=True):
    """The period shown: first and last day, inclusive, ISO dates."""

    key: str
    from_: str = msgspec.field(name="from")
    to: str


class Previous(msgspec.Struct, frozen=True):
    """The totals of the same days so far of the period before, and those days."""

    total: Total
    controllable: Total
    objective: Total
    unclassified: Total
    from_: str = msgspec.field(name="from")
    to: str


class Reason(msgspec.Struct, frozen=True):
    """The refusals with one reason."""

    reason: str
    kind: Kind
    count: int
    amount: str


class Part(msgspec.Struct, frozen=True):
    """The refusals of one part of the period: a day, a week or a month.

    Args:
        controllable: The amount of those that are.
        previous: The amount of the same part of the period before; null where that has none.
    """

    from_: str = msgspec.field(name="from")
    to: str
    count: int
    amount: str
    controllable: str
    previous: str | None


class Losses(msgspec.Struct, frozen=True):
    """Card «Отказы целевых лидов» (SPEC section 2)."""

    controllable: Total
    objective: Total
    unclassified: Total
    total: Total
    previous: Previous
    reasons: tuple[Reason, ...]
    series: tuple[Part, ...] = ()


class Task(msgspec.Struct, frozen=True):
    """An overdue task. No manager: both `manager_id` and `manager` are null."""

    task_id: str
    text: str | None
    deal_id: str | None
    deal: str | None
    manager_id: str | None
    manager: str | None
    due_at: str
    amount: str
    url: str | None


class Client(msgspec.Struct, frozen=True):
    """A client at risk, with its overdue tasks, longest overdue first."""

    client_id: str
    client: str
    amount: str
    tasks: tuple[Task, ...]


class LateTasks(msgspec.Struct, frozen=True):
    """A manager's habit over some days: tasks that went overdue, and the mean seconds they stayed so."""

    tasks: int
    mean_s: int


class Manager(msgspec.Struct, frozen=True):
    """A manager's overdue tasks and stake now, and habit."""

    manager_id: str | None
    manager: str | None
    tasks: int
    amount: str
    late_7d: LateTasks
    late_30d: LateTasks


class AtRisk(msgspec.Struct, frozen=True):
    """Card «Потенциально потерянная выручка» (SPEC section 3).

    `no_next_step` and `saved_today` are of the whole office: null on a board of one manager or pipeline. So
    is `managers` empty on that of a pipeline, for a habit has none.
    """

    clients: int
    amount: str
    tasks: int
    list: tuple[Client, ...]
    managers: tuple[Manager, ...]
    no_next_step: Stake | None
    saved_today: Saved | None


class Caveat(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the figures leave out. `text` is in the account's language; `currency` only for `unconverted`."""

    code: Literal["unconverted", "unclassified", "missed", "webhook_off", "api_refused"]
    text: str
    count: int
    currency: str | None = None


class Named(msgspec.Struct, frozen=True):
    """A manager or a pipeline, to be chosen."""

    id: str
    name: str


class Shown(msgspec.Struct, frozen=True):
    """Whose figures these are: everybody's (null), nobody's (empty id), or one's."""

    manager_id: str | None = None
    pipeline_id: str | None = None

    def __bool__(self) -> bool:
        return self.manager_id is not None or self.pipeline_id is not None


class Snapshot(msgspec.Struct, frozen=True):
    """A whole board at one sequence number; its JSON encoding is that of SPEC section 5."""

    account: str
    seq: int
    as_of: str
    last_delivery_at: str | None
    currency: str
    period: Range
    sort: Sort
    losses: Losses
    at_risk: AtRisk
    warnings: tuple[Caveat, ...]
    shown: Shown = Shown()
    managers: tuple[Named, ...] = ()
    pipelines: tuple[Named, ...] = ()
