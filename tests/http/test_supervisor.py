"""The parent of several processes: starts, restarts, ends them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from service.http import supervisor
from service.http.listening import listen
from service.http.notify import NOBODY, ServiceManager
from service.http.supervisor import Supervisor

DEADLINE_SECONDS = 30.0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def sleep(_shared: socket.socket, _parent_gone: int, ready: Callable[[], None]) -> None:
    ready()
    signal.pause()


def supervised(
    folder: Path,
    work: supervisor.Work,
    number: int = 2,
    manager: ServiceManager = NOBODY,
    on_hangup: Callable[..., object] | None = None,
    reload: Callable[[], bool] = lambda: False,
) -> multiprocessing.Process:
    """A parent in a process of its own; it notes its workers, and that it was ready."""

    def noted(shared: socket.socket, parent_gone: int, ready: Callable[[], None]) -> None:
        (folder / f"worker-{os.getpid()}").touch()
        work(shared, parent_gone, ready)

    def run() -> None:
        if on_hangup is not None:
            signal.signal(signal.SIGHUP, on_hangup)
        with listen("127.0.0.1", 0) as listening:
            Supervisor(number, listening, noted, (folder / "ready").touch, manager, reload).run()

    parent = multiprocessing.get_context("fork").Process(target=run)
    parent.start()
    return parent  # type: ignore[return-value]


def test_workers_hear_of_a_reload_if_the_parent_has_reloaded(tmp_path: Path) -> None:
    asked: list[int] = []
    wrong = tmp_path / "wrong"

    def reload() -> bool:
        came = bool(asked)
        asked.clear()
        return came and not wrong.exists()

    def work(_shared: socket.socket, _parent_gone: int, ready: Callable[[], None]) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        ready()
        while signal.sigwait({signal.SIGHUP}):
            (tmp_path / f"reloaded-{os.getpid()}-{time.monotonic_ns()}").touch()

    def reloaded() -> int:
        return len(list(tmp_path.glob("reloaded-*")))

    parent = supervised(tmp_path, work, on_hangup=lambda *_: asked.append(1), reload=reload)
    until(lambda: len(pids(tmp_path)) == 2)
    assert parent.pid is not None
    os.kill(parent.pid, signal.SIGHUP)
    until(lambda: reloaded() == 2)
    wrong.touch()
    os.kill(parent.pid, signal.SIGHUP)
    os.kill(min(pids(tmp_path)), signal.SIGKILL)
    until(lambda: len(pids(tmp_path)) == 3)
    assert reloaded() == 2
    parent.terminate()
    parent.join(DEADLINE_SECONDS)
    assert parent.exitcode == 0


def pids(folder: Path) -> set[int]:
    return {int(path.name.partition("-")[2]) for path in folder.glob("worker-*")}


@pytest.mark.parametrize("signal_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_its_workers_and_itself_on_a_signal(tmp_path: Path, signal_to_stop: int) -> None:
    parent = supervised(tmp_path, sleep)
    until(lambda: len(pids(tmp_path)) == 2 and (tmp_path / "ready").exists())
    assert parent.pid is not None
    os.kill(parent.pid, signal_to_stop)
    parent.join(DEADLINE_SECONDS)
    assert parent.exitcode == 0
    for pid in pids(tmp_path):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_that_died_is_replaced(tmp_path: Path) -> None:
    parent = supervised(tmp_path, sleep)
    until(lambda: len(pids(tmp_path)) == 2)
    os.kill(min(pids(tmp_path)), signal.SIGKILL)
    until(lambda: len(pids(tmp_path)) == 3)
    parent.terminate()
    parent.join(DEADLINE_SECONDS)
    assert parent.exitcode == 0


def test_a_worker_that_dies_at_once_is_not_started_in_a_storm(tmp_path: Path) -> None:
    def fail(_shared: socket.socket, _parent_gone: int, _ready: Callable[[], None]) -> None:
        os._exit(7)

    parent = supervised(tmp_path, fail, number=1)
    until(lambda: len(pids(tmp_path)) == 2)
    parent.terminate()
    parent.join(DEADLINE_SECONDS)
    assert parent.exitcode == 0
    assert len(pids(tmp_path)) <= 4
    assert not (tmp_path / "ready").exists()


def test_a_worker_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stubborn(_shared: socket.socket, _parent_gone: int, ready: Callable[[], None]) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ready()
        while True:
            signal.pause()

    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.2)
    parent = supervised(tmp_path, stubborn)
    until(lambda: len(pids(tmp_path)) == 2 and (tmp_path / "ready").exists())
    parent.terminate()
    parent.join(DEADLINE_SECONDS)
    assert parent.exitcode == 0


def test_an_address_of_either_family_is_listened_on() -> None:
    for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
        with listen(host, 0) as listening:
            assert listening.family == family
            assert listening.getsockname()[1] > 0
