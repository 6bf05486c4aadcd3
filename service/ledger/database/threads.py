"""Calls of the ledger from the event loop: in a thread, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from service.ledger.database.outcome import Unavailable

T = TypeVar("T")

PATIENCE: Final = 10.0
"""Seconds in which a call must be answered: above what a database that answers at all takes
(`engine.DEADLINES`)."""


async def in_time(call: Callable[[], T], patience: float = PATIENCE) -> T:
    """What a call gives.

    Raises:
        Unavailable: It has not come back in time. Its thread goes on waiting, but nobody waits with it.
    """
    try:
        # Not `wait_for`: until Python 3.12 it swallows a cancellation that comes together with the result.
        async with asyncio.timeout(patience):
            return await asyncio.to_thread(call)
    except TimeoutError:
        raise Unavailable("the database does not answer") from None
