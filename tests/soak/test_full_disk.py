"""A disk that is full once, and one whose writes fail once (`make soak` does it forty times)."""

from __future__ import annotations

from tests.soak import full_disk


def test_a_disk_without_room_is_told_everywhere_and_everything_comes_back_by_itself() -> None:
    counts = full_disk.run(seed=7, scale=0.05)
    assert counts["faults"] == 2
    assert int(counts["acknowledged webhooks"]) >= 4
