"""Reasons classified by hand, on both databases: kept, seen by the next read, and computed into nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from service.ledger.read.board import BoardRows, Selection
from service.ledger.read.classified_rows import Classified, ClassifiedReader
from service.ledger.read.deal_rows import RefusalReader
from service.ledger.upkeep import classify as upkeep
from service.ledger.upkeep import purge, recompute
from service.ledger.upkeep.classify import Classifier, TooMany, Verdict, classify
from service.model import SECOND, Change, Day, Instant, Value, later
from service.reasons import Kind
from tests.histories import at
from tests.ledger.offices import Ledger

NOW = at("2026-11-23T10:00:00+03:00")
EVER = Selection(Day(1), Day(10**6))


def say(ledger: Ledger, reason: str, kind: Kind, account: str = "office", now: Instant = NOW) -> int | None:
    with ledger.engine.begin() as connection:
        return classify(connection, account, Verdict(reason, kind, "tablet"), now)


def lose(ledger: Ledger) -> None:
    fields: dict[str, Value] = {"known": True, "status": "lost", "closed_at": NOW, "reason_id": "5"}
    ledger.say(Change("deal", "d", NOW, fields), Change("reason", "5", NOW, {"name": "Дорого"}))


def kinds(read: BoardRows) -> Mapping[str, Kind]:
    return read.by_hand


def test_a_verdict_is_kept_once_for_all_spellings_and_can_be_changed_and_taken_back(ledger: Ledger) -> None:
    assert say(ledger, "Дорого", "controllable") == 1
    assert say(ledger, " дорого", "controllable") is None
    assert kinds(ledger.read()) == {"дорого": "controllable"}
    assert say(ledger, "ДОРОГО", "excluded") == 2
    assert kinds(ledger.read()) == {"дорого": "excluded"}
    assert say(ledger, "дорого", "unclassified") == 3
    assert say(ledger, "дорого", "unclassified") is None
    assert (kinds(ledger.read()), ledger.head.seq) == ({}, 3)


def test_an_open_board_and_a_list_have_it_with_the_next_read_and_other_accounts_never(ledger: Ledger) -> None:
    lose(ledger)
    shown = ledger.read([EVER])
    say(ledger, "Дорого", "objective")
    after = ledger.read([EVER], shown)
    assert (after.seq, kinds(after)) == (shown.seq + 1, {"дорого": "objective"})
    assert after == ledger.read([EVER])
    accounts = {"office": ledger.account}
    with RefusalReader(ledger.database, accounts, ledger.clock).read("office", EVER) as refusals:
        assert refusals.by_hand == {"дорого": "objective"}
    with pytest.raises(LookupError):
        say(ledger, "Дорого", "objective", account="other")


def test_who_and_when_are_listed_newest_first(ledger: Ledger) -> None:
    say(ledger, "Дорого", "objective")
    say(ledger, "Далеко", "excluded", now=later(NOW, SECOND))
    read = ClassifiedReader(ledger.database, {"office": ledger.account}, ledger.clock).read("office")
    assert read.rows == (
        Classified("далеко", "Далеко", "excluded", "tablet", later(NOW, SECOND)),
        Classified("дорого", "Дорого", "objective", "tablet", NOW),
    )
    assert (read.seq, read.as_of) == (2, NOW)


def test_there_is_an_end_to_it(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "MOST", 1)
    say(ledger, "Дорого", "objective")
    with pytest.raises(TooMany):
        say(ledger, "Далеко", "objective")
    assert say(ledger, "Дорого", "excluded") == 2


def test_nothing_is_computed_from_it_and_a_rebuild_keeps_it(ledger: Ledger) -> None:
    lose(ledger)
    before = ledger.tables()
    say(ledger, "Дорого", "excluded")
    assert ledger.tables() == before
    assert ledger.differences() == []
    with ledger.engine.begin() as connection:
        recompute.rebuild(connection, ledger.account, NOW, lambda _: None)
    assert ledger.tables() == before
    assert kinds(ledger.read()) == {"дорого": "excluded"}


def test_a_purge_takes_it_away(ledger: Ledger) -> None:
    lose(ledger)
    say(ledger, "Дорого", "excluded")
    purge.purge(ledger.database, "office", served=True, progress=lambda _: None)
    assert kinds(ledger.read()) == {}


async def test_a_running_service_tells_its_boards_of_each_commit(ledger: Ledger) -> None:
    told: list[Mapping[str, int]] = []
    classifier = Classifier(ledger.database, ledger.clock, [told.append])
    for _ in range(2):
        await classifier.classify("office", Verdict("Дорого", "excluded", "tablet"))
    assert told == [{"office": 1}]
