"""A served office on a disk that gets full, or whose writes fail, again and again: what everybody is told.

The disk is a file system of its own where the machine lets one be mounted. Where it does not, and for writes
that fail otherwise than for want of room, the service gets a limit of the size of its files.
"""

from __future__ import annotations

import contextlib
import random
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from tests.e2e.running import Event, Service, events, lossboard, running, until

ROUNDS: Final = 40
"""Faults in the full length."""

DISK_BYTES: Final = 48 * 2**20
CHUNK: Final = 64 * 1024
LARGE: Final = 200_000
"""Characters in a name: a webhook that needs room."""

MOST_POSTS: Final = 400
"""Webhooks after which a full disk must have shown."""


@contextlib.contextmanager
def disk() -> Iterator[tuple[Path, bool]]:
    """A folder, and whether it is a small file system of its own."""
    with tempfile.TemporaryDirectory(prefix="lossboard-disk-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", folder]
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        try:
            yield Path(folder), mounted
        finally:
            if mounted:
                subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def full(service: Service) -> Iterator[None]:
    """No room is left on the disk."""
    ballast = service.folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * CHUNK):
            pass
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def failing(service: Service) -> Iterator[None]:
    """Every write behind a small place in a file fails."""
    _, hard = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (CHUNK, hard))
    try:
        yield
    finally:
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


@dataclass
class Office:
    """The office, and what it was told."""

    service: Service
    stream: Iterator[Event]
    acknowledged: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def post(self, key: str, size: int = 1) -> bool:
        """Post a lost deal; whether it was acknowledged. Any other answer must be 503 with Retry-After."""
        data = {"id": key, "status": "lost", "amount": "1.00", "reason": "Выбрал других", "name": "x" * size}
        answer = self.service.post({"type": "deal.changed", "data": data}, webhook_id=f"msg_{key}")
        if answer.status_code == 200:
            assert answer.json()["status"] == "applied", answer.text
            self.acknowledged.add(key)
            self.refused.discard(key)
            return True
        assert (answer.status_code, answer.headers["retry-after"].isdecimal()) == (503, True), answer.text
        self.refused.add(key)
        return False

    def told(self, *, storing: bool) -> None:
        """Wait until readiness, a board and the stream say whether anything can be stored."""
        until(lambda: self._get("/readyz").status_code == (200 if storing else 503))
        assert f"lossboard_storing {float(storing)}" in self._get("/metrics").text
        until(lambda: self._get("/boards/office/snapshot").json()["storing"] is storing)
        for event in self.stream:
            told = event.data.get("set", event.data).get("storing")
            if told is storing:
                return

    def _get(self, path: str) -> httpx.Response:
        return self.service.client.get(f"{self.service.url}{path}")


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Fill the disk many times."""
    rng = random.Random(seed)
    rounds = max(2, round(ROUNDS * scale))
    with disk() as (folder, mounted), running(folder) as service:
        faults: list[Callable[[Service], contextlib.AbstractContextManager[None]]] = [failing]
        if mounted:
            faults.append(full)
        with events(f"{service.url}/boards/office/events") as stream:
            office = Office(service, stream)
            for number in range(rounds):
                _round(office, faults[number % len(faults)], f"r{number}", rng)
        refused = len(office.refused)
        count = service.snapshot(period="today")["losses"]["controllable"]["count"]
        assert count == len(office.acknowledged), "what was acknowledged is not what is there"
        assert service.stop() == 0
        for command in (("verify",), ("check-database",)):
            done = lossboard(folder, *command)
            assert done.returncode == 0, done.stdout
        assert lossboard(folder, "quarantine", "list").stdout == ""
    assert refused == 0
    return {
        "file system": "a small one of its own" if mounted else "a limit of the size of files",
        "faults": rounds,
        "acknowledged webhooks": len(office.acknowledged),
    }


def _round(
    office: Office,
    fault: Callable[[Service], contextlib.AbstractContextManager[None]],
    name: str,
    rng: random.Random,
) -> None:
    for number in range(rng.randrange(1, 9)):
        assert office.post(f"{name}-{number}")
    with fault(office.service):
        posts = (office.post(f"{name}-large-{number}", LARGE) for number in range(MOST_POSTS))
        assert not all(posts), "there was room for everything"
        office.told(storing=False)
    office.told(storing=True)
    for key in sorted(office.refused):
        assert office.post(key), "it does not come back by itself"
