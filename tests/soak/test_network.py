"""A few cut connections (`make soak`: a thousand)."""

from __future__ import annotations

from tests.soak import network


def test_cut_connections_lose_nothing_and_repeat_nothing() -> None:
    counts = network.run(4, 0.005)
    assert int(counts["to the service: cut"]) >= 5
    assert int(counts["to PostgreSQL: cut"]) >= 1
    assert int(counts["acknowledged"]) > 0
