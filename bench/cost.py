"""The cost of one webhook in the ledger by the size of the account: it must not grow.

The same mix of changes is applied to ledgers of different sizes in turns, one delivery a commit and 64 a
commit. First the changes concern the deals of one day (the newest ones and some of the walk-in client's), as
many at each size, because an office works on as many deals a day however long its history is. Then they
concern any deals, which no office does: there each change writes other pages than all others.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from bench.filled import SHARE_OF_WALK_IN, Filled, deal_id, filled, task_id
from bench.office import ACCOUNT, HOUR, NOW
from bench.rows import Goal, Row, in_turns, median, number, ratios
from service.ledger.database.engine import open_engine
from service.ledger.write.apply import apply
from service.model import Change, Decoded, Delivery, Value, later

SIZES: Final = (1_000, 100_000, 1_000_000)
LARGE: Final = (1_000, 10_000_000)
NEWEST: Final = 450
OF_WALK_IN: Final = 50
ROUNDS: Final = 12
SINGLES: Final = 100
BATCHES: Final = 32
BATCH: Final = 64

KINDS: Final = {
    "for deals of one day, one a commit": (SINGLES, 1, False),
    "for deals of one day, 64 a commit": (BATCHES, BATCH, False),
    "for any deals, one a commit": (SINGLES, 1, True),
    "for any deals, 64 a commit": (BATCHES, BATCH, True),
}
"""Commits, webhooks in each, and whether they are for any deals."""

_HOW: Final = (
    "A mix of new and completed tasks, prices and losses, applied in process and committed on SQLite (wall "
    "time); the largest account to the smallest."
)
_RECOMPUTED: Final = (
    "State is written straight into its tables by SQL; then the service recomputes its projections."
)
_GOAL: Final = Goal("≤", 1.2, "× the smallest", 1.1)


def rows(sizes: Sequence[int]) -> tuple[Row, ...]:
    """The rows of a comparison of sizes."""
    largest = number(sizes[-1])
    to = f"{largest} to {number(sizes[0])} deals"
    return (
        *(Row(f"cost of a webhook, {to}, {kind}", _GOAL, _HOW) for kind in KINDS),
        Row(f"the figures of {largest} deals recomputed from state, s", None, _RECOMPUTED),
    )


ROWS: Final = rows(SIZES)
LARGE_ROWS: Final = rows(LARGE)


class Office:
    """A filled ledger that webhooks are applied to."""

    def __init__(self, ledger: Filled) -> None:
        self.size = ledger.size
        self.random = random.Random(ledger.size)
        self._engine = open_engine(ledger.url, "writer")
        self._keys = 0
        self._walk_in = int(self.size * SHARE_OF_WALK_IN)

    def close(self) -> None:
        """Close its connection."""
        self._engine.dispose()

    def commit(self, deliveries: list[list[Change]]) -> None:
        """Apply deliveries in one commit."""
        made = [self.delivery(changes) for changes in deliveries]
        with self._engine.begin() as connection:
            apply(connection, ACCOUNT, made, NOW)

    def delivery(self, changes: Sequence[Change]) -> Delivery:
        """The delivery that says so."""
        self._keys += 1
        decoded = Decoded(f"k{id(self)}-{self._keys}", tuple(changes))
        return Delivery(ACCOUNT.id, NOW, {}, b"x" * 400, decoded)

    def deals(self, *, any_at_all: bool) -> Sequence[int]:
        """The deals that changes concern."""
        if any_at_all:
            return range(self.size)
        return [
            *range(0, self._walk_in, self._walk_in // OF_WALK_IN),
            *range(self.size - NEWEST, self.size),
        ]

    def webhook(self, deals: Sequence[int]) -> list[Change]:
        """One typical change: a deal re-priced, lost or re-opened; a task set or completed."""
        self._keys += 1
        version = later(NOW, self._keys)
        chosen = self.random.choice(deals)
        deal = deal_id(chosen)
        kind = self.random.randrange(4)
        if kind == 0:
            return [Change("deal", deal, version, {"known": True, "amount": version % 1_000_000})]
        if kind == 1:
            status = self.random.choice(["lost", "open"])
            return [Change("deal", deal, version, {"known": True, "status": status})]
        if kind == 2:
            completed: dict[str, Value] = {"completed": self.random.random() < 0.5}
            return [Change("task", task_id(chosen - chosen % 10), version, completed)]
        fields: dict[str, Value] = {
            "deal_id": deal,
            "due_at": NOW - HOUR,
            "manager_id": "m0",
            "text": "call",
        }
        return [Change("task", f"n{id(self)}-{self._keys}", version, fields)]

    def cost(self, commits: int, batch: int, any_at_all: bool, _turn: int) -> float:
        """Microseconds a webhook of one round."""
        deals = self.deals(any_at_all=any_at_all)
        work = [[self.webhook(deals) for _ in range(batch)] for _ in range(commits)]
        began = time.perf_counter()
        for deliveries in work:
            self.commit(deliveries)
        return (time.perf_counter() - began) / (commits * batch) * 1e6


def run() -> Iterator[Row]:
    """Compare accounts of up to a million deals."""
    yield from compared(SIZES, ROWS)


def run_large() -> Iterator[Row]:
    """Compare ten million deals with a thousand."""
    yield from compared(LARGE, LARGE_ROWS)


def compared(sizes: Sequence[int], rows: Sequence[Row]) -> Iterator[Row]:
    """Measure all sizes in turns."""
    ledgers = [filled(size) for size in sizes]
    offices = {ledger.size: Office(ledger) for ledger in ledgers}
    for row, (commits, batch, any_at_all) in zip(rows[:-1], KINDS.values(), strict=True):
        measures = {
            str(size): partial(office.cost, commits, batch, any_at_all) for size, office in offices.items()
        }
        costs = in_turns(ROUNDS, **measures)
        value = ", ".join(
            f"{number(int(size))} deals: {median(figures)} µs" for size, figures in costs.items()
        )
        yield row.measured(value, ratios(costs[str(sizes[-1])], costs[str(sizes[0])]))
    for office in offices.values():
        office.close()
    filling, recomputing = ledgers[-1].seconds
    size = number(ledgers[-1].path.stat().st_size / 1e6)
    yield rows[-1].measured(f"filled in {number(filling)} s; {size} MB on the disk", [recomputing])
