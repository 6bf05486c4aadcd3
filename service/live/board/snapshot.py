"""A board as values: structs whose JSON encoding is the snapshot of SPEC section 5.

Amounts are decimal strings in the board's currency, moments ISO 8601 in the account's zone, days ISO dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias, get_args, get_type_hints

import msgspec

from service.live.text.warnings import Warned
from service.reasons import Kind

Sort: TypeAlias = Literal["amount", "count", "delay"]
"""What the list of clients at risk is ordered by, descending; `delay`: the longest overdue first."""

Amount: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
"""A decimal string in the board's currency, with as many decimals as that has."""

Moment: TypeAlias = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""ISO 8601, in the account's zone."""

IsoDay: TypeAlias = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date"})]
"""A local day."""

KINDS: Final[tuple[Kind, ...]] = ("controllable", "objective", "unclassified")
"""The kinds of refusals that count, in the order in which the board shows them."""


class Total(msgspec.Struct, frozen=True):
    """A number of refusals and their amount."""

    count: int
    amount: Amount


class PeriodDays(msgspec.Struct, frozen=True):
    """The period of the losses: its key in the address, its first and its last day (inclusive)."""

    key: str
    from_: IsoDay = msgspec.field(name="from")
    to: IsoDay


class Previous(msgspec.Struct, frozen=True):
    """The totals of the previous period up to the same day, and the days that they cover.

    Args:
        complete: Whether the losses of those days are known, so that a comparison means something.
    """

    total: Total
    controllable: Total
    objective: Total
    unclassified: Total
    from_: IsoDay = msgspec.field(name="from")
    to: IsoDay
    complete: bool = True


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """The refusals with one reason.

    Args:
        by_hand: Whether the reason was classified by hand, and the configuration does not list it. JSON has
            it only then.
    """

    reason: str
    kind: Kind
    count: int
    amount: Amount
    by_hand: bool = False


class SeriesPoint(msgspec.Struct, frozen=True):
    """The refusals of one day, week or month of the period.

    Args:
        controllable: The amount of the controllable ones.
        previous: The amount of the same days of the previous period; null where that period has no such days.
        unclassified: The amount of the unclassified ones.
    """

    from_: IsoDay = msgspec.field(name="from")
    to: IsoDay
    count: int
    amount: Amount
    controllable: Amount
    previous: Amount | None
    unclassified: Amount


class Losses(msgspec.Struct, frozen=True):
    """The card «Отказы целевых лидов» (SPEC section 2).

    Args:
        by_hand: How many reasons were classified by hand, of any period and kind.
    """

    controllable: Total
    objective: Total
    unclassified: Total
    total: Total
    previous: Previous
    reasons: tuple[Reason, ...]
    series: tuple[SeriesPoint, ...] = ()
    by_hand: int = 0


class Task(msgspec.Struct, frozen=True):
    """An overdue task. Without a manager both `manager_id` and `manager` are null."""

    task_id: str
    text: str | None
    deal_id: str | None
    deal: str | None
    manager_id: str | None
    manager: str | None
    due_at: Moment
    amount: Amount
    url: str | None


class Client(msgspec.Struct, frozen=True):
    """A client at risk, with its overdue tasks, longest overdue first.

    Args:
        phone: What a `tel:` address takes; null if it is not known. Absent where phones are not shown.
    """

    client_id: str
    client: str
    amount: Amount
    tasks: tuple[Task, ...]
    phone: str | None | msgspec.UnsetType = msgspec.UNSET


class LateTasks(msgspec.Struct, frozen=True):
    """A manager's habit: tasks that went overdue within some days, and for how many seconds on average."""

    tasks: int
    mean_s: int


class Manager(msgspec.Struct, frozen=True):
    """A manager: overdue tasks and amount at stake now, and the habit."""

    manager_id: str | None
    manager: str | None
    tasks: int
    amount: Amount
    late_7d: LateTasks
    late_30d: LateTasks


class Figure(msgspec.Struct, frozen=True):
    """A figure of the whole office: a relation that has one row for an account.

    Its field in `AtRisk` has the name of the relation, its own fields have the names of the measures. A
    measure that is declared `int` stays a number, one that is declared `Amount` is money. The
    macro of the same name in `templates/figures.html` renders it.
    """


class NoNextStep(Figure, frozen=True):
    """Open deals without an open task (SPEC section 3.9)."""

    deals: int
    amount: Amount


class SavedClient(msgspec.Struct, frozen=True):
    """A client that was saved today, and the amount of its deals that were."""

    client_id: str
    amount: Amount


class SavedToday(Figure, frozen=True):
    """Clients that were saved today, and the amount of their deals (SPEC section 3.10)."""

    clients: int
    amount: Amount
    list: tuple[SavedClient, ...] = ()


class Limits(msgspec.Struct, frozen=True):
    """Above what the figures of the card are too high, as configured; null: no limit.

    Args:
        over: The figures that are.
    """

    clients: int | None
    amount: Amount | None
    over: tuple[Literal["clients", "amount"], ...]


class AtRisk(msgspec.Struct, frozen=True):
    """The card «Потенциально потерянная выручка» (SPEC section 3).

    A figure is null on a board of one manager or pipeline, because its relation is not kept by either; so are
    the limits, which are the whole office's.
    `managers` is empty on the board of a pipeline: a manager's habit is not kept by pipeline.
    `next_due_at` is when the next client comes to be at risk; null unless that is known exactly, and while
    somebody is at risk.
    """

    clients: int
    amount: Amount
    tasks: int
    list: tuple[Client, ...]
    managers: tuple[Manager, ...]
    no_next_step: NoNextStep | None = None
    saved_today: SavedToday | None = None
    limits: Limits | None = None
    next_due_at: Moment | None = None


def _figures_of(card: type[msgspec.Struct]) -> dict[str, type[Figure]]:
    return {
        name: kind
        for name, hint in get_type_hints(card).items()
        for kind in get_args(hint)
        if isinstance(kind, type) and issubclass(kind, Figure)
    }


FIGURES: Final[Mapping[str, type[Figure]]] = _figures_of(AtRisk)
"""The figures of `AtRisk` by field name, in the order in which the board shows them."""


class BoardWarning(Warned, frozen=True, omit_defaults=True, kw_only=True):
    """What the figures leave out, or what is wrong with the CRM. `text` is in the account's language."""

    text: str


class Choice(msgspec.Struct, frozen=True):
    """A manager or a pipeline that the board can be filtered by."""

    id: str
    name: str


class Filter(msgspec.Struct, frozen=True):
    """Whose figures the board shows: everybody's (null), nobody's (an empty id), or one's."""

    manager_id: str | None = None
    pipeline_id: str | None = None


class Setup(msgspec.Struct, frozen=True):
    """How to connect the CRM of an account that has never heard from it.

    Args:
        address: Where the CRM posts to; without `public_url` only the path.
        steps: What to do in the CRM, in the language of the query.
    """

    crm: str
    address: str
    steps: tuple[str, ...]


class Snapshot(msgspec.Struct, frozen=True):
    """A whole board at one sequence number.

    Args:
        known_from: The first day of which the losses are complete; null while nothing is known.
        storing: Whether the service can store what comes in.
        title: The account's, for a heading.
        setup: Null as soon as anything came from the CRM.
    """

    account: str
    seq: int
    as_of: Moment
    last_delivery_at: Moment | None
    currency: str
    period: PeriodDays
    sort: Sort
    losses: Losses
    at_risk: AtRisk
    warnings: tuple[BoardWarning, ...]
    known_from: IsoDay | None = None
    storing: bool = True
    shown: Filter = Filter()
    managers: tuple[Choice, ...] = ()
    pipelines: tuple[Choice, ...] = ()
    title: str = ""
    setup: Setup | None = None
