"""Attacks of somebody who has no secret, on a served office, and what they cost: memory, and the time that an
honest webhook takes meanwhile as a ratio to its time before."""

from __future__ import annotations

import contextlib
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.e2e.running import PROGRAM, Service, iso, running, signed, soon, until
from tests.soak.alongside import alongside
from tests.soak.attacks import ATTACKS, MB, Stranger

PAUSE_SECONDS: Final = 0.02
"""Between two honest webhooks."""

LOG_LINES: Final = 40
"""The most that one attack may add to the service's log."""


@dataclass
class Control:
    """An honest sender: one webhook after another, each over a connection of its own."""

    address: str
    seconds: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    posted: int = 0

    def posting(self) -> AbstractContextManager[None]:
        """Post until the end of the block, and at least five times."""
        self.seconds, self.refused = [], []
        return alongside(self._post_until)

    def _post_until(self, done: threading.Event) -> None:
        while not done.wait(PAUSE_SECONDS) or len(self.seconds) + len(self.refused) < 5:
            self.posted += 1
            data = {"id": "1", "amount": "1.00"}
            body = json.dumps({"type": "deal.changed", "timestamp": iso(soon(0)), "data": data})
            headers = signed(f"control-{self.posted}", body)
            began = time.monotonic()
            try:
                with contextlib.closing(HTTPConnection(self.address, timeout=10)) as connection:
                    connection.request("POST", "/webhooks/office", body, headers)
                    answer = connection.getresponse()
                    text = answer.read()
            except OSError as error:
                self.refused.append(repr(error))
                continue
            if answer.status == 200:
                self.seconds.append(time.monotonic() - began)
            else:
                self.refused.append(f"{answer.status} {text.decode()}")


@dataclass
class Memory:
    """The resident memory of a process, in bytes, as Linux counts it."""

    pid: int

    def forget_peak(self) -> None:
        """Begin a new peak."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def now(self) -> int:
        """What it has now."""
        return self._field("VmRSS")

    def peak(self) -> int:
        """The most that it had since the last `forget_peak`."""
        return self._field("VmHWM")

    def _field(self, name: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Every attack in turn, on one service."""
    stranger = Stranger(0, scale, random.Random(seed))
    limited = ("sh", "-c", f'ulimit -n {stranger.descriptors} && exec "$@"', "sh", *PROGRAM)
    counts: dict[str, int | float | str] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), program=limited) as service,
    ):
        control = Control(urlsplit(service.url).netloc)
        with control.posting():
            time.sleep(5 * scale)
        alone = statistics.median(control.seconds)
        stranger = replace(stranger, port=urlsplit(service.url).port or 0)
        for attack, (counted, limit) in ATTACKS.items():
            counts |= _attacked(service, control, alone, attack, counted, limit, stranger)
    return counts


def _attacked(
    service: Service,
    control: Control,
    alone: float,
    attack: Callable[[Stranger], int],
    counted: str,
    limit: int,
    stranger: Stranger,
) -> dict[str, int | float | str]:
    name = attack.__name__
    memory = Memory(service.process.pid)
    memory.forget_peak()
    before, lines = memory.now(), len(service.lines)
    with control.posting():
        number = attack(stranger)
    cost, logged = (memory.peak() - before) // MB, len(service.lines) - lines
    assert cost < limit, f"{name}: {cost} MB"
    assert control.refused == [], f"{name}: {control.refused[:3]}"
    assert logged < LOG_LINES, f"{name}: {logged} lines: {service.lines[-1]}"
    until(lambda: service.client.get(f"{service.url}/readyz").status_code == 200)
    ratio = statistics.median(control.seconds) / alone
    return {
        f"{name}: {counted}": number,
        f"{name}: peak, MB": cost,
        f"{name}: kept, MB": (memory.now() - before) // MB,
        f"{name}: control, ratio": round(ratio, 1),
    }
