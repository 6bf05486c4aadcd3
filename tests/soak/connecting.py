"""A newcomer connects each CRM, from an empty folder to the first figure on the board (`tests.newcomer`)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from service.demo.run import CRMS
from tests import newcomer


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Go the way with every kind of CRM; it has one length. Returns the questions and the seconds of each."""
    del seed, scale
    counts: dict[str, int | float | str] = {}
    for kind in CRMS:
        with tempfile.TemporaryDirectory() as folder:
            played = newcomer.play(kind, Path(folder))
        counts[f"{kind}: questions"] = played.questions
        counts[f"{kind}: seconds"] = round(played.seconds, 1)
    return counts
