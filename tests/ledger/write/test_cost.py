"""One delivery costs the same however much there is: statements are counted."""

from __future__ import annotations

from service.ledger.database.tables import INDEXED, STATE
from service.ledger.read.board import Selection
from service.ledger.write.batch.cache import Cache
from service.model import Change, Day, Instant, Value
from tests.histories import HOUR, at
from tests.ledger.offices import Ledger
from tests.ledger.statements import counted

NOW = at("2026-11-23T12:00:00+03:00")


def deal(number: int) -> Change:
    return Change("deal", f"d{number}", NOW, {"known": True, "amount": 100, "client_id": "walk-in"})


def overdue(number: int) -> Change:
    fields: dict[str, Value] = {"deal_id": f"d{number}", "due_at": NOW - HOUR, "manager_id": "m"}
    return Change("task", f"t{number}", NOW, fields)


def cost(ledger: Ledger, version: int) -> int:
    """Statements that one re-priced deal of the walk-in client costs, with an overdue task on it, when no row
    is known."""
    ledger.cache = Cache()
    with counted(ledger.engine) as statements:
        ledger.say(Change("deal", "d0", Instant(NOW + version), {"amount": 100 + version}))
    return len(statements)


def test_a_popular_client_and_manager_cost_no_more_statements(ledger: Ledger) -> None:
    ledger.say(*(change for number in range(10) for change in (deal(number), overdue(number))))
    few = cost(ledger, 1)
    ledger.say(*(change for number in range(10, 3000) for change in (deal(number), overdue(number))))
    assert cost(ledger, 2) == few
    assert few < 40
    assert ledger.read().totals["at_risk"]["amount"] == 300_002


def test_rows_that_the_last_commit_wrote_are_not_read_again(ledger: Ledger) -> None:
    ledger.say(deal(1), overdue(1))
    with counted(ledger.engine) as statements:
        ledger.say(Change("deal", "d1", Instant(NOW + 1), {"status": "lost"}))
    read = [text for text in statements if text.startswith("SELECT")][1:]  # `say` reads the head
    assert ["heads.seq" in read[0], "deliveries.content" in read[1], len(read)] == [True, True, 2]


def test_a_change_that_no_search_is_by_writes_no_index(ledger: Ledger) -> None:
    ledger.say(deal(1), overdue(1))
    with counted(ledger.engine) as statements:
        ledger.say(
            Change("deal", "d1", Instant(NOW + 1), {"amount": 5}),
            Change("task", "t1", Instant(NOW + 1), {"text": "Call"}),
        )
    for entity, table in STATE.items():
        written = [
            text for text in statements if text.startswith((f"UPDATE {table}", f"INSERT INTO {table} "))
        ]
        assert len(written) == (entity in ("deal", "task"))
        for name in INDEXED[entity]:
            assert name not in " ".join(text.partition(" FROM ")[0] for text in written)
    assert ledger.differences() == []


def test_a_late_change_writes_no_row_of_state(ledger: Ledger) -> None:
    ledger.say(deal(1), overdue(1))
    late = Instant(NOW - HOUR)
    with counted(ledger.engine) as statements:
        ledger.say(Change("deal", "d1", late, {"amount": 5}), Change("task", "t1", late, {"manager_id": "n"}))
    state = tuple(f"{verb} {table} " for table in STATE.values() for verb in ("INSERT INTO", "UPDATE"))
    assert [text for text in statements if text.startswith(state)] == []


def test_a_board_at_rest_is_read_with_one_statement(ledger: Ledger) -> None:
    selections = [Selection(Day(1), Day(10**6)), Selection(Day(1), Day(10**6), "m")]
    ledger.say(deal(1), overdue(1))
    shown = ledger.read(selections)
    ledger.clock.moment = Instant(ledger.clock.moment + HOUR)
    with counted(ledger.readers) as statements:
        later = ledger.read(selections, shown)
    assert len([text for text in statements if "FROM" in text]) == 1
    assert later == ledger.read(selections)
    assert later.managers[0].late_7d.mean_s == shown.managers[0].late_7d.mean_s + 3600


def test_every_statement_names_the_account(ledger: Ledger) -> None:
    with counted(ledger.engine) as written, counted(ledger.readers) as read:
        ledger.say(deal(1), overdue(1))
        ledger.say(Change("deal", "d1", Instant(NOW + 1), deleted=True))
        ledger.tick(Instant(NOW + 48 * HOUR))
        ledger.read([Selection(Day(1), Day(2), "m")], ledger.read([Selection(Day(1), Day(2))]))
        assert ledger.differences() == []
    statements = written + read
    assert len(statements) > 50
    for statement in statements:
        if not statement.startswith(("BEGIN", "PRAGMA", "SELECT pg_catalog", "show ")):
            assert "account" in statement, statement
