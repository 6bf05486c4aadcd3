"""Some steps of the clock (`make soak` makes a thousand)."""

from __future__ import annotations

from tests.soak import clock_steps


def test_boards_and_streams_follow_every_step_of_the_clock_within_five_seconds() -> None:
    counts = clock_steps.run(seed=7, scale=0.02)
    assert int(counts["steps back"]) >= 5
    assert int(counts["webhooks"]) >= 8
