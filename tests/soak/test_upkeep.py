"""Copies and forgotten people, at the small scale of `make test`."""

from __future__ import annotations

from tests.soak import backups, people


def test_copies_made_under_load_are_whole() -> None:
    counts = backups.run(seed=1, scale=0.01)
    assert counts["lost"] == 0


def test_nothing_is_left_of_people_who_are_forgotten_under_load() -> None:
    counts = people.run(seed=1, scale=0.01)
    assert counts["names found in the files"] == 0
