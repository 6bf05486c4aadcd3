"""Sums, rates and currencies at the edges of what can be told, on both databases against the oracle.

Each office has a currency and rates of its own. Its deals and tasks have the largest amounts, the earliest
and latest moments, and the longest ids in any script. Both ledgers have the same tables and the oracle's
figures.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

from service.calendar import EARLIEST, LATEST
from service.ledger.read.board import Selection
from service.model import AMOUNT_LIMIT, COUNTED_LIMIT, Change, Day, Decoded, Delivery, Instant, Value
from tests.adapters.posts import NOW
from tests.databases import PostgresDatabases, SqliteFiles, postgres_server
from tests.histories import numbered
from tests.ledger.offices import OFFICE, Ledger
from tests.oracle import board, comparable

OFFICES: Final = 2_000
DELIVERIES: Final = 12
CURRENCIES: Final = ("RUB", "JPY", "KWD", "USD", "XXX")
IDS: Final = ("1", "\U0010ffff" * 200, "ж" * 200, "a'b\"c\\", "%s {0} :x", "é", "é".upper(), "é", "￿", "🙂")
"""The longest, those that look like parts of a statement, and those that some collations take for equal."""

EVER: Final = Selection(Day(date(1999, 12, 31).toordinal()), Day(date(2101, 1, 2).toordinal()))
MOMENTS: Final = (EARLIEST, Instant(EARLIEST + 1), Instant(NOW - 1), NOW, Instant(NOW + 1), LATEST)


def rate(dice: Random) -> Decimal:
    """Any rate that a configuration can have."""
    whole, part = dice.choice((1, 9, dice.randint(1, 9))), dice.choice((0, 9, dice.randint(0, 9)))
    digits = dice.choice(("0", "9" * whole, str(dice.randrange(1, 10**whole))))
    given = Decimal(
        f"{digits}.{'9' * part if dice.random() < 0.5 else str(dice.randrange(10**part)).zfill(part)}0"
    )
    return given if given > 0 else Decimal("0.000000001")


def amount(dice: Random) -> int | None:
    """Any amount that adapters let through; often one at a bound, or one that a rate makes half a unit."""
    edges = (AMOUNT_LIMIT, COUNTED_LIMIT, COUNTED_LIMIT + 1, COUNTED_LIMIT - 1, 0, 1, 5, 15, 25)
    size = dice.choice((*edges, dice.randint(0, AMOUNT_LIMIT), dice.randint(0, 10**6)))
    return dice.choice((size, size, -size, None))


def change(dice: Random) -> Change:
    """A change of a deal or a task."""
    version = Instant(NOW - dice.choice((0, 1, dice.randrange(10**12))))
    if dice.random() < 0.05:
        return Change(dice.choice(("deal", "task", "client")), dice.choice(IDS), version, deleted=True)
    if dice.random() < 0.4:
        told: dict[str, Value] = {
            "deal_id": dice.choice((*IDS, None)),
            "client_id": dice.choice((*IDS, None)),
            "manager_id": dice.choice((*IDS, None)),
            "due_at": dice.choice((*MOMENTS, None)),
            "completed": dice.random() < 0.4,
            "completed_at": dice.choice((*MOMENTS, None)),
            "text": dice.choice(IDS),
        }
        return Change("task", dice.choice(IDS), version, told)
    told = {
        "known": True,
        "status": dice.choice(("open", "lost", "lost", "won")),
        "amount": amount(dice),
        "currency": dice.choice((*CURRENCIES, None)),
        "closed_at": dice.choice((*MOMENTS, None)),
        "client_id": dice.choice((*IDS, None)),
        "manager_id": dice.choice((*IDS, None)),
        "reason_id": dice.choice((*IDS, None)),
        "pipeline_id": dice.choice((*IDS, None)),
    }
    return Change("deal", dice.choice(IDS), version, told)


def play(dice: Random, offices: int, urls: Sequence[str]) -> dict[str, int | float | str]:
    """Play the histories of some offices on some databases."""
    changes = 0
    with contextlib.ExitStack() as stack:
        ledgers = [stack.enter_context(contextlib.closing(Ledger(url, NOW))) for url in urls]
        for _ in range(offices):
            changes += _office(dice, ledgers)
    return {"offices": offices, "changes": changes}


def _office(dice: Random, ledgers: Sequence[Ledger]) -> int:
    """One office; returns how many changes it had."""
    rates = {currency: rate(dice) for currency in CURRENCIES[:4] if dice.random() < 0.8}
    account = replace(OFFICE, currency=dice.choice(CURRENCIES[:3]), rates=rates)
    history = [
        Delivery("office", NOW, {}, b"", Decoded(f"k{number}", tuple(change(dice) for _ in range(3))))
        for number in range(DELIVERIES)
    ]
    cut = dice.randrange(DELIVERIES)
    for ledger in ledgers:
        ledger.configure(account)
        ledger.restart(NOW)
        for batch in (history[:cut], history[cut:]):
            assert {outcome.status for outcome in ledger.deliver(*batch)} <= {"applied"}
    expected = comparable(board(numbered(history), NOW, account, (EVER,)))
    for ledger in ledgers:
        assert comparable(ledger.read((EVER,))) == expected, account
        assert ledger.tables() == ledgers[0].tables(), account
        assert ledger.differences() == [], account
    return sum(len(delivery.decoded.changes) for delivery in history)


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """See `experiments`."""
    with tempfile.TemporaryDirectory() as folder, postgres_server() as uri:
        urls = SqliteFiles(Path(folder)).migrated(), PostgresDatabases(uri).migrated()
        return play(Random(seed), round(OFFICES * scale), urls)
