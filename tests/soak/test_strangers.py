"""A few strangers of each kind (`make soak` sends as many as one machine can)."""

from __future__ import annotations

from tests.soak import strangers
from tests.soak.attacks import ATTACKS


def test_strangers_cost_little_and_honest_webhooks_are_answered_meanwhile() -> None:
    counts = strangers.run(seed=7, scale=0.01)
    assert {f"{attack.__name__}: {counted}" for attack, (counted, _) in ATTACKS.items()} <= counts.keys()
