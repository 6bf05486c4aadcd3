"""Random histories against each simulated vendor, whose webhooks are lost, repeated and late, and whose API
answers badly."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.demo.office import Office
from tests.demo.clock import StillClock
from tests.demo.postman import Faults
from tests.demo.random_history import HABITS, random_history
from tests.sync.bad_answers import BAD, Bad, Meddler
from tests.sync.connected import connected
from tests.sync.crms import CRMS

BEFORE = 150
CHANGES = 500
"""Enough for each kind of event, and each fault of the post, to be there many times."""


@pytest.mark.parametrize(("kind", "changes"), [(kind, 300 if "v1" in kind else CHANGES) for kind in CRMS])
async def test_after_one_reconciliation_the_board_is_the_vendors_truth(
    kind: str, changes: int, sqlite_ledgers: Callable[[], str]
) -> None:
    random, clock = Random(f"{kind} 1"), StillClock()
    truth = Office(clock)
    vendor = CRMS[kind].vendor(truth)
    account = CRMS[kind].account(vendor)
    history = random_history(truth, random, changes + BEFORE, HABITS[vendor.kind])
    for _ in range(BEFORE):
        next(history)
        clock.advance(random.uniform(1, 900))
    async with connected(vendor, account, clock, sqlite_ledgers, Faults()) as service:
        await service.work()
        assert await service.board() == service.truth()
        for event in history:
            await service.postman.tell(event)
            clock.advance(random.uniform(0, 60))
            if random.random() < 0.1:
                await service.work()
        await service.postman.flush()
        await service.work()
        assert len(service.postman.lost) > changes // 50
        # Before it, what differs is only what was lost.
        differing = await service.differing()
        assert differing
        assert differing <= service.postman.untold
        repaired = await service.reconcile()
        assert await service.board() == service.truth()
        assert repaired >= len(differing)
        assert await service.differing() == set()
        assert await service.reconcile() == 0
        assert await service.quarantined() == []


ALL = os.environ.get("LOSSBOARD_ANSWERS") == "all"
"""Whether the long run is wanted, with other histories each time; the short one has the same ones, so that a
change is blamed only for what it breaks."""

FEW = 40
"""Events of a history whose calls are answered badly."""


@pytest.mark.parametrize("kind", [kind for kind in CRMS if "v1" not in kind])
@settings(max_examples=30 if ALL else 2, derandomize=not ALL)
@given(seed=st.integers(0, 2**32), rate=st.sampled_from((0.1, 0.3, 0.6)))
def test_after_bad_answers_and_one_reconciliation_the_board_is_the_vendors_truth(
    kind: str, seed: int, rate: float, sqlite_ledgers: Callable[[], str]
) -> None:
    asyncio.run(answered_badly(kind, Random(seed), rate, sqlite_ledgers))


async def answered_badly(kind: str, random: Random, rate: float, ledgers: Callable[[], str]) -> None:
    """A history during which a part of all calls is answered in bad ways of all kinds."""
    clock = StillClock()
    truth = Office(clock)
    vendor = CRMS[kind].vendor(truth)
    history = random_history(truth, random, 2 * FEW, HABITS[vendor.kind])

    def chosen(_kind: str) -> Bad | None:
        return random.choice(list(BAD.values())) if random.random() < rate else None

    async with connected(
        vendor, CRMS[kind].account(vendor), clock, ledgers, Faults(), random.randrange(2**32)
    ) as service:
        meddler = Meddler(service.sync._api, chosen)
        meddler.meet(service.sync)
        for number, event in enumerate(history):
            clock.advance(random.uniform(0, 600))
            if number >= FEW:
                await service.postman.tell(event)
                for _ in range(random.choice((0, 0, 5, 50))):
                    await service.sync.turn()
        await service.postman.flush()
        meddler.chosen = None
        clock.advance(3600)
        await service.work()
        await service.reconcile()
        assert await service.differing() == set()
        assert await service.board() == service.truth()
        assert await service.quarantined() == []
