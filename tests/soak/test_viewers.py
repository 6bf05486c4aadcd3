"""A few views, pages, files and streams of one viewer (`make soak` asks for thousands)."""

from __future__ import annotations

from tests.soak import viewers


def test_one_viewer_takes_no_more_than_a_share_and_another_account_is_served_meanwhile() -> None:
    counts = viewers.run(seed=5, scale=0.005)
    assert (counts["views: taken"], counts["streams: taken"]) == (8, 15)
    assert {f"{attack.__name__}: taken" for attack in viewers.ATTACKS} <= counts.keys()
