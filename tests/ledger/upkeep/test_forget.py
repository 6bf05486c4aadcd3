"""A forgotten person is in no column of any table; figures, log and state agree as before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

import pytest
from sqlalchemy import select

from service.adapters import ADAPTERS
from service.calendar import iso
from service.config import Account
from service.ledger.database.tables import METADATA, QUARANTINE
from service.ledger.read.decoding import decode, one_by_one
from service.ledger.upkeep import recompute
from service.ledger.upkeep.forget import Forgetting, Forgotten, UnknownClient
from service.ledger.write import heads, log, state
from service.model import (
    DAY,
    SECOND,
    Change,
    Decoded,
    Delivery,
    Instant,
    Request,
    Source,
    earlier,
    later,
    merger_id,
)
from tests.histories import HOUR, at
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T12:00:00+03:00")
PETROV = "Секретов Пётр"
SMIRNOVA = "Смирнова Ольга"


def deal(
    deal_id: str, client: Mapping[str, Any] | None, moment: Instant = NOW, **data: Any
) -> dict[str, Any]:
    linked = {} if client is None else {"client": client}
    return {"type": "deal.changed", "timestamp": said(moment), "data": {"id": deal_id, **linked, **data}}


def task(task_id: str, moment: Instant = NOW, **data: Any) -> dict[str, Any]:
    return {"type": "task.changed", "timestamp": said(moment), "data": {"id": task_id, **data}}


def said(moment: Instant) -> str:
    return iso(moment, OFFICE.zone)


def take(
    ledger: Ledger, *events: Mapping[str, Any], raw: bytes | None = None, source: Source = "webhook"
) -> int:
    """Apply a webhook as the adapter decodes it; returns its number."""
    body = raw if raw is not None else json.dumps(events, ensure_ascii=False).encode()
    key = f"w{ledger.head.deliveries + 1}"
    request = Request("POST", "", {}, {"webhook-id": key}, body, ledger.clock.moment)
    decoded = ADAPTERS["standard"].decode(request, OFFICE)
    delivery = Delivery("office", ledger.clock.moment, {"webhook-id": key}, body, decoded, source)
    return ledger.deliver(delivery)[0].number


def forget(ledger: Ledger, client_id: str = "7", *names: str, account: Account = OFFICE) -> Forgotten:
    return Forgetting(
        ledger.database, account, lambda stored: decode(stored, account), ledger.clock.moment, lambda _: None
    ).run(client_id, names)


def everywhere(ledger: Ledger) -> str:
    """Everything that the database holds, as text."""
    with ledger.readers.begin() as connection:
        rows = [tuple(row) for table in METADATA.tables.values() for row in connection.execute(select(table))]
    values = [value for row in rows for value in row]
    return "\n".join(
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values
    )


def assert_whole(ledger: Ledger) -> None:
    """`verify` finds nothing, in state and in the projections."""
    assert ledger.differences() == []
    with ledger.readers.begin() as connection:
        found = recompute.differences_from_log(
            connection, OFFICE, one_by_one(lambda stored: decode(stored, OFFICE)), lambda _: None
        )
        assert list(found) == []


@pytest.fixture
def ledger(sqlite_ledgers: Callable[[], str]) -> Iterator[Ledger]:
    """An office with two clients, each with an overdue promise."""
    opened = Ledger(sqlite_ledgers(), NOW)
    play(opened)
    yield opened
    opened.close()


def play(ledger: Ledger) -> None:
    person = {"id": "7", "name": PETROV}
    take(ledger, deal("42", person, name=f"Абонемент, {PETROV}", amount="5184.00"))
    take(ledger, task("t1", deal_id="42", text="позвонить Петру", due_at=said(earlier(NOW, HOUR))))
    take(ledger, deal("43", {"id": "8", "name": SMIRNOVA}, name="Разовое", amount="100.00"))
    take(
        ledger, task("t2", deal_id="43", text="спросить про ПЕТРА СЕКРЕТОВА", due_at=said(earlier(NOW, HOUR)))
    )
    take(ledger, task("t3", deal_id="43", text="передать: Петр  Секретов", due_at=said(NOW)))


def test_nothing_is_left_of_a_person_and_every_figure_stays(ledger: Ledger) -> None:
    before = ledger.tables()
    done = forget(ledger)
    assert (done.texts, done.released) == (4, 0)
    left = everywhere(ledger)
    for gone in (PETROV, "Абонемент", "Петру", "передать"):
        assert gone not in left
    for kept in (SMIRNOVA, "Разовое", "спросить про"):  # another case of the noun is another word
        assert kept in left
    assert ledger.tables() == before
    assert_whole(ledger)


def test_nothing_is_left_of_a_person_on_postgresql_either(postgres_ledgers: Callable[[], str]) -> None:
    ledger = Ledger(postgres_ledgers(), NOW)
    play(ledger)
    take(ledger, raw=PETROV.encode())
    ledger.clock.moment = later(NOW, HOUR)
    assert forget(ledger).released == 1
    take(ledger, deal("42", {"id": "7", "name": PETROV}, name=PETROV))
    assert PETROV not in everywhere(ledger)
    assert_whole(ledger)
    ledger.close()


def test_the_board_shows_ids_in_place_of_what_was_forgotten(ledger: Ledger) -> None:
    before = ledger.read()
    forget(ledger)
    clients = ledger.read(since=before).clients
    assert clients["7"].client is None
    assert [(row.text, row.deal) for row in clients["7"].tasks] == [(None, None)]
    assert clients["8"].client == SMIRNOVA


def test_bodies_of_others_stay_raw(ledger: Ledger) -> None:
    forget(ledger)
    with ledger.readers.begin() as connection:
        sources = {row.number: row.source for row in log.everything(connection, "office")}
    assert sources == {1: "forget", 2: "forget", 3: "webhook", 4: "webhook", 5: "forget", 6: "forget"}


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps({"type": "deal.changed", "data": {"id": "9", "status": "sold", "who": PETROV}}).encode(),
        quote_plus(json.dumps({"FIRST": "Пётр", "LAST": "Секретов"}, ensure_ascii=False)).encode(),
        f"name;{PETROV.upper()}".encode("cp1251"),
    ],
    ids=["JSON with escapes", "a form", "a file from Windows"],
)
def test_quarantine_keeps_nothing_of_a_person(ledger: Ledger, raw: bytes) -> None:
    strange = take(ledger, raw=raw)
    other = take(ledger, {"type": "deal.changed", "data": {"id": "10", "status": "sold"}})
    done = forget(ledger)
    assert done.released == 1
    with ledger.readers.begin() as connection:
        held = connection.execute(
            select(QUARANTINE.c.number).where(QUARANTINE.c.account == "office")
        ).scalars()
        assert set(held) == {other}
        stored = log.one(connection, "office", strange)
    assert stored is not None
    assert stored.body == b"[]"
    assert ledger.head.quarantined == 1
    assert_whole(ledger)


def test_a_late_webhook_brings_nothing_back_and_a_newer_one_does(ledger: Ledger) -> None:
    ledger.clock.moment = later(NOW, HOUR)
    forget(ledger)
    late = later(NOW, 60 * SECOND)
    take(ledger, deal("42", {"id": "7", "name": PETROV}, late, name=f"Для {PETROV}", amount="6000.00"))
    take(ledger, task("t1", late, text="ждёт Секретов", deal_id="42"), source="sync")
    assert "Секретов" not in everywhere(ledger)
    assert ledger.read().clients["7"].amount == 600_000
    assert_whole(ledger)
    take(ledger, deal("42", {"id": "7", "name": PETROV}, later(NOW, 2 * HOUR)))
    assert PETROV in everywhere(ledger)
    assert_whole(ledger)


def test_the_telephone_number_goes_with_the_name(ledger: Ledger) -> None:
    person = {"id": "7", "name": PETROV, "phone": "+7 900 123-45-67"}
    take(ledger, deal("42", person, later(NOW, SECOND)))
    assert ledger.read().clients["7"].phone == "+79001234567"
    ledger.clock.moment = later(NOW, HOUR)
    assert forget(ledger).texts == 5
    take(ledger, deal("42", person, later(NOW, 2 * SECOND)))  # late
    left = everywhere(ledger)
    assert not any(number in left for number in ("+79001234567", "123-45-67"))
    assert ledger.read().clients["7"].phone is None
    assert_whole(ledger)


def test_what_a_pruned_log_says_of_a_person_goes_too(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        assert log.prune(connection, "office", later(NOW, 31 * DAY), 30, 0) == 5
    forget(ledger)
    assert PETROV not in everywhere(ledger)
    with ledger.readers.begin() as connection:
        assert [row.body for row in log.everything(connection, "office")][:5] == [None] * 5
    assert ledger.differences() == []


def test_a_former_name_goes_too_and_so_does_what_was_linked_once(ledger: Ledger) -> None:
    ledger.clock.moment = later(NOW, HOUR)
    take(ledger, deal("42", {"id": "8"}, ledger.clock.moment))
    take(ledger, deal("44", {"id": "7", "name": "Павлов"}, ledger.clock.moment))
    forget(ledger)
    left = everywhere(ledger)
    assert not any(name in left for name in (PETROV, "Павлов", "Абонемент"))
    assert_whole(ledger)


def test_a_client_that_the_crm_merged_is_the_same_person(ledger: Ledger) -> None:
    ledger.say(Change("client", "6", NOW, {"name": "Пётр С."}))
    ledger.say(Change("merger", merger_id("client", "6"), NOW, {"into_id": "7"}))
    account = OFFICE

    def decode_or_told(stored: log.Stored) -> Any:
        told = {6: Change("client", "6", NOW, {"name": "Пётр С."}), 7: None}
        if stored.number not in told or stored.source == "forget":
            return decode(stored, account)
        return Decoded(stored.key, tuple(filter(None, [told[stored.number]])))

    Forgetting(ledger.database, account, decode_or_told, ledger.clock.moment, lambda _: None).run("6")
    left = everywhere(ledger)
    assert "Пётр С." not in left
    assert PETROV not in left


def test_a_deal_without_a_client_is_forgotten_by_its_own_id(ledger: Ledger) -> None:
    take(ledger, deal("50", None, name="Козлов Илья"))
    forget(ledger, "deal:50")
    left = everywhere(ledger)
    assert "Козлов" not in left
    assert PETROV in left
    assert_whole(ledger)


def test_a_name_that_the_operator_gives_is_looked_for_everywhere(ledger: Ledger) -> None:
    take(ledger, raw="что-то о ПЕТРЕ".encode())
    assert forget(ledger, "7", "Петра Секретова", "Петре").released == 1
    left = everywhere(ledger)
    assert not any(name in left for name in ("ПЕТР", "Пётр", "СЕКРЕТ"))
    assert_whole(ledger)


def test_a_namesake_stays(ledger: Ledger) -> None:
    take(ledger, deal("60", {"id": "9", "name": PETROV}))
    forget(ledger)
    with ledger.readers.begin() as connection:
        assert state.load(connection, "office", "client", ["9"])["9"].values["name"] == PETROV
        assert state.load(connection, "office", "task", ["t3"])["t3"].values["text"] is not None
    assert_whole(ledger)


def test_another_client_with_a_longer_name_stays(ledger: Ledger) -> None:
    take(ledger, deal("61", {"id": "10", "name": f"{PETROV} Ильич"}))
    forget(ledger)
    with ledger.readers.begin() as connection:
        clients = state.load(connection, "office", "client", ["10"])
    assert clients["10"].values["name"] == f"{PETROV} Ильич"
    assert_whole(ledger)


def test_what_comes_while_a_person_is_being_forgotten_is_forgotten_too(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Forgetting._named

    def look_and_let_webhooks_in(*arguments: Any) -> Any:
        found = look(*arguments)
        meanwhile = later(NOW, SECOND)
        take(ledger, deal("42", {"id": "7", "name": PETROV}, meanwhile, name="Павлов"))
        take(ledger, deal("43", None, meanwhile, name=f"вместо {PETROV}"))
        take(ledger, task("t9", meanwhile, deal_id="42", text="Павлов"))
        return found

    monkeypatch.setattr(Forgetting, "_named", look_and_let_webhooks_in)
    forget(ledger)
    left = everywhere(ledger)
    assert not any(name in left for name in (PETROV, "Павлов"))
    assert_whole(ledger)


def test_forgetting_twice_changes_nothing_more(ledger: Ledger) -> None:
    forget(ledger)
    done = forget(ledger)
    assert (done.deliveries, done.texts) == (0, 0)
    assert_whole(ledger)


def test_nobody_of_that_id_is_an_error_and_changes_nothing(ledger: Ledger) -> None:
    seq = ledger.head.seq
    with pytest.raises(UnknownClient, match="office knows nothing of a client 77"):
        forget(ledger, "77")
    assert ledger.head.seq == seq


def test_rules_of_another_node_are_found_before_anything_is_changed(ledger: Ledger) -> None:
    before = everywhere(ledger)
    with pytest.raises(heads.OtherRules):
        forget(ledger, account=replace(OFFICE, currency="USD"))
    assert everywhere(ledger) == before
