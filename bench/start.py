"""What it takes to start and to be there: a command, a service with a million deals, an idle board, a
rebuild."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from bench.before import before
from bench.crowd import Crowd, crowd
from bench.filled import filled
from bench.load import rate
from bench.rows import Goal, Row, in_turns, median, ratios
from bench.service import ROOT, lossboard, node, python

DEALS: Final = 1_000_000
DELIVERIES: Final = 20_000
VERSIONS: Final = 7
STARTS: Final = 3
REBUILDS: Final = 3
IDLE_SECONDS: Final = 30.0
SETTLING_SECONDS: Final = 3.0

COMMAND: Final = Row(
    "a command's start, s",
    Goal("≤", 0.25, "s"),
    "Wall time of lossboard --version; the commit before in turns.",
)
_START: Final = "SQLite, a filled ledger, projections as its rules say"
START: Final = Row(
    "start with a million deals, s",
    Goal("≤", 2, "s"),
    f"{_START}: from the command until /readyz is 200.",
)
STARTED: Final = Row(
    "memory with a million deals, MiB",
    Goal("≤", 200, "MiB"),
    f"{_START}: resident memory of the process with one screen, which has its board.",
)
IDLE: Final = Row(
    "idle board with one screen, % of a core",
    Goal("≤", 0.5, "% of a core"),
    f"CPU time of the process in {IDLE_SECONDS:.0f} s without a webhook; the commit before at the same time.",
)
RESIDENT: Final = Row(
    "idle board with one screen, MiB", Goal("≤", 80, "MiB"), "Resident memory of that process."
)
REBUILD: Final = Row(
    "rebuild from the log, deliveries a second",
    Goal("≥", 20_000, "a second", 50_000),
    f"`lossboard rebuild --from-log` over {DELIVERIES} deliveries, less the time of a command on a database; "
    "the commit before in turns on a log of its own.",
)
ROWS: Final = (COMMAND, START, STARTED, IDLE, RESIDENT, REBUILD)


def run() -> Iterator[Row]:
    """Measure each, where it makes sense in turns with the commit before."""
    checkouts = {"ours": ROOT, "before": before()}
    seconds = in_turns(VERSIONS, **{kind: partial(_version, place) for kind, place in checkouts.items()})
    yield COMMAND.measured(f"before {median(seconds['before'])} s", seconds["ours"])
    yield from _started()
    yield from _idle(checkouts)
    yield _rebuilt(checkouts)


def _version(checkout: Path, _turn: int) -> float:
    return _command(checkout, checkout, "--version")


def _command(checkout: Path, folder: Path, *arguments: str) -> float:
    """Seconds that a command takes, with the configuration and the database of a folder."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    environment["LOSSBOARD_DATABASE_URL"] = f"sqlite:///{folder}/lossboard.db"
    command = [python(checkout), "-m", "service", *arguments]
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def _started() -> Iterator[Row]:
    seconds, boards, memory = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copyfile(filled(DEALS).path, folder / "lossboard.db")
        for _ in range(STARTS):
            began = time.perf_counter()
            with node(folder, f"sqlite:///{folder}/lossboard.db") as (port, pid):
                _wait_ready(port)
                ready = time.perf_counter()
                with closing(Crowd()) as screen:
                    screen.join(port, 1)
                    screen.arrivals(b"event: snapshot", ready)
                    boards.append(time.perf_counter() - ready)
                    screen.drain(SETTLING_SECONDS)
                    memory.append(psutil.Process(pid).memory_info().rss / 2**20)
            seconds.append(ready - began)
    yield START.measured(f"then the first board in {median(boards)} s", seconds)
    yield STARTED.measured("", memory)


def _wait_ready(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/readyz")
        if connection.getresponse().status == 200:
            return
        time.sleep(0.01)
    raise RuntimeError("the service is not ready after a minute")


def _idle(checkouts: dict[str, Path]) -> Iterator[Row]:
    shares, memory = {}, {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        processes = {}
        for kind, checkout in checkouts.items():
            folder = Path(name) / kind
            folder.mkdir()
            url = f"sqlite:///{folder}/lossboard.db"
            with node(folder, url, checkout=checkout):
                pass  # the first start alone has Alembic in memory, which made the schema
            port, pid = stack.enter_context(node(folder, url, checkout=checkout))
            rate(port, 200, 8, "i")
            stack.enter_context(crowd(port, 1))
            processes[kind] = psutil.Process(pid)
        time.sleep(SETTLING_SECONDS)
        began = {kind: sum(process.cpu_times()[:2]) for kind, process in processes.items()}
        time.sleep(IDLE_SECONDS)
        for kind, process in processes.items():
            shares[kind] = (sum(process.cpu_times()[:2]) - began[kind]) / IDLE_SECONDS * 100
            memory[kind] = process.memory_info().rss / 2**20
    yield IDLE.measured(f"before {shares['before']:.2f} %", [shares["ours"]])
    yield RESIDENT.measured(f"before {memory['before']:.0f} MiB", [memory["ours"]])


def _rebuilt(checkouts: dict[str, Path]) -> Row:
    with tempfile.TemporaryDirectory() as name:
        folders = {}
        for kind, checkout in checkouts.items():
            folders[kind] = Path(name) / kind
            folders[kind].mkdir()
            with lossboard(folders[kind], checkout) as port:
                rate(port, DELIVERIES, 64, "r")
        measures = {
            kind: partial(_deliveries, checkout, folders[kind]) for kind, checkout in checkouts.items()
        }
        rates = in_turns(REBUILDS, **measures)
    times = median(ratios(rates["ours"], rates["before"]))
    return REBUILD.measured(f"before {median(rates['before'])} a second; {times} × before", rates["ours"])


def _deliveries(checkout: Path, folder: Path, _turn: int) -> float:
    """Deliveries a second of one rebuild, less what any command on a database takes."""
    started = _command(checkout, folder, "quarantine", "list")
    return DELIVERIES / (_command(checkout, folder, "rebuild", "--from-log") - started)
