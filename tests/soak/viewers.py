"""One viewer who may see the board of an account takes all that a viewer can take: views, wide pages, files
and streams. Another account's board and webhooks are looked at meanwhile."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from service.live.http import list_routes, routes
from service.live.stream.hub import MAX_STREAMS
from service.live.stream.places import VIEWS, share
from tests.e2e.running import SECRET, VIEWER, Service, iso, running, signed
from tests.soak.alongside import alongside
from tests.soak.strangers import Control

CONFIG: Final = "".join(
    f"""
[[accounts]]
id = "{name}"
title = "{name}"
crm = "standard"
webhook_secret = "{SECRET}"
viewer_token = "{VIEWER}"
timezone = "Europe/Moscow"
currency = "RUB"
"""
    for name in ("office", "crowded")
)
OF_ONE_TOKEN: Final = share(MAX_STREAMS // 2)
"""Streams."""


@dataclass(frozen=True)
class Viewer:
    """Where to, how much of the full length, and the dice."""

    port: int
    scale: float
    rng: random.Random

    def part(self, full: int) -> int:
        """That much of a full number."""
        return max(4, round(full * self.scale))

    def asked(self, target: str) -> socket.socket:
        """A request under way, with the viewer's token."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        head = (
            f"GET /boards/crowded{target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {VIEWER}\r\n"
        )
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        return connection

    def statuses(self, targets: Sequence[str]) -> Counter[int]:
        """Ask for all of them at once; how many were answered with which status. The streams that begin stay
        open for a while, and nobody reads them."""
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(self.asked(target)) for target in targets]
            statuses = Counter(int(connection.recv(12).split()[1]) for connection in connections)
            time.sleep(10 * self.scale)
            return statuses

    def year(self) -> str:
        """A year and some days."""
        first = date(2020, 1, 1) + timedelta(days=self.rng.randrange(1_500))
        return f"{first}..{first + timedelta(days=365 + self.rng.randrange(300))}"


def views(viewer: Viewer) -> Counter[int]:
    """Streams of as many different views."""
    number = viewer.part(1_500)
    statuses = viewer.statuses([f"/events?form=html&manager={name}" for name in range(number)])
    assert statuses[200] == min(number, share(VIEWS)), statuses
    return statuses


def pages(viewer: Viewer) -> Counter[int]:
    """Wide pages."""
    return _bounded(
        viewer, [f"?period={viewer.year()}&n={n}" for n in range(viewer.part(300))], routes.WAITING
    )


def files(viewer: Viewer) -> Counter[int]:
    """Wide files."""
    targets = [f"/deals.csv?period={viewer.year()}&n={n}" for n in range(viewer.part(300))]
    return _bounded(viewer, targets, list_routes.WAITING)


def streams(viewer: Viewer) -> Counter[int]:
    """Streams of one view."""
    number = viewer.part(3_000)
    statuses = viewer.statuses(["/events"] * number)
    assert statuses[200] == min(number, OF_ONE_TOKEN), statuses
    return statuses


ATTACKS: Final[Sequence[Callable[[Viewer], Counter[int]]]] = (views, pages, files, streams)


def _bounded(viewer: Viewer, targets: Sequence[str], waiting: int) -> Counter[int]:
    statuses = viewer.statuses(targets)
    assert statuses.keys() <= {200, 429}, statuses
    assert statuses[200] > min(len(targets), share(waiting)) / 2, statuses
    return statuses


@dataclass
class Look:
    """Somebody of the other account who opens the board again and again."""

    address: str
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def looking(self) -> AbstractContextManager[None]:
        """Look until the end of the block, and at least five times."""
        self.seconds, self.wrong = [], []
        return alongside(self._look_until)

    def _look_until(self, done: threading.Event) -> None:
        while not done.wait(0.02) or len(self.seconds) + len(self.wrong) < 5:
            began = time.monotonic()
            with contextlib.closing(HTTPConnection(self.address, timeout=30)) as connection:
                connection.request("GET", "/boards/office", headers={"authorization": f"Bearer {VIEWER}"})
                answer = connection.getresponse()
                answer.read()
            if answer.status == 200:
                self.seconds.append(time.monotonic() - began)
            else:
                self.wrong.append(str(answer.status))


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Each way in turn, while commits keep the attacked board changing."""
    rng = random.Random(seed)
    counts: dict[str, int | float | str] = {}
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), config=CONFIG) as service:
        address = urlsplit(service.url)
        history = [_lost(rng, number) for number in range(max(100, round(8_000 * scale)))]
        for first in range(0, len(history), 1_000):
            _tell(service, f"history-{first}", history[first : first + 1_000])
        control, look = Control(address.netloc), Look(address.netloc)
        with control.posting(), look.looking():
            time.sleep(5 * scale)
        alone = statistics.median(control.seconds), statistics.median(look.seconds)
        for attack in ATTACKS:
            viewer = Viewer(address.port or 0, scale, rng)
            with control.posting(), look.looking(), _changing(service, rng):
                statuses = attack(viewer)
            name = attack.__name__
            assert control.refused == [], f"{name}: {control.refused[:3]}"
            assert look.wrong == [], f"{name}: {look.wrong[:3]}"
            counts |= {
                f"{name}: taken": statuses[200],
                f"{name}: refused": statuses[429],
                f"{name}: another's webhook, ratio": round(statistics.median(control.seconds) / alone[0], 1),
                f"{name}: another's page, ratio": round(statistics.median(look.seconds) / alone[1], 1),
            }
        assert service.stop() == 0
    return counts


def _changing(service: Service, rng: random.Random) -> AbstractContextManager[None]:
    """Post changes to the attacked account until the end of the block."""

    def post(done: threading.Event) -> None:
        number = 0
        while not done.wait(0.1):
            number += 1
            _tell(service, f"{id(done)}-{number}", [_lost(rng, rng.randrange(200))])

    return alongside(post)


def _lost(rng: random.Random, number: int) -> dict[str, object]:
    """The event of a refusal on some day of the last years."""
    closed = datetime.now(UTC) - timedelta(days=rng.randrange(1_500), minutes=5)
    data = {
        "id": str(number),
        "status": "lost",
        "amount": f"{rng.randrange(10**6)}.00",
        "reason": f"Reason {rng.randrange(12)}",
        "closed_at": iso(closed),
        "manager": {"id": str(rng.randrange(20)), "name": f"Manager {number % 20}"},
    }
    return {"type": "deal.changed", "timestamp": iso(closed), "data": data}


def _tell(service: Service, webhook_id: str, events: Sequence[object]) -> None:
    body = json.dumps(events)
    answer = service.client.post(
        f"{service.url}/webhooks/crowded", content=body, headers=signed(webhook_id, body)
    )
    assert answer.json()["status"] == "applied", answer.text
