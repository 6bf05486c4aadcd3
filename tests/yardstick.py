"""How long something holds its thread, as a ratio to a fixed piece of work that is done in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_TURNS: Final = 3


def _fixed_work() -> None:
    """What takes some 5 ms on the machine that the project's figures are from: the longest that a stranger's
    request may hold the event loop."""
    total = 0
    for number in range(90_000):
        total += number * number


def _seconds(work: Callable[[], object]) -> float:
    """The processor's time for a piece of work."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def holds(work: Callable[[], object]) -> float:
    """The time that a piece of work takes, with the fixed work as the unit. Of some turns the quickest
    counts, because the others were disturbed; what takes many times as long is not repeated."""
    unit = min(_seconds(_fixed_work) for _ in range(_TURNS))
    quickest = _seconds(work)
    for _ in range(_TURNS):
        if not unit / 2 < quickest < 4 * unit:
            break
        quickest = min(quickest, _seconds(work))
    return quickest / unit
