"""Accounts take turns: counts, and the order of what happens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from service.live.stream.turns import Crowded, Turns


class Stuck:
    """Calls that note that they begin, and wait until they are let go."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go = threading.Event()

    def call(self, name: str) -> Callable[[], str]:
        def work() -> str:
            self.begun.append(name)
            assert self.go.wait(60)
            return name

        return work


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    made = Stuck()
    yield made
    made.go.set()


@pytest.fixture
def turns() -> Turns:
    return Turns("turns", threads=2, waiting=4)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.001)


def asked(
    turns: Turns, stuck: Stuck, account_id: str, name: str, screen: str | None = None
) -> asyncio.Task[str]:
    return asyncio.create_task(turns.run(account_id, name, stuck.call(name), screen=screen))


async def test_an_account_has_one_thread_and_leaves_the_others_to_others(turns: Turns, stuck: Stuck) -> None:
    tasks = [asked(turns, stuck, "big", f"b{n}") for n in range(4)]
    await until(lambda: stuck.begun == ["b0"])
    tasks.append(asked(turns, stuck, "small", "s0"))
    await until(lambda: stuck.begun == ["b0", "s0"])
    stuck.go.set()
    assert await asyncio.gather(*tasks) == ["b0", "b1", "b2", "b3", "s0"]
    turns.stop()


async def test_accounts_take_turns_however_many_calls_one_of_them_has(stuck: Stuck) -> None:
    turns = Turns("turns", threads=1, waiting=4)
    tasks = [asked(turns, stuck, "big", f"b{n}") for n in range(4)]
    await until(lambda: stuck.begun == ["b0"])
    tasks += [asked(turns, stuck, other, f"{other}{n}") for other in ("x", "y") for n in range(2)]
    await asyncio.sleep(0)
    stuck.go.set()
    await asyncio.gather(*tasks)
    assert stuck.begun == ["b0", "b1", "x0", "y0", "b2", "x1", "y1", "b3"]
    turns.stop()


async def test_screens_of_an_account_take_turns_and_none_has_all_of_its_queue(stuck: Stuck) -> None:
    turns = Turns("turns", threads=1, waiting=10)
    many = [asked(turns, stuck, "office", f"m{n}", "greedy") for n in range(20)]
    await until(lambda: sum(task.done() for task in many) == 11)
    assert all(isinstance(task.exception(), Crowded) for task in many if task.done())
    others = [asked(turns, stuck, "office", name, name) for name in ("wall", "phone")]
    shared = asked(turns, stuck, "office", "m8", "desk")
    await asyncio.sleep(0)
    third = asked(turns, stuck, "office", "late", "third")
    await asyncio.wait([third])
    assert isinstance(third.exception(), Crowded), "the account's queue is full"
    stuck.go.set()
    assert await asyncio.gather(*others, shared) == ["wall", "phone", "m8"]
    await asyncio.gather(*many[:9])
    assert stuck.begun == ["m0", "m1", "wall", "phone", *(f"m{n}" for n in range(2, 9))]
    turns.stop()


async def test_the_queue_of_an_account_is_bounded_and_no_other_account_feels_it(
    turns: Turns, stuck: Stuck
) -> None:
    tasks = [asked(turns, stuck, "big", f"b{n}") for n in range(300)]
    await until(lambda: sum(task.done() for task in tasks) == 296)
    assert all(isinstance(task.exception(), Crowded) for task in tasks if task.done())
    small = asked(turns, stuck, "small", "s0")
    await until(lambda: "s0" in stuck.begun)
    stuck.go.set()
    assert await small == "s0"
    assert await asyncio.gather(*tasks[:4]) == ["b0", "b1", "b2", "b3"]
    assert (turns._waiting, turns._busy) == ({}, set())
    turns.stop()


async def test_the_same_question_is_worked_on_once_unless_it_has_begun(turns: Turns, stuck: Stuck) -> None:
    first = asked(turns, stuck, "office", "a")
    await until(lambda: stuck.begun == ["a"])
    later = [asked(turns, stuck, "office", "a") for _ in range(50)]
    await asyncio.sleep(0)
    stuck.go.set()
    assert await asyncio.gather(first, *later) == ["a"] * 51
    assert stuck.begun == ["a", "a"]
    turns.stop()


async def test_a_call_that_nobody_waits_for_any_more_is_not_made(turns: Turns, stuck: Stuck) -> None:
    tasks = [asked(turns, stuck, "office", name) for name in ("a", "b", "b", "c", "d")]
    await until(lambda: stuck.begun == ["a"])
    for given_up in (tasks[1], tasks[3]):
        given_up.cancel()
    await asyncio.wait([tasks[1], tasks[3]])
    stuck.go.set()
    assert (await tasks[0], await tasks[2], await tasks[4]) == ("a", "b", "d")
    assert stuck.begun == ["a", "b", "d"]
    turns.stop()


async def test_who_has_waited_too_long_is_told_why(turns: Turns, stuck: Stuck) -> None:
    working = asyncio.create_task(turns.run("office", "a", stuck.call("a"), 0.05))
    waiting = asyncio.create_task(turns.run("office", "b", stuck.call("b"), 0.05))
    with pytest.raises(TimeoutError):
        await working
    with pytest.raises(Crowded):
        await waiting
    assert turns._busy == {"office"}, "the thread is taken as long as the call is in it"
    stuck.go.set()
    assert await turns.run("office", "c", lambda: "c") == "c"
    assert stuck.begun == ["a"]
    turns.stop()


async def test_an_error_is_raised_to_all_who_asked_and_ends_nothing_else(turns: Turns) -> None:
    def fail() -> str:
        raise ZeroDivisionError

    for _ in range(3):
        failed = await asyncio.gather(
            *(turns.run("office", "a", fail) for _ in range(3)), return_exceptions=True
        )
        assert [type(error) for error in failed] == [ZeroDivisionError] * 3
    assert await turns.run("office", "a", lambda: "a") == "a"
    turns.stop()


async def test_when_it_stops_what_waits_is_given_up(turns: Turns, stuck: Stuck) -> None:
    tasks = [asked(turns, stuck, "office", name) for name in ("a", "b")]
    await until(lambda: stuck.begun == ["a"])
    stuck.go.set()
    turns.stop()
    assert await tasks[0] == "a"
    await asyncio.wait([tasks[1]])
    assert tasks[1].cancelled()
    with pytest.raises(Crowded):
        await turns.run("office", "c", lambda: "c")
    assert [thread for thread in threading.enumerate() if thread.name.startswith("turns")] == []
