"""SIGHUP asks a process that serves to read its configuration again. It ends none, however early it comes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType


class Hangups:
    """The signal's handler. It notes the signal until somebody listens, or asks."""

    def __init__(self) -> None:
        self._came = False
        self._on_hangup: Callable[[], object] | None = None

    @classmethod
    def of_process(cls) -> Hangups:
        """Those of this process: from the first call on, in the main thread, the signal is noted."""
        known = signal.getsignal(signal.SIGHUP)
        if isinstance(known, cls):
            return known
        noting = cls()
        signal.signal(signal.SIGHUP, noting)
        return noting

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Note the signal."""
        self._came = True
        if self._on_hangup is not None:
            self._on_hangup()

    def listen(self, on_hangup: Callable[[], object] | None) -> None:
        """Call this at each signal from now on, and at once if one came before; with None, nothing."""
        self._on_hangup = on_hangup
        if on_hangup is not None and self._came:
            on_hangup()

    def take(self) -> bool:
        """Whether the signal came since the last call."""
        came, self._came = self._came, False
        return came
