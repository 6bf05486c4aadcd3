"""Calls in threads, as those on the event loop see them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from service.ledger.database.outcome import Unavailable
from service.ledger.database.threads import in_time


@pytest.mark.parametrize("steps", range(5))
def test_who_is_cancelled_just_as_the_answer_comes_is_cancelled(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`steps`: how far the answer has come through the loop by then."""

    async def story() -> None:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def answered(_call: Callable[[], int]) -> int:
            return await answer

        monkeypatch.setattr(asyncio, "to_thread", answered)
        waiting = asyncio.create_task(in_time(lambda: 1))
        await asyncio.sleep(0.01)
        answer.set_result(1)
        for _ in range(steps):
            await asyncio.sleep(0)
        taken = waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled() != taken

    asyncio.run(story())


async def test_nobody_waits_for_a_read_that_does_not_come_back() -> None:
    answers = threading.Event()
    assert await in_time(lambda: 7) == 7
    with pytest.raises(Unavailable, match="does not answer"):
        await in_time(lambda: answers.wait(30), patience=0.05)
    answers.set()
