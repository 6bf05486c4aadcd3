"""The cost of one webhook in the ledger by the size of the account: it must not grow.

Databases of different sizes are loaded through the code that webhooks use. At each size one deal in twenty
belongs to a walk-in client (50 000 of a million) with an overdue task of its own, and one manager has all
tasks. Then the same mix of changes is applied to each database in turns, one delivery a commit and 64 a
commit. First the changes concern the deals of one day (the newest ones and some of the walk-in client's), as
many at each size, because an office works on as many deals a day however long its history is. Then they
concern any deals, which no office does: there each change writes other pages than all others, and that cost
grows.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from bench.office import ACCOUNT, HOUR, NOW
from service.ledger.database import schema
from service.ledger.database.engine import open_engine
from service.ledger.write import heads
from service.ledger.write.apply import apply
from service.model import DAY, Change, Decoded, Delivery, Value, earlier, later

SIZES: Final = tuple(int(size) for size in os.environ.get("BENCH_SIZES", "1000,100000,1000000").split(","))
SHARE_OF_WALK_IN: Final = 0.05
NEWEST: Final = 450
OF_WALK_IN: Final = 50
ROUNDS: Final = 12
SINGLES: Final = 100
BATCHES: Final = 32
BATCH: Final = 64


class Office:
    """A ledger with a number of deals."""

    def __init__(self, folder: Path, size: int) -> None:
        url = f"sqlite:///{folder}/{size}.db"
        schema.migrate(url)
        self.size = size
        self.random = random.Random(size)
        self._engine = open_engine(url, "writer")
        self._keys = 0
        self.walk_in = int(size * SHARE_OF_WALK_IN)
        with self._engine.begin() as connection:
            heads.ensure(connection, ACCOUNT, NOW)
        self._load()

    def _load(self) -> None:
        with click.progressbar(length=self.size, label=f"Loading {self.size} deals") as bar:
            for start in range(0, self.size, 2_000):
                numbers = range(start, min(start + 2_000, self.size))
                changes = [change for number in numbers for change in self._deal(number)]
                self.commit([changes])
                bar.update(len(numbers))
        fields: dict[str, Value] = {"client_id": "walk-in", "due_at": NOW - HOUR, "manager_id": "m0"}
        self.commit([[Change("task", "walk-in", earlier(NOW, DAY), fields)]])

    def _deal(self, number: int) -> list[Change]:
        chance = self.random.random()
        status = "open" if chance < 0.4 else "lost" if chance < 0.8 else "won"
        client = "walk-in" if number < self.walk_in else f"c{number}"
        moment = earlier(NOW, int(self.random.random() * 300 * DAY))
        changes = [
            Change(
                "deal",
                f"d{number}",
                moment,
                {
                    "known": True,
                    "name": f"Deal {number}",
                    "status": status,
                    "reason_id": f"r{number % 8}",
                    "amount": 100_00 + number,
                    "client_id": client,
                    "manager_id": f"m{number % 20}",
                    "pipeline_id": "p1",
                },
            )
        ]
        if number % 10 == 0:
            due = NOW - HOUR if number % 1000 == 0 else NOW + DAY
            fields: dict[str, Value] = {
                "deal_id": f"d{number}",
                "due_at": due,
                "manager_id": "m0",
                "text": "call",
            }
            changes.append(Change("task", f"t{number}", moment, fields))
        return changes

    def commit(self, deliveries: list[list[Change]]) -> None:
        """Apply deliveries in one commit."""
        made = []
        for changes in deliveries:
            self._keys += 1
            key = f"k{self._keys}"
            made.append(Delivery(ACCOUNT.id, NOW, {}, b"x" * 400, Decoded(key, tuple(changes))))
        with self._engine.begin() as connection:
            apply(connection, ACCOUNT, made, NOW)

    def deals(self, *, any_at_all: bool) -> Sequence[int]:
        """The deals that changes concern."""
        if any_at_all:
            return range(self.size)
        return [
            *range(0, self.walk_in, self.walk_in // OF_WALK_IN),
            *range(self.size - NEWEST, self.size),
        ]

    def webhook(self, deals: Sequence[int]) -> list[Change]:
        """One typical change: a deal re-priced, lost or re-opened; a task set or completed."""
        self._keys += 1
        version = later(NOW, self._keys)
        number = self.random.choice(deals)
        kind = self.random.randrange(4)
        if kind == 0:
            return [Change("deal", f"d{number}", version, {"known": True, "amount": version % 1_000_000})]
        if kind == 1:
            status = self.random.choice(["lost", "open"])
            return [Change("deal", f"d{number}", version, {"known": True, "status": status})]
        task = f"t{number - number % 10}"
        if kind == 2:
            return [Change("task", task, version, {"completed": self.random.random() < 0.5})]
        fields: dict[str, Value] = {
            "deal_id": f"d{number}",
            "due_at": NOW - HOUR,
            "manager_id": "m0",
            "text": "call",
        }
        return [Change("task", f"n{self._keys}", version, fields)]


def _timed(office: Office, deals: Sequence[int], commits: int, batch: int) -> float:
    """Microseconds a webhook."""
    work = [[office.webhook(deals) for _ in range(batch)] for _ in range(commits)]
    began = time.perf_counter()
    for deliveries in work:
        office.commit(deliveries)
    return (time.perf_counter() - began) / (commits * batch) * 1e6


def main() -> None:
    """Print the cost at each size, and the ratio of the largest to the smallest."""
    with tempfile.TemporaryDirectory() as folder:
        offices = [Office(Path(folder), size) for size in SIZES]
        for any_at_all, deals in ((False, "a day's deals"), (True, "any deal")):
            for label, commits, batch in (
                ("one a commit", SINGLES, 1),
                (f"{BATCH} a commit", BATCHES, BATCH),
            ):
                _compare(offices, f"{deals}, {label}", commits, batch, any_at_all=any_at_all)


def _compare(offices: Sequence[Office], label: str, commits: int, batch: int, *, any_at_all: bool) -> None:
    times: dict[int, list[float]] = {office.size: [] for office in offices}
    for _ in range(ROUNDS):
        for office in offices:
            deals = office.deals(any_at_all=any_at_all)
            times[office.size].append(_timed(office, deals, commits, batch))
    medians = {size: statistics.median(seconds) for size, seconds in times.items()}
    for size, median in medians.items():
        print(f"{label}: {size:>9,} deals: {median:6.0f} µs a webhook")
    print(f"{label}: largest to smallest: {medians[SIZES[-1]] / medians[SIZES[0]]:.2f}")
