"""What the head of an account keeps beside its figures: the quarantine, and from when losses are known."""

from __future__ import annotations

import pytest

from service.calendar import local_day
from service.ledger.read.board import Arrived
from service.ledger.read.reader import BoardReader
from service.ledger.upkeep import recompute
from service.ledger.write import invalidations, log
from service.ledger.write.apply import reapply, release
from service.model import DAY, Change, Day, Decoded, Delivery, Instant, Rejection, Source, later
from tests.histories import at
from tests.ledger.offices import OFFICE, Ledger
from tests.ledger.statements import executed

NOW = at("2026-11-23T10:00:00+03:00")
TODAY = local_day(NOW, OFFICE.zone)


def delivery(
    key: str,
    *changes: Change,
    rejected: int = 0,
    source: Source = "webhook",
    received_at: Instant = NOW,
) -> Delivery:
    rejections = tuple(Rejection(0, f"wrong {number}") for number in range(rejected))
    return Delivery("office", received_at, {}, key.encode(), Decoded(key, changes, rejections), source)


def lost(deal_id: str, closed_at: Instant) -> Change:
    return Change(
        "deal", deal_id, NOW, {"known": True, "status": "lost", "closed_at": closed_at, "amount": 1}
    )


def test_deliveries_in_quarantine_are_counted_until_they_are_applied_or_dropped(ledger: Ledger) -> None:
    ledger.deliver(delivery("a", rejected=3), delivery("b", rejected=1), delivery("c"))
    ledger.deliver(delivery("a", rejected=3))
    assert ledger.read().quarantined == 2
    since = ledger.read()
    with ledger.engine.begin() as connection:
        reapply(connection, OFFICE, 1, delivery("a"), NOW)
    assert ledger.read((), since).quarantined == 1
    since = ledger.read()
    with ledger.engine.begin() as connection:
        assert release(connection, "office", 2) == 1
    after = ledger.read((), since)
    assert (after.quarantined, after.seq) == (0, since.seq + 1)


def test_each_of_several_rejections_of_a_part_is_kept(ledger: Ledger) -> None:
    ledger.deliver(delivery("a", rejected=3))
    with ledger.engine.begin() as connection:
        held = log.quarantined(connection, "office")
        assert [(row.part, row.error) for row in held] == [(0, f"wrong {number}") for number in range(3)]
        log.hold(connection, "office", 1, [Rejection(0, "a"), Rejection(1, "b"), Rejection(0, "c")])
        held = log.quarantined(connection, "office")
    assert [(row.part, row.error) for row in held] == [(0, "a"), (0, "c"), (1, "b")]


def test_losses_are_known_from_the_first_webhooks_day_whatever_comes_first(ledger: Ledger) -> None:
    assert ledger.read().known_from is None
    assert not ledger.read().heard
    before = ledger.read()
    ledger.deliver(delivery("answer", lost("1", NOW), source="answer"))
    assert (ledger.read().known_from, ledger.read().heard) == (None, True)
    after = ledger.read(since=before)
    assert (before.arrived, after.arrived) == (None, Arrived(deals=1, tasks=0, clients=0))
    assert ledger.read(since=after).arrived is None
    ledger.deliver(delivery("a", received_at=later(NOW, DAY)), delivery("b"), delivery("c", rejected=1))
    assert ledger.read().known_from == TODAY


def test_an_import_and_a_backfill_make_them_known_from_where_they_begin(ledger: Ledger) -> None:
    ledger.deliver(delivery("a"))
    long_ago = at("2026-09-05T10:00:00+03:00")
    ledger.deliver(delivery("import", lost("1", NOW), lost("2", long_ago), source="import"))
    assert ledger.read().known_from == local_day(long_ago, OFFICE.zone)
    since = ledger.read()
    with ledger.engine.begin() as connection:
        invalidations.refresh(connection, "office", known_from=Day(TODAY - 400))
        invalidations.refresh(connection, "office", known_from=Day(TODAY - 10))
    assert ledger.read((), since).known_from == TODAY - 400


def test_a_rebuild_keeps_them(ledger: Ledger) -> None:
    ledger.deliver(delivery("a", rejected=1))
    with ledger.engine.begin() as connection:
        recompute.rebuild(connection, OFFICE, later(NOW, DAY), lambda _: None)
    assert (ledger.read().known_from, ledger.read().quarantined) == (TODAY, 1)


def test_a_board_at_rest_needs_one_statement(ledger: Ledger) -> None:
    ledger.deliver(delivery("a", lost("1", NOW), rejected=1))
    reader: BoardReader = ledger.reader
    since = reader.read("office", ())
    with executed(ledger.readers) as statements:
        reader.read("office", (), since)
    assert len([text for text, _ in statements if text.startswith("SELECT")]) == 1


@pytest.mark.parametrize("status", ["open", "lost", "won"])
def test_deals_without_a_known_amount_or_a_rate_are_counted_and_listed(ledger: Ledger, status: str) -> None:
    def deal(deal_id: str, **money: str | int | None) -> Change:
        return Change("deal", deal_id, NOW, {"known": True, "status": status, **money})

    ledger.say(deal("1"), deal("2", amount=5, currency="USD"), deal("3", amount=5))
    counted = int(status != "won")
    read = ledger.read()
    assert read.totals["amount_unknown"] == {"deals": counted}
    assert read.unconverted == ({"USD": 1} if counted else {})
    assert ledger.differences() == []
    version = later(NOW, 1)
    ledger.say(*(Change("deal", key, version, {"amount": 1, "currency": "RUB"}) for key in ("1", "2")))
    assert ledger.read().totals["amount_unknown"] == {"deals": 0}
    assert ledger.tables()["unpriced"] == []
