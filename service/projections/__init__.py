"""What the board shows, as tables that are a pure function of state and are kept so by retraction
(`flow`)."""

from __future__ import annotations

from typing import Final

from service.projections import at_risk, habits, losses, next_step, saved, unconverted
from service.projections.flow import Flow, Projection

PROJECTIONS: Final[tuple[Projection, ...]] = (
    losses.PROJECTION,
    at_risk.PROJECTION,
    habits.PROJECTION,
    next_step.PROJECTION,
    saved.PROJECTION,
    unconverted.PROJECTION,
)
"""Every projection; a new one is a file, a line here, a migration for its tables, and its tests."""

FLOW: Final = Flow(PROJECTIONS)

REVISION: Final = 1
"""Counts up when what a projection computes changes; every account is then rebuilt from state at the next
start."""
