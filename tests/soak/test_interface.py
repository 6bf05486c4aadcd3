"""A little of what `make soak` plays at length: requests that are made from the description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from service.interface.openapi import OPERATIONS

SEED: Final = 12
PLAYED: Final = "takeWebhook followBoards classifyReason listDeals showBoard".split()
"""Operations that have all kinds of parameters and bodies; the others are made of the same."""


def test_what_the_description_allows_is_taken_and_what_it_forbids_is_refused(
    sqlite_ledgers: Callable[[], str],
) -> None:
    from tests.soak import interface  # here, because it takes a while

    played = [operation for operation in OPERATIONS if operation.id in PLAYED]
    assert len(played) == len(PLAYED)
    counts = interface.play(sqlite_ledgers(), SEED, 2, played)
    assert int(counts["positive 200"]) > 5
    assert int(counts["negative 400"]) > 5
