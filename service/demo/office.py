"""The simulated sales office: its deals, tasks and clients, and the deeds that change them.

This is the truth, whatever CRM the office uses. A simulated CRM (`service.demo.crms`) presents it in its
vendor's format; nothing here depends on a CRM or on how the service is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Literal, TypeAlias, TypedDict, TypeVar, Unpack

from service.clock import Clock
from service.demo import names
from service.model import SECOND, Status

Second: TypeAlias = int
"""A moment: seconds since 1970-01-01T00:00:00Z. The CRMs' own times are not finer."""

EventKind: TypeAlias = Literal[
    "added",
    "edited",
    "lost",
    "won",
    "reopened",
    "deleted",
    "restored",
    "rescheduled",
    "reassigned",
    "completed",
]


@dataclass
class OfficeClock:
    """The office's clock in seconds since 1970: the service's clock, except while a deed is backdated."""

    clock: Clock
    backdated: Second | None = None

    def __call__(self) -> float:
        """The office's present moment."""
        return self.clock.now() / SECOND if self.backdated is None else float(self.backdated)

    @contextmanager
    def at(self, moment: Second) -> Iterator[None]:
        """Let the office live at a moment of the past."""
        self.backdated = moment
        try:
            yield
        finally:
            self.backdated = None


@dataclass(frozen=True, slots=True)
class Client:
    """A person, or a company. Both draw their ids from one sequence, so no two clients share an id."""

    id: int
    name: str
    company: bool
    created_at: Second
    updated_at: Second

    @property
    def phone(self) -> str | None:
        """A person's telephone number, which nobody has: no number in Moscow begins with 0."""
        digits = f"{self.id % 1_000_000:06}"
        return None if self.company else f"+7 495 0{digits[:2]}-{digits[2:4]}-{digits[4:]}"


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal.

    Args:
        reason: Why it was lost; only a lost deal can have one.
        amount: In minor units.
        closed_at: Set while the deal is won or lost.
    """

    id: int
    name: str
    status: Status
    reason: str | None
    amount: int
    client_id: int | None
    manager_id: int
    pipeline_id: int
    closed_at: Second | None
    created_at: Second
    updated_at: Second
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A task on a deal, on a client, or on neither; never on both."""

    id: int
    text: str
    deal_id: int | None
    client_id: int | None
    manager_id: int
    due_at: Second | None
    completed: bool
    completed_at: Second | None
    created_at: Second
    updated_at: Second
    deleted: bool = False


OfficeRecord: TypeAlias = Deal | Task | Client
_R = TypeVar("_R", Deal, Task, Client)


class DealEdit(TypedDict, total=False):
    """The fields of a deal that can be edited without moving it between open, won and lost."""

    name: str
    amount: int
    client_id: int | None
    manager_id: int
    pipeline_id: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one record.

    Args:
        before: The record as it was; None for a new one.
        after: The record as it is; a deleted one is marked so.
        at: When it happened.
    """

    kind: EventKind
    before: OfficeRecord | None
    after: OfficeRecord
    at: Second

    @property
    def entity(self) -> Literal["deal", "task", "client"]:
        """The type of the changed record."""
        if isinstance(self.after, Deal):
            return "deal"
        return "task" if isinstance(self.after, Task) else "client"

    @property
    def id(self) -> int:
        """The id of the changed record."""
        return self.after.id

    @property
    def changed(self) -> frozenset[str]:
        """The names of the fields whose values differ from before; all fields for a new record."""
        return frozenset(
            field.name
            for field in fields(self.after)
            if self.before is None or getattr(self.before, field.name) != getattr(self.after, field.name)
        )


@dataclass(frozen=True)
class Office:
    """All records, and the deeds that change them. Every deed sets `updated_at`, calls the listeners and
    returns its event.

    Args:
        now: The office's clock, in seconds since 1970; fractions are dropped.
    """

    now: Callable[[], float]
    managers: Mapping[int, str] = field(default_factory=lambda: dict(names.MANAGERS))
    pipelines: Mapping[int, str] = field(default_factory=lambda: dict(names.PIPELINES))
    reasons: Mapping[int, str] = field(default_factory=lambda: dict(names.REASONS))
    clients: dict[int, Client] = field(default_factory=dict)
    deals: dict[int, Deal] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    listeners: list[Callable[[Event], None]] = field(default_factory=list)

    def reason_id(self, name: str | None) -> int | None:
        """The id of the reason with this name."""
        return next((reason_id for reason_id, reason in self.reasons.items() if reason == name), None)

    def add_client(self, name: str, company: bool = False) -> Event:
        """A person or a company is added."""
        now = self._second()
        return self._put(self.clients, "added", Client(5001 + len(self.clients), name, company, now, now))

    def rename_client(self, client_id: int, name: str) -> Event:
        """A client's name is corrected."""
        return self._put(self.clients, "edited", replace(self.clients[client_id], name=name))

    def add_deal(
        self, name: str, amount: int, client_id: int | None, manager_id: int, pipeline_id: int
    ) -> Event:
        """An open deal is added."""
        now, deal_id = self._second(), 70001 + len(self.deals)
        return self._put(
            self.deals,
            "added",
            Deal(deal_id, name, "open", None, amount, client_id, manager_id, pipeline_id, None, now, now),
        )

    def edit_deal(self, deal_id: int, **changed: Unpack[DealEdit]) -> Event:
        """Fields of a deal are edited; the reason only if it is lost."""
        assert "reason" not in changed or self.deals[deal_id].status == "lost"
        return self._put(self.deals, "edited", replace(self.deals[deal_id], **changed))

    def lose(self, deal_id: int, reason: str | None) -> Event:
        """An open or won deal is lost, with a reason or without."""
        deal = replace(self.deals[deal_id], status="lost", reason=reason, closed_at=self._second())
        return self._put(self.deals, "lost", deal)

    def win(self, deal_id: int) -> Event:
        """An open or lost deal is won."""
        deal = replace(self.deals[deal_id], status="won", reason=None, closed_at=self._second())
        return self._put(self.deals, "won", deal)

    def reopen(self, deal_id: int) -> Event:
        """A closed deal is open again."""
        deal = replace(self.deals[deal_id], status="open", reason=None, closed_at=None)
        return self._put(self.deals, "reopened", deal)

    def delete_deal(self, deal_id: int) -> Event:
        """A deal is deleted; its tasks remain."""
        return self._put(self.deals, "deleted", replace(self.deals[deal_id], deleted=True))

    def restore_deal(self, deal_id: int) -> Event:
        """A deleted deal is back as it was."""
        return self._put(self.deals, "restored", replace(self.deals[deal_id], deleted=False))

    def add_task(
        self,
        text: str,
        manager_id: int,
        due_at: Second | None,
        deal_id: int | None = None,
        client_id: int | None = None,
    ) -> Event:
        """A task is added, on a deal or on a client."""
        assert deal_id is None or client_id is None
        now, task_id = self._second(), 900_001 + len(self.tasks)
        return self._put(
            self.tasks,
            "added",
            Task(task_id, text, deal_id, client_id, manager_id, due_at, False, None, now, now),
        )

    def edit_task(self, task_id: int, text: str) -> Event:
        """A task's text is edited."""
        return self._put(self.tasks, "edited", replace(self.tasks[task_id], text=text))

    def reschedule(self, task_id: int, due_at: Second | None) -> Event:
        """A task's due time is moved or removed."""
        return self._put(self.tasks, "rescheduled", replace(self.tasks[task_id], due_at=due_at))

    def reassign(self, task_id: int, manager_id: int) -> Event:
        """A task gets another manager."""
        return self._put(self.tasks, "reassigned", replace(self.tasks[task_id], manager_id=manager_id))

    def complete(self, task_id: int) -> Event:
        """A task is done."""
        task = replace(self.tasks[task_id], completed=True, completed_at=self._second())
        return self._put(self.tasks, "completed", task)

    def reopen_task(self, task_id: int) -> Event:
        """A completed task is open again."""
        task = replace(self.tasks[task_id], completed=False, completed_at=None)
        return self._put(self.tasks, "reopened", task)

    def delete_task(self, task_id: int) -> Event:
        """A task is deleted."""
        return self._put(self.tasks, "deleted", replace(self.tasks[task_id], deleted=True))

    def _second(self) -> Second:
        return int(self.now())

    def _put(self, records: dict[int, _R], kind: EventKind, record: _R) -> Event:
        before = records.get(record.id)
        after = replace(record, updated_at=self._second())
        records[after.id] = after
        event = Event(kind, before, after, after.updated_at)
        for listener in self.listeners:
            listener(event)
        return event
