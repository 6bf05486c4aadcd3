"""What the service tells the service manager: when it accepts requests, that it works, that it stops."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from service.http.notify import ServiceManager
from tests.e2e.running import running, until
from tests.http.test_supervisor import pids, sleep, supervised


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager's socket."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


def variables(heard: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": heard.getsockname(), **more}


def told(heard: socket.socket) -> list[str]:
    """The lines that came and were not looked at yet."""
    heard.setblocking(False)
    lines: list[str] = []
    while True:
        try:
            lines += heard.recv(4096).decode().splitlines()
        except BlockingIOError:
            return lines


def test_systemd_hears_when_the_service_is_ready_and_when_it_stops(
    tmp_path: Path, heard: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", heard.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    (tmp_path / "office").mkdir()
    with running(tmp_path / "office") as service:
        messages = iter(lambda: heard.recv(4096).decode(), "")
        assert next(messages) == "STATUS=Preparing the database"
        # A beat may come before.
        ready = next(message for message in messages if message.startswith("READY=1"))
        assert ready == f"READY=1\nSTATUS=Serving {service.url}"
        assert next(messages) == next(messages) == "WATCHDOG=1"
        assert service.stop() == 0
        assert [line for line in told(heard) if line != "WATCHDOG=1"] == ["STOPPING=1", "STATUS=Stopping"]


def test_an_abstract_socket_is_found() -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(f"\0lossboard-{os.getpid()}")
        ServiceManager({"NOTIFY_SOCKET": f"@lossboard-{os.getpid()}"}).ready("http://here")
        assert told(listening) == ["READY=1", "STATUS=Serving http://here"]


def test_a_manager_that_does_not_listen_is_one_warning_and_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nowhere")}).stopping()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"},  # another process is watched: our parent
    ],
)
async def test_a_process_that_is_not_watched_does_not_beat(
    heard: socket.socket, settings: dict[str, str]
) -> None:
    manager = ServiceManager(variables(heard, **settings))
    assert manager.beat_seconds is None
    async with manager.watching(lambda: True):
        await asyncio.sleep(0)
    assert told(heard) == []


async def test_a_loop_that_is_stuck_or_whose_writer_died_does_not_beat(heard: socket.socket) -> None:
    settings = {"WATCHDOG_USEC": "2000", "WATCHDOG_PID": str(os.getpid())}
    manager, works = ServiceManager(variables(heard, **settings)), True
    async with manager.watching(lambda: works):
        await asyncio.sleep(0)
        assert told(heard) == ["WATCHDOG=1"]
        signal.sigtimedwait([signal.SIGUSR1], 0.01)  # the loop does not turn for five times its beat
        assert told(heard) == []
        while not told(heard):
            await asyncio.sleep(0.001)
        works = False
        await asyncio.sleep(0.002)
        told(heard)
        await asyncio.sleep(0.01)
        assert told(heard) == []


def test_a_parent_of_workers_beats_and_says_that_it_stops(tmp_path: Path, heard: socket.socket) -> None:
    manager = ServiceManager(variables(heard, WATCHDOG_USEC="2000"))
    parent = supervised(tmp_path, sleep, manager=manager)
    until(lambda: len(pids(tmp_path)) == 2)
    assert heard.recv(4096) == heard.recv(4096) == b"WATCHDOG=1"
    parent.terminate()
    parent.join(30)
    assert told(heard)[-2:] == ["STOPPING=1", "STATUS=Stopping"]
