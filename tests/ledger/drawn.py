"""A ledger after a history that Hypothesis draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from service.model import Delivery
from tests.histories import RATES, SCENES, Scene, batches, histories
from tests.ledger.offices import OFFICE, Ledger


def live_through(ledger: Ledger, data: st.DataObject) -> tuple[Scene, Sequence[Delivery]]:
    """Restart a ledger, and let it live through a history in batches; returns the scene and the history."""
    scene = data.draw(st.sampled_from(SCENES))
    history = data.draw(histories(scene))
    ledger.configure(replace(OFFICE, zone=scene.office.zone, rates=RATES))
    ledger.restart(scene.now)
    for batch in data.draw(batches(history)):
        ledger.deliver(*batch)
    return scene, history
