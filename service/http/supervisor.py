"""Several worker processes behind one listening socket: the parent starts, restarts and stops them.

The parent opens the socket and does nothing else with it: connections that a dead worker did not accept wait
for the other workers. The parent forks the workers while it has neither threads nor an event loop, so all of
them share the configuration that was checked once. A worker whose parent has died, for whatever reason, shuts
down as on a signal.
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

from service.http.notify import NOBODY, ServiceManager

SHORT_LIFE_SECONDS: Final = 5.0
"""A worker that dies sooner than this probably fails at every start."""

RESTART_SECONDS: Final = 1.0
"""The pause before such a worker is restarted."""

STOP_SECONDS: Final = 40.0
"""How long workers may take to stop before the parent kills them; more than the server and the writer
need."""

_FORK: Final = multiprocessing.get_context("fork")
_STOP: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_HANDLED: Final = _STOP | {signal.SIGHUP}

_log = logging.getLogger(__name__)

Work = Callable[[socket.socket, int, Callable[[], None]], None]
"""A worker's main function, which returns on SIGTERM. Its arguments: the socket to serve; a file descriptor
that becomes readable when the parent dies, which must stop it; and a callback for when it accepts
requests."""


@dataclass(slots=True)
class _Worker:
    process: ForkProcess
    started_seconds: float = field(default_factory=time.monotonic)

    @property
    def died_early(self) -> bool:
        return time.monotonic() - self.started_seconds < SHORT_LIFE_SECONDS


class Supervisor:
    """Runs the workers until SIGTERM or SIGINT.

    Args:
        work: Called in each worker.
        on_ready: Called once, when the first worker accepts requests.
        manager: Hears that this process works, and that it stops. Of its workers it hears nothing.
        reload: Called after each signal. If it returns True, each worker gets SIGHUP.
        on_died: Called with the number of a worker that died.
    """

    def __init__(
        self,
        number: int,
        listening: socket.socket,
        work: Work,
        on_ready: Callable[[], None],
        manager: ServiceManager = NOBODY,
        reload: Callable[[], bool] = lambda: False,
        on_died: Callable[[int], None] = lambda _pid: None,
    ) -> None:
        self._reload = reload
        self._number = number
        self._listening = listening
        self._work = work
        self._on_ready = on_ready
        self._manager = manager
        self._on_died = on_died
        self._workers: list[_Worker] = []
        self._stopping = False

    def run(self) -> None:
        """Start the workers and restart those that die."""
        # Nobody writes to this pipe; its read end becomes readable when this process dies.
        self._parent_gone, self._parent_alive = os.pipe()
        self._ready_reader, self._ready_writer = os.pipe()
        with _signals() as signalled:
            try:
                self._workers = [self._start() for _ in range(self._number)]
                while not self._stopping:
                    self._hang_up()
                    self._handle_event(signalled)
            finally:
                self._stop()
        for descriptor in (self._parent_gone, self._parent_alive, self._ready_reader, self._ready_writer):
            os.close(descriptor)

    def _start(self) -> _Worker:
        process = _FORK.Process(target=self._child, name="lossboard worker")
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)  # until the worker has handlers of its own
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        return _Worker(process)

    def _child(self) -> None:
        os.close(self._parent_alive)
        signal.set_wakeup_fd(-1)
        for number in _STOP:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        self._work(self._listening, self._parent_gone, self._report_ready)

    def _report_ready(self) -> None:
        os.write(self._ready_writer, b".")

    def _hang_up(self) -> None:
        """Have the workers reload, if this process has. A dead one is replaced by one that has, too."""
        if self._reload():
            for worker in self._workers:
                if worker.process.pid is not None:
                    os.kill(worker.process.pid, signal.SIGHUP)

    def _handle_event(self, signalled: int) -> None:
        """Wait for a signal, a ready worker or a dead worker, and handle it."""
        self._manager.beat()
        sentinels = [worker.process.sentinel for worker in self._workers]
        waited_for = [signalled, self._ready_reader, *sentinels]
        readable, _, _ = select.select(waited_for, [], [], self._manager.beat_seconds)
        if signalled in readable:
            self._stopping = bool(_STOP.intersection(os.read(signalled, 4096)))
        if self._ready_reader in readable:
            os.read(self._ready_reader, 4096)
            self._on_ready()
            self._on_ready = lambda: None
        for index, worker in enumerate(self._workers):
            if not self._stopping and worker.process.sentinel in readable:
                self._workers[index] = self._replacement(worker, signalled)

    def _replacement(self, dead: _Worker, signalled: int) -> _Worker:
        dead.process.join()
        _log.warning(
            "worker %s died with exit code %s; restarting it", dead.process.pid, dead.process.exitcode
        )
        assert dead.process.pid is not None
        self._on_died(dead.process.pid)
        if dead.died_early:
            select.select([signalled], [], [], RESTART_SECONDS)
        return self._start()

    def _stop(self) -> None:
        self._manager.stopping()
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                _log.error("worker %s does not stop; killing it", worker.process.pid)
                worker.process.kill()
                worker.process.join()


@contextlib.contextmanager
def _signals() -> Iterator[int]:
    """Yields a file descriptor from which the numbers of the received stop signals can be read."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    previous = {number: signal.signal(number, lambda *_: None) for number in _STOP}
    signal.set_wakeup_fd(writing)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in previous.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
