"""A little of what `make soak` plays at length: bodies that are almost sound, and figures at their edges."""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import Random

import pytest

from tests.soak import figures, fuzz

SEED = 12


def test_whatever_comes_in_is_answered_and_both_databases_agree(
    sqlite_ledgers: Callable[[], str], postgres_ledgers: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        counts = fuzz.play(Random(SEED), 0.01, (sqlite_ledgers, postgres_ledgers))
    assert counts["webhooks"] == 2_000
    for what in ("applied", "quarantined", "duplicate", "API answers", "files imported", "files refused"):
        assert int(counts[what]) > 20, counts


def test_figures_at_their_edges_are_those_of_the_oracle_on_both_databases(
    sqlite_ledgers: Callable[[], str], postgres_ledgers: Callable[[], str]
) -> None:
    counts = figures.play(Random(SEED), 8, (sqlite_ledgers(), postgres_ledgers()))
    assert int(counts["changes"]) >= 100
