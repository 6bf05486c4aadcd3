"""How the disk fills: what a delivery and a deal leave behind on SQLite, before and after retention.

An office's deals are made, changed and closed by webhooks. Then the file is measured as it is, without
bodies, and without deliveries, each time after VACUUM: the differences are what each of them takes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import delete

from bench.load import told
from bench.office import ACCOUNT, NOW
from bench.rows import Row
from service.adapters import ADAPTERS
from service.ledger.database import schema
from service.ledger.database.database import Database
from service.ledger.database.sqlite import driver
from service.ledger.database.tables import DELIVERIES, INVALIDATIONS
from service.ledger.write import heads, log
from service.ledger.write.apply import apply
from service.model import DAY, SECOND, Delivery, Request, later

DEALS: Final = 20_000
CHANGES: Final = 5
"""Webhooks of a deal: made, changed three times, closed."""

KEEP_DAYS: Final = 30
BATCH: Final = 64

_HOW: Final = (
    f"{DEALS} deals, four of a client, {CHANGES} webhooks each, on SQLite: the size of the file as it is, "
    "without bodies, and without deliveries, after VACUUM; the differences."
)
BODY: Final = Row("disk, bytes of a delivery that retention drops", None, _HOW)
KEPT: Final = Row("disk, bytes of a delivery that stay", None, _HOW)
DEAL: Final = Row("disk, bytes of a deal with its client and figures", None, _HOW)
ROWS: Final = (BODY, KEPT, DEAL)


class _Sizes(NamedTuple):
    """Bytes of the file."""

    whole: int
    without_bodies: int
    without_deliveries: int


def run() -> Iterator[Row]:
    """Measure the three."""
    with tempfile.TemporaryDirectory() as name:
        sizes = _sizes(Path(name) / "office.db")
    deliveries = DEALS * CHANGES
    value = ", ".join(f"{size / 1e6:.1f} MB" for size in sizes)
    yield BODY.measured(
        f"{value}; a body has {len(_delivery(0).body)} bytes",
        [(sizes.whole - sizes.without_bodies) / deliveries],
    )
    yield KEPT.measured("", [(sizes.without_bodies - sizes.without_deliveries) / deliveries])
    yield DEAL.measured("", [sizes.without_deliveries / DEALS])


def _sizes(path: Path) -> _Sizes:
    url = f"sqlite:///{path}"
    schema.migrate(url)
    database = Database(url)
    with database.writing() as connection:
        heads.ensure(connection, ACCOUNT, NOW)
    for first in range(0, DEALS * CHANGES, BATCH):
        numbers = range(first, min(first + BATCH, DEALS * CHANGES))
        with database.writing() as connection:
            deliveries = [_delivery(number) for number in numbers]
            apply(connection, ACCOUNT, deliveries, deliveries[-1].received_at)
    whole = _vacuumed(path)
    pruned = 0
    while pruned < DEALS * CHANGES:
        with database.writing() as connection:
            pruned = log.prune(connection, ACCOUNT.id, later(NOW, 2 * KEEP_DAYS * DAY), KEEP_DAYS, pruned)
    without_bodies = _vacuumed(path)
    with database.writing() as connection:
        for table in (DELIVERIES, INVALIDATIONS):
            connection.execute(delete(table))
    database.close()
    return _Sizes(whole, without_bodies, _vacuumed(path))


def _delivery(number: int) -> Delivery:
    at = datetime.fromtimestamp(NOW / SECOND, UTC) + timedelta(seconds=number)
    body, headers = told(number % DEALS, "d", at).encode(), {"webhook-id": f"msg_{number:026}"}
    received = later(NOW, number * SECOND)
    decoded = ADAPTERS[ACCOUNT.crm].decode(Request("POST", "", {}, headers, body, received), ACCOUNT)
    return Delivery(ACCOUNT.id, received, headers, body, decoded)


def _vacuumed(path: Path) -> int:
    connection = driver.connect(str(path))
    connection.execute("VACUUM")
    connection.close()
    return path.stat().st_size
