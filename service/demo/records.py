"""What the simulated CRM keeps: leads, tasks and contacts in amoCRM's terms, with its unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_STAGE: Final = 48213001
"""The stage that a new lead enters (an id of this pipeline alone)."""

TALKS_STAGE: Final = 48213004
"""The stage that a lead is in while somebody talks to its client."""

WON_STAGE: Final = 142
"""amoCRM's id of "won", the same in every pipeline."""

LOST_STAGE: Final = 143
"""amoCRM's id of "lost", the same in every pipeline."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A deal, as amoCRM calls it; `price` in whole roubles, `reason` only for a lost one."""

    id: int
    name: str
    price: int
    manager_id: int
    created_at: int
    updated_at: int
    stage: int = FIRST_STAGE
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What a manager promised to do about a lead by `due_at`."""

    id: int
    lead_id: int
    text: str
    manager_id: int
    due_at: int
    created_at: int
    updated_at: int
    completed: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """A client; amoCRM tells which lead is theirs only in the contact's own webhook."""

    id: int
    name: str
    lead_id: int
    manager_id: int
    created_at: int
    updated_at: int
