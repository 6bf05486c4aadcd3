"""Several processes behind one listening socket: a parent that starts them, starts those that died anew, and
ends them.

The parent opens the socket and does nothing else with it, so that connections that a worker did not live to
accept wait for the others. Workers are forked, from a parent that has neither threads nor an event loop: all
of them have the configuration that was checked once. A worker whose parent is gone, however that ended, ends
as on a signal.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.context import ForkProcess
from typing import Final

BACKLOG: Final = 2048
"""Connections that may wait to be accepted."""

SHORT_LIFE: Final = 5.0
"""A worker that lived fewer seconds than this did not die by chance."""

PAUSE: Final = 1.0
"""Seconds before such a one is started anew."""

STOP_SECONDS: Final = 40.0
"""Seconds that workers have to end, before they are killed: above what the server and the writer take."""

_FORK: Final = multiprocessing.get_context("fork")
_STOP: Final = frozenset({signal.SIGTERM, signal.SIGINT})

_log = logging.getLogger(__name__)

Work = Callable[[socket.socket, int, Callable[[], None]], None]
"""What a worker does until SIGTERM: serve the socket, end when there is something to read from a file
descriptor (the parent is gone), and call back once requests are taken."""


def listen(host: str, port: int) -> socket.socket:
    """The socket that workers share.

    Raises:
        OSError: The address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listening.setblocking(False)
    return listening


@dataclass(slots=True)
class _Worker:
    process: ForkProcess
    began: float = field(default_factory=time.monotonic)

    @property
    def failed_early(self) -> bool:
        return time.monotonic() - self.began < SHORT_LIFE


class Supervisor:
    """Runs in the parent until SIGTERM or SIGINT.

    Args:
        work: Called in each worker.
        ready: Called once, when the first worker takes requests.
    """

    def __init__(self, number: int, listening: socket.socket, work: Work, ready: Callable[[], None]) -> None:
        self._number = number
        self._listening = listening
        self._work = work
        self._ready = ready
        self._workers: list[_Worker] = []
        self._stopping = False

    def run(self) -> None:
        """Start the workers, and look after them."""
        # Nothing is ever written to it: its other end is closed when this process is gone.
        self._gone, self._alive = os.pipe()
        self._started, self._tell_started = os.pipe()
        with _signals() as signalled:
            try:
                self._workers = [self._start() for _ in range(self._number)]
                while not self._stopping:
                    self._look(signalled)
            finally:
                self._stop()
        for each in (self._gone, self._alive, self._started, self._tell_started):
            os.close(each)

    def _start(self) -> _Worker:
        process = _FORK.Process(target=self._child, name="lossboard worker")
        signal.pthread_sigmask(
            signal.SIG_BLOCK, _STOP
        )  # until the worker no longer has its parent's handlers
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)
        return _Worker(process)

    def _child(self) -> None:
        os.close(self._alive)
        signal.set_wakeup_fd(-1)
        for each in _STOP:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)
        self._work(self._listening, self._gone, lambda: _write(self._tell_started))

    def _look(self, signalled: int) -> None:
        """Wait until something happens, and see to it."""
        sentinels = [worker.process.sentinel for worker in self._workers]
        readable, _, _ = select.select([signalled, self._started, *sentinels], [], [])
        if signalled in readable:
            self._stopping = bool(_STOP.intersection(os.read(signalled, 4096)))
        if self._started in readable:
            os.read(self._started, 4096)
            self._ready()
            self._ready = _nothing
        for index, worker in enumerate(self._workers):
            if not self._stopping and worker.process.sentinel in readable:
                self._workers[index] = self._replacement(worker, signalled)

    def _replacement(self, dead: _Worker, signalled: int) -> _Worker:
        dead.process.join()
        _log.warning("worker %s died (%s); it is started anew", dead.process.pid, dead.process.exitcode)
        if dead.failed_early:
            select.select([signalled], [], [], PAUSE)
        return self._start()

    def _stop(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                _log.error("worker %s does not end, and is killed", worker.process.pid)
                worker.process.kill()
                worker.process.join()


@contextlib.contextmanager
def _signals() -> Iterator[int]:
    """A file descriptor that gives the number of each signal to stop."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = {each: signal.signal(each, lambda *_: None) for each in _STOP}
    signal.set_wakeup_fd(writing)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(-1)
        for each, handler in before.items():
            signal.signal(each, handler)
        os.close(reading)
        os.close(writing)


def _write(descriptor: int) -> None:
    os.write(descriptor, b".")


def _nothing() -> None:
    return
