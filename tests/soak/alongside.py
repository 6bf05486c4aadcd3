"""Something that goes on in a thread beside what a block does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def alongside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run `work` in a thread. The event is set at the end of the block, and `work` must return soon then."""
    done = threading.Event()
    thread = threading.Thread(target=work, args=(done,))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
