"""A crowd of requests begins by turns."""

from __future__ import annotations

import asyncio
from typing import Any

from service.http.around.in_turns import AT_ONCE, InTurns
from service.problems import Message, Receive, Send


async def nothing(*_: object) -> Any:
    return {}


class Counting:
    """An application that notes in which turn of the event loop each request begins."""

    def __init__(self) -> None:
        self.turn = 0
        self.begun: list[tuple[int, int]] = []

    async def __call__(self, scope: Message, _receive: Receive, _send: Send) -> None:
        self.begun.append((scope["number"], self.turn))

    async def turns(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turn += 1


async def test_a_few_requests_begin_in_a_turn_in_the_order_in_which_they_came() -> None:
    counting = Counting()
    app = InTurns(counting)
    turning = asyncio.create_task(counting.turns())
    crowd = [asyncio.create_task(app({"type": "http", "number": n}, nothing, nothing)) for n in range(100)]
    await asyncio.sleep(0)
    crowd[50].cancel()
    async with asyncio.timeout(20):
        await asyncio.gather(*crowd, return_exceptions=True)
    turning.cancel()
    numbers, turns = zip(*counting.begun, strict=True)
    assert list(numbers) == [number for number in range(100) if number != 50]
    assert max(turns.count(turn) for turn in turns) == AT_ONCE
    await asyncio.sleep(0)
    async with asyncio.timeout(20):  # the next one finds everything as it was
        await app({"type": "http", "number": 100}, nothing, nothing)
