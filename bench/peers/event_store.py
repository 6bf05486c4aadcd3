"""Runs in the peers' environment: aggregates in `eventsourcing` on SQLite, loaded, changed and saved.

The database is a file whose settings are the library's own (a write-ahead log, synchronous=FULL): each
save is a durable commit. There is no HTTP, no signature and no read model. For each number that it
reads it changes so many aggregates, and writes how many it did a second.
"""

import json
import sys
import time
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

DEALS = 5_000


class Deal(Aggregate):
    """A deal, as far as a webhook tells it."""

    @event("Opened")
    def __init__(self, name: str, client: str, manager: str) -> None:
        self.name, self.client, self.manager = name, client, manager
        self.status, self.reason, self.amount = "open", "", "0.00"

    @event("Changed")
    def change(self, status: str, reason: str, amount: str) -> None:
        """What a webhook says."""
        self.status, self.reason, self.amount = status, reason, amount


def main(path: str) -> None:
    """Make the deals, then change them."""
    application: Application[UUID] = Application(
        {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": path}
    )
    deals = [Deal(f"Deal {number}", f"{number}", f"{number % 20}") for number in range(DEALS)]
    for start in range(0, DEALS, 500):
        application.save(*deals[start : start + 500])
    ids = [deal.id for deal in deals]
    done = 0
    for line in sys.stdin:
        number = int(line)
        began = time.perf_counter()
        for _ in range(number):
            deal: Deal = application.repository.get(ids[done % DEALS])
            status = ("open", "lost", "won")[done % 3]
            deal.change(status, f"Reason {done % 8}", f"{done % 100_000}.00")
            application.save(deal)
            done += 1
        print(json.dumps(number / (time.perf_counter() - began)), flush=True)


main(sys.argv[1])
