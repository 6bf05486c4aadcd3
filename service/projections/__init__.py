"""The figures of the board, as tables of keyed sums. Each is a pure function of state, kept up to date by
retraction (`flow`)."""

from __future__ import annotations

from typing import Final

from service.projections import at_risk, habits, losses, next_step, saved, unconverted
from service.projections.flow import Flow, Projection, fingerprint

PROJECTIONS: Final[tuple[Projection, ...]] = tuple(
    module.PROJECTION for module in (losses, at_risk, habits, next_step, saved, unconverted)
)
"""Every projection. A new one needs a module, its name here, a migration for its tables, and tests."""

FLOW: Final = Flow(PROJECTIONS)

REVISION: Final = 1
"""Counts up when a projection computes something else from the same state. Every account is then rebuilt from
state at the next start."""

FINGERPRINT: Final = fingerprint(FLOW.relations, REVISION)
"""Names the set of relations and the revision. An account whose tables were computed under another
fingerprint is rebuilt, so that a new relation is filled from the state that is there already."""
