"""Who computes when: the event loop and the writer's thread, by the baton that they share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from service.baton import Baton, Holder, run

LONG = 60.0
"""Seconds that no test waits for."""


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


async def turned() -> None:
    """Give the loop a turn in which it has something to do, and then one in which it waits."""
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)


def with_loop(main: Callable[[Baton], Coroutine[Any, Any, None]], seconds: float = LONG) -> None:
    """Run on a loop whose baton is waited for so long."""

    async def patient(baton: Baton) -> None:
        baton._seconds = seconds
        await main(baton)

    run(patient)


def test_nobody_waits_for_it_longer_than_it_may_be_held() -> None:
    baton = Baton(seconds=0.001)
    assert baton.take()
    assert not baton.take()
    baton.give()
    assert baton.take()


def test_a_holder_gives_it_once_and_only_if_it_has_it() -> None:
    baton = Baton(seconds=0)
    one, other = Holder(baton), Holder(baton)
    one.take()
    other.take()  # for nothing
    other.give()
    assert not baton.take()
    one.give()
    one.give()
    assert baton.take()


def test_who_waits_comes_before_who_comes_later() -> None:
    baton = Baton(seconds=LONG)
    order: list[str] = []
    assert baton.take()

    def wait() -> None:
        assert baton.take()
        order.append("waited")
        baton.give()

    waiting = in_thread(wait)
    while not baton._wanted.locked():
        pass
    baton.give()
    assert baton.take()
    order.append("came later")
    waiting.join(LONG)
    assert order == ["waited", "came later"]


def test_it_is_due_when_somebody_has_waited_and_not_before() -> None:
    baton = Baton(seconds=0)
    assert not baton.is_due
    with baton._wanted:
        assert baton.is_due
    patient = Baton(seconds=LONG)
    assert patient.take()
    with patient._wanted:
        assert not patient.is_due


def test_the_loop_holds_it_while_it_has_something_to_do_and_gives_it_while_it_waits() -> None:
    async def main(baton: Baton) -> None:
        await turned()
        assert baton._taken.locked()
        free: list[bool] = []
        ready = asyncio.Event()
        loop = asyncio.get_running_loop()

        def other() -> None:
            free.append(baton.take())
            baton.give()
            loop.call_soon_threadsafe(ready.set)

        in_thread(other)
        for _ in range(100):
            await asyncio.sleep(0)  # there is always something to do
        assert not free
        await ready.wait()
        assert free == [True]
        assert baton._taken.locked()

    with_loop(main)


def test_a_busy_loop_gives_it_when_it_is_due() -> None:
    async def main(baton: Baton) -> None:
        await turned()
        taken = threading.Event()

        def other() -> None:
            with baton._wanted:  # as `take`, however short the time is
                baton._taken.acquire()
            taken.set()
            baton.give()

        in_thread(other)
        while not taken.is_set():
            await asyncio.sleep(0)

    with_loop(main, seconds=0)


@pytest.mark.parametrize("seconds", [0.0, LONG])
def test_a_loop_runs_to_its_end_also_while_another_thread_has_it(seconds: float) -> None:
    async def main(baton: Baton) -> None:
        await turned()
        if seconds:
            return
        in_thread(partial(baton._taken.acquire, timeout=LONG)).join(0.01)
        for _ in range(3):
            await turned()

    with_loop(main, seconds)
