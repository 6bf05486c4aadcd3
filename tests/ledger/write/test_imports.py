"""A CSV file in the ledger: it fills in what is not known, wins over nothing, and is no news."""

from __future__ import annotations

import pytest

from service.adapters.csv import file
from service.adapters.csv.file import TIMEZONE
from service.calendar import local_day, parse_instant, shifted
from service.ledger.read.board import Selection
from service.ledger.read.decoding import decode, one_by_one
from service.ledger.upkeep import recompute
from service.ledger.write import log
from service.ledger.write.outcome import Outcome
from service.model import SECOND, Change, Delivery, Instant, Request, earlier, later
from tests.ledger.offices import OFFICE, Ledger

NOW = parse_instant("2026-11-25T10:00:00+03:00")
TODAY = local_day(NOW, OFFICE.zone)
MONTH = Selection(shifted(TODAY, -24), TODAY)
DEALS = """\
id;name;status;amount;closed at;reason;client;manager;updated at
42;Абонемент;lost;5184;23.11.2026;Выбрал других;Иван;Анна;{changed}
43;Пробное;open;900;;;Ольга;Анна;{changed}
"""
TASKS = "id;text;due at;deal id;manager\nt1;позвонить;24.11.2026 15:00;43;Анна\n"


def imported(ledger: Ledger, text: str, now: Instant = NOW) -> Outcome:
    """Import a file, as the command does."""
    request = Request("POST", "", {}, {TIMEZONE: "Europe/Moscow"}, text.encode(), now)
    decoded = file.decode(request, ledger.account)
    assert decoded.rejections == ()
    (outcome,) = ledger.deliver(
        Delivery(ledger.account.id, now, request.headers, request.body, decoded, "import"), now=now
    )
    return outcome


def deals(changed: str = "24.11.2026 12:00:00") -> str:
    return DEALS.format(changed=changed)


def webhook(when: str, deal: str = "43", **fields: str | int | None) -> Change:
    return Change("deal", deal, parse_instant(when), {"known": True, **fields})


def test_a_file_fills_the_board_and_is_no_news(ledger: Ledger) -> None:
    before = ledger.read([MONTH])
    imported(ledger, deals())
    imported(ledger, TASKS)
    read = ledger.read([MONTH], before)
    assert [(row.reason, row.count, row.amount) for row in read.losses[MONTH]] == [
        ("Выбрал других", 1, 518400)
    ]
    assert (
        read.totals["at_risk"]["clients"],
        read.totals["at_risk"]["amount"],
        read.totals["at_risk"]["tasks"],
    ) == (1, 90000, 1)
    assert read.clients["name:ольга"].client == "Ольга"
    assert read.silent
    assert read.last_delivery_at is None  # the CRM was not heard from
    assert ledger.differences() == []


def test_the_same_file_again_changes_nothing(ledger: Ledger) -> None:
    assert imported(ledger, deals()).status == "applied"
    tables = ledger.tables()
    ledger.say(webhook("2026-11-24T13:00:00+03:00", amount=100))
    changed = ledger.tables()
    again = imported(ledger, deals(), later(NOW, 60 * SECOND))
    assert (again.status, again.changed) == ("duplicate", frozenset())
    assert ledger.tables() == changed != tables


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("changed", "when", "amount"),
    [
        ("24.11.2026 12:00:00", "2026-11-24T12:00:01+03:00", 100),
        ("24.11.2026 12:00:00", "2026-11-24T12:00:00+03:00", 100),  # the same change of the CRM's
        ("24.11.2026 12:00:00", "2026-11-24T11:00:00+03:00", 90000),  # a change that the file is newer than
        ("", "2026-11-01T12:00:00+03:00", 100),
        ("25.11.2026 13:00:00", "2026-11-25T10:00:05+03:00", 100),  # its times were in another zone
    ],
)
def test_a_file_wins_over_no_webhook_that_is_as_new(
    ledger: Ledger, changed: str, when: str, amount: int, before: bool
) -> None:
    change = webhook(when, amount=100)
    if before:
        ledger.say(change)
    imported(ledger, deals(changed))
    if not before:
        ledger.say(change)
    ledger.say(Change("task", "t1", NOW, {"deal_id": "43", "due_at": NOW - SECOND}))
    assert ledger.read([MONTH]).totals["at_risk"]["amount"] == amount
    assert ledger.differences() == []


def test_what_was_deleted_stays_deleted(ledger: Ledger) -> None:
    ledger.say(Change("deal", "42", earlier(NOW, 3600 * SECOND), deleted=True))
    imported(ledger, deals(""))
    imported(ledger, deals("24.11.2026 12:00:00"))
    assert ledger.read([MONTH]).losses[MONTH] == ()


def test_state_is_recomputed_from_a_stored_file(ledger: Ledger) -> None:
    imported(ledger, deals())
    imported(ledger, TASKS)
    with ledger.readers.begin() as connection:
        assert {row.source for row in log.everything(connection, "office")} == {"import"}
        decoded = one_by_one(lambda stored: decode(stored, ledger.account))
        differences = recompute.differences_from_log(connection, ledger.account, decoded, lambda _: None)
        assert list(differences) == []
