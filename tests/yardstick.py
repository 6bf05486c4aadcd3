"""How long something holds its thread, as a ratio to a fixed piece of work that is done in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

_TURNS: Final = 4


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


def too_long(works: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Those works that take longer than the fixed work, and how many times as long. One that takes less in
    one of a few turns is not among them, because a turn may be disturbed, and the first in a process loads
    what is loaded once."""
    unit = min(_seconds(_fixed_work) for _ in range(_TURNS))
    ratios = {name: _seconds(work) / unit for name, work in works.items()}
    for name in [name for name, ratio in ratios.items() if ratio >= 1]:
        turns = _TURNS if ratios[name] < 10 else 1
        ratios[name] = min(_seconds(works[name]) / unit for _ in range(turns))
    return {name: ratio for name, ratio in ratios.items() if ratio >= 1}
