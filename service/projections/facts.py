"""The facts of an entity that projections compute with, and the moment that they hold at. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from service.calendar import local_day
from service.model import COUNTED_LIMIT, SECOND, UNDATED, Day, Entity, Instant
from service.money import NO_CURRENCY, convert
from service.projections.merge import Record

_Values: TypeAlias = Mapping[str, Any]
"""The values of a record, each of the type that `FIELDS` gives it. An empty text is none."""

Phase: TypeAlias = Literal["open", "won", "lost", "deleted", "unknown"]
"""A deal's status, or why it has none: it was deleted, or no change about the deal itself has come yet."""

MINUTE: Final = 60 * SECOND

NOBODY: Final = ""
"""Stands in a key for a missing id: no manager, no reason, no pipeline."""

PENDING: Final = "…"
"""Stands in a key for a reason that is not known yet but that the CRM's API can tell. It clashes with no
reason, because the key of a reason named "…" is three dots."""

DEAL_CLIENT: Final = "deal:"
"""Begins the client id of a deal that has no client (SPEC section 5)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The part of an account's configuration that projections depend on. A change of it rebuilds them.

    Args:
        asks: Whether the CRM's API is asked for what webhooks leave out.
    """

    zone: ZoneInfo
    currency: str
    rates: Mapping[str, Decimal]
    asks: bool = False

    def day(self, moment: Instant) -> Day:
        """The local day of a moment, as an ordinal."""
        return _day(moment // MINUTE, self.zone)


@lru_cache(maxsize=65_536)
def _day(minute: int, zone: ZoneInfo) -> Day:
    """The local day of a minute since 1970. Since 2000 no zone's day begins or ends within a minute."""
    return local_day(Instant(minute * MINUTE), zone)


class Moment(msgspec.Struct, frozen=True):
    """A moment, and the account's local day at it (an ordinal)."""

    now: Instant
    today: Day


class TaskFacts(msgspec.Struct, frozen=True, gc=False):
    """A task that counts: it is not deleted, and on a deal or a client.

    Args:
        client_id: None for a task on a deal: such a task is not on the client itself.
        done_at: When it was completed; None while it is open.
        open_due_at: Its due time while it is open (see `open_due_moment`).
    """

    id: str
    deal_id: str | None
    client_id: str | None
    manager_id: str
    due_at: Instant | None
    done_at: Instant | None
    open_due_at: Instant | None
    due_day: Day | None
    done_day: Day | None

    def overdue(self, now: Instant) -> bool:
        """Whether it is open and its due time has come (SPEC section 3.1)."""
        return self.open_due_at is not None and self.open_due_at <= now

    @property
    def late(self) -> bool:
        """Whether it was completed after its due time."""
        return self.done_at is not None and self.due_at is not None and self.done_at > self.due_at


class DealFacts(msgspec.Struct, frozen=True, gc=False):
    """The money and the people of a deal.

    Args:
        amount: In minor units of the account's currency; 0 without a rate, or if it is unknown.
        amount_unknown: The amount was never sent or cannot be read, its currency is no code, or it is over
            `COUNTED_LIMIT`.
        unconverted: The currency that has no rate, unless the amount is 0 anyway.
        lost_day: The local day on which it was lost (an ordinal); None unless it is lost.
        client_id: `deal:<id>` for a deal that has no client or is not known yet.
    """

    id: str
    phase: Phase
    amount: int
    amount_unknown: bool
    unconverted: str | None
    lost_day: Day | None
    reason_id: str
    client_id: str
    manager_id: str
    pipeline_id: str


def is_gone(record: Record | None) -> bool:
    """Whether a client was deleted, and nothing newer names it."""
    return record is not None and record.deleted is not None and not record.values.get("name")


def task_facts(task_id: str, record: Record | None, rules: Rules) -> TaskFacts | None:
    """The facts in a task's record; None for a task that is deleted or not known, and for one that is on
    neither a deal nor a client: a chore of the company is not on the board (SPEC section 3.2)."""
    if record is None:
        return None
    values: _Values = record.values
    deal_id = values.get("deal_id") or None
    client_id = None if deal_id else values.get("client_id") or None
    if not deal_id and not client_id:
        return None
    due_at, done_at = values.get("due_at"), done_moment(record)
    return TaskFacts(
        task_id,
        deal_id,
        client_id,
        values.get("manager_id") or NOBODY,
        due_at,
        done_at,
        due_at if done_at is None else None,
        None if due_at is None else rules.day(due_at),
        None if done_at is None else rules.day(done_at),
    )


def deal_facts(deal_id: str, record: Record | None, rules: Rules) -> DealFacts:
    """The facts in a deal's record; a deal without a record is not known yet."""
    phase = deal_phase(record)
    if record is None or phase in ("unknown", "deleted"):
        own_client = f"{DEAL_CLIENT}{deal_id}"
        return DealFacts(deal_id, phase, 0, False, None, None, NOBODY, own_client, NOBODY, NOBODY)
    values: _Values = record.values
    currency = values.get("currency") or rules.currency
    sent = None if currency == NO_CURRENCY else values.get("amount")
    amount = sent or 0
    converted = convert(amount, currency, rules.currency, rules.rates)
    too_large = converted is not None and abs(converted) > COUNTED_LIMIT
    lost_at = _lost_at(record) if phase == "lost" else None
    return DealFacts(
        id=deal_id,
        phase=phase,
        amount=0 if converted is None or too_large else converted,
        amount_unknown=sent is None or too_large,
        unconverted=currency if converted is None and amount else None,
        lost_day=None if lost_at is None else rules.day(lost_at),
        reason_id=values.get("reason_id")
        or (PENDING if rules.asks and "reason_id" not in values else NOBODY),
        client_id=values.get("client_id") or f"{DEAL_CLIENT}{deal_id}",
        manager_id=values.get("manager_id") or NOBODY,
        pipeline_id=values.get("pipeline_id") or NOBODY,
    )


def deal_phase(record: Record | None) -> Phase:
    """The phase of a deal. Only a change about the deal itself makes it known; a link to it does not."""
    if record is None or not record.values.get("known"):
        return "unknown" if record is None or record.deleted is None else "deleted"
    status = record.values.get("status")
    if status == "lost":
        return "lost"
    return "won" if status == "won" else "open"


def lost_moment(record: Record) -> Instant | None:
    """When a lost deal was lost: `closed_at`, else the version of the change that made it lost.

    A `closed_at` after that change is a plan that nobody moved, and the change counts (SPEC section 2.5).
    """
    return _lost_at(record) if deal_phase(record) == "lost" else None


def _lost_at(record: Record) -> Instant | None:
    closed_at: Instant | None = record.values.get("closed_at")  # type: ignore[assignment]
    made_lost = record.since
    if closed_at is None or made_lost is None or made_lost <= UNDATED:
        return made_lost if closed_at is None else closed_at
    return min(closed_at, made_lost)


def done_moment(record: Record) -> Instant | None:
    """When a completed task was completed: `completed_at`, else the version of the change that completed
    it."""
    values: _Values = record.values
    if not values.get("completed"):
        return None
    completed_at = values.get("completed_at")
    return record.since if completed_at is None else completed_at


def open_due_moment(record: Record) -> Instant | None:
    """The due time of a task that is still open: from then on it is overdue. None if it is completed, or has
    no due time."""
    values: _Values = record.values
    due_at: Instant | None = values.get("due_at")
    return due_at if done_moment(record) is None else None


DERIVED: Final[Mapping[Entity, Mapping[str, Callable[[Record], Instant | None]]]] = {
    "deal": {"lost_at": lost_moment},
    "task": {"done_at": done_moment, "open_due_at": open_due_moment},
}
"""Moments that follow from a record. State keeps each in a column of its own, so that SQL searches by it and
does not restate the rule."""
