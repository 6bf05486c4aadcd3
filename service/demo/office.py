"""The truth of a simulated sales office, whatever CRM it keeps its books in.

A vendor's simulator tells this truth as that vendor's documents say that it is told; `changes_of` tells it as
the service's own changes, so that a board made through the vendor can be held against one made of the truth.
Nothing here depends on how a CRM or the service is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final, Literal, TypeAlias, TypedDict, TypeVar, Unpack

from service.model import Status

Second: TypeAlias = int
"""A moment: seconds since 1970-01-01T00:00:00Z, which is as fine as the CRMs' own times."""

Kind: TypeAlias = Literal[
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

MANAGERS: Final[Mapping[int, str]] = {31: "Анна Орлова", 32: "Борис Ким", 33: "Вера Соколова"}
PIPELINES: Final[Mapping[int, str]] = {11: "Продажи", 12: "Повторные продажи"}
REASONS: Final[Mapping[int, str]] = {
    201: "Не отвечает более 3-х раз",
    202: "Выбрал других",
    203: "Хочет, но не сейчас",
    204: "Не подходит график",
    205: "Дубль",
    206: "Дорого",
}
"""Reasons of every kind; the last one is in no list."""


@dataclass(frozen=True, slots=True)
class Client:
    """A person, or a company. Ids of both are drawn from one sequence: no two clients share one."""

    id: int
    name: str
    company: bool
    created_at: Second
    updated_at: Second


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal. `amount` is in minor units; `closed_at` is set while it is won or lost, `reason` at most while
    it is lost."""

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
    """A task on a deal, or on a client itself, or on neither; never on both."""

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


Record: TypeAlias = Deal | Task | Client
_R = TypeVar("_R", Deal, Task, Client)


class DealEdit(TypedDict, total=False):
    """What of a deal can be edited without moving it between open, won and lost."""

    name: str
    amount: int
    client_id: int | None
    manager_id: int
    pipeline_id: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in the office.

    Args:
        kind: What sort of thing.
        before: The record as it was; None for a new one.
        after: The record as it is; a deleted one is marked so.
        at: When.
    """

    kind: Kind
    before: Record | None
    after: Record
    at: Second

    @property
    def entity(self) -> Literal["deal", "task", "client"]:
        """What it happened to."""
        return (
            "deal" if isinstance(self.after, Deal) else "task" if isinstance(self.after, Task) else "client"
        )

    @property
    def id(self) -> int:
        """Which one it happened to."""
        return self.after.id

    @property
    def changed(self) -> frozenset[str]:
        """The names of the fields that have another value than before; all, for a new record."""
        names = [each.name for each in fields(self.after)]
        return frozenset(
            name
            for name in names
            if self.before is None or getattr(self.before, name) != getattr(self.after, name)
        )


@dataclass(frozen=True)
class Office:
    """What is true, and the deeds that change it. Every deed sets `updated_at`, tells the listeners, and
    returns its event.

    Args:
        now: The test's own clock, in seconds; fractions are dropped.
    """

    now: Callable[[], float]
    managers: Mapping[int, str] = field(default_factory=lambda: dict(MANAGERS))
    pipelines: Mapping[int, str] = field(default_factory=lambda: dict(PIPELINES))
    reasons: Mapping[int, str] = field(default_factory=lambda: dict(REASONS))
    clients: dict[int, Client] = field(default_factory=dict)
    deals: dict[int, Deal] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    listeners: list[Callable[[Event], None]] = field(default_factory=list)

    def reason_id(self, name: str | None) -> int | None:
        """The id of the reason with this name."""
        return next((each for each, its in self.reasons.items() if its == name), None)

    def add_client(self, name: str, company: bool = False) -> Event:
        """A person or a company appears."""
        now = self._second()
        return self._put(self.clients, "added", Client(5001 + len(self.clients), name, company, now, now))

    def rename_client(self, client_id: int, name: str) -> Event:
        """A client's name is corrected."""
        return self._put(self.clients, "edited", replace(self.clients[client_id], name=name))

    def add_deal(
        self, name: str, amount: int, client_id: int | None, manager_id: int, pipeline_id: int
    ) -> Event:
        """An open deal is made."""
        now, deal_id = self._second(), 70001 + len(self.deals)
        return self._put(
            self.deals,
            "added",
            Deal(deal_id, name, "open", None, amount, client_id, manager_id, pipeline_id, None, now, now),
        )

    def edit_deal(self, deal_id: int, **changed: Unpack[DealEdit]) -> Event:
        """Fields of a deal are edited; of a lost one the reason, too."""
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
        """A deal is deleted; its tasks stay."""
        return self._put(self.deals, "deleted", replace(self.deals[deal_id], deleted=True))

    def restore_deal(self, deal_id: int) -> Event:
        """A deleted deal is back, as it was."""
        return self._put(self.deals, "restored", replace(self.deals[deal_id], deleted=False))

    def add_task(
        self,
        text: str,
        manager_id: int,
        due_at: Second | None,
        deal_id: int | None = None,
        client_id: int | None = None,
    ) -> Event:
        """A task is set, on a deal or on a client itself."""
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
        """A task's due time is moved, or taken from it."""
        return self._put(self.tasks, "rescheduled", replace(self.tasks[task_id], due_at=due_at))

    def reassign(self, task_id: int, manager_id: int) -> Event:
        """A task is given to another manager."""
        return self._put(self.tasks, "reassigned", replace(self.tasks[task_id], manager_id=manager_id))

    def complete(self, task_id: int) -> Event:
        """A task is done."""
        task = replace(self.tasks[task_id], completed=True, completed_at=self._second())
        return self._put(self.tasks, "completed", task)

    def reopen_task(self, task_id: int) -> Event:
        """A task was not done after all."""
        task = replace(self.tasks[task_id], completed=False, completed_at=None)
        return self._put(self.tasks, "reopened", task)

    def delete_task(self, task_id: int) -> Event:
        """A task is deleted."""
        return self._put(self.tasks, "deleted", replace(self.tasks[task_id], deleted=True))

    def _second(self) -> Second:
        return int(self.now())

    def _put(self, kept: dict[int, _R], kind: Kind, record: _R) -> Event:
        before = kept.get(record.id)
        after = replace(record, updated_at=self._second())
        kept[after.id] = after
        event = Event(kind, before, after, after.updated_at)
        for listener in self.listeners:
            listener(event)
        return event
