"""The disk that a webhook and a deal take: `python -m tests.deploy.disk` prints docs/how-to/upkeep.md."""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service.ledger.database import files, schema
from service.ledger.write import heads, log
from service.model import DAY, Change, Decoded, Delivery, Instant, later
from tests.histories import at
from tests.ledger.offices import Ledger

NOW: Final = at("2026-11-23T12:00:00+03:00")
BODY: Final = 1024
"""Bytes of a webhook's body."""

DEALS: Final = 1000


@dataclass(frozen=True)
class Disk:
    """Bytes of an SQLite file: of a webhook with its body, of one without, of a deal."""

    webhook: int
    kept: int
    deal: int


def measure() -> Disk:
    """Compare files with one webhook a deal and with three, before their bodies are dropped and after."""
    with tempfile.TemporaryDirectory(prefix="disk") as folder:
        one, one_kept = _sizes(Path(folder) / "one.db", 1)
        three, three_kept = _sizes(Path(folder) / "three.db", 3)
    kept = (three_kept - one_kept) // (2 * DEALS)
    return Disk((three - one) // (2 * DEALS), kept, one_kept // DEALS - kept)


def _sizes(path: Path, webhooks: int) -> tuple[int, int]:
    """The bytes of a database with some webhooks a deal, and of the same without their bodies."""
    url = f"sqlite:///{path}"
    schema.migrate(url)
    with closing(Ledger(url, NOW)) as ledger:
        for number in range(webhooks):
            deliveries = [_delivery(deal, number) for deal in range(DEALS)]
            for first in range(0, DEALS, 64):
                ledger.deliver(*deliveries[first : first + 64])
        whole = _compact(url, path)
        with ledger.engine.begin() as connection:
            head = heads.prepared(connection, "office", lock=True)
            log.prune(connection, "office", later(NOW, 40 * DAY), 30, head.pruned)
        return whole, _compact(url, path)


def _compact(url: str, path: Path) -> int:
    copy = path.with_suffix(".copy")
    copy.unlink(missing_ok=True)
    files.back_up(url, copy, lambda _: None)
    return copy.stat().st_size


def _delivery(deal: int, number: int) -> Delivery:
    known: dict[str, str | int | None] = {
        "known": True,
        "name": f"Абонемент {deal}",
        "amount": 518_400 + number,
        "status": "open",
    }
    whose = {"client_id": str(deal), "manager_id": "3", "url": f"https://crm.example/deals/{deal}"}
    change = Change("deal", str(deal), Instant(NOW + number), {**known, **whose})
    key = f"msg_{deal:012}_{number}"
    return Delivery("office", NOW, {"webhook-id": key}, b"x" * BODY, Decoded(key, (change,)))


if __name__ == "__main__":
    sys.stdout.write(f"{measure()}\n")
