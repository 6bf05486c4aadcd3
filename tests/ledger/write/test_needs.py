"""Needs, on both databases: stored with the delivery that wants them, once each, until they are settled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from service.config import Api, Secret
from service.ledger.write import needs
from service.ledger.write.needs import Wanted
from service.ledger.write.outcome import Outcome
from service.model import SECOND, Change, Decoded, Delivery, Instant, Need, Source, earlier, later
from tests.histories import at
from tests.ledger.offices import OFFICE, Ledger
from tests.ledger.statements import counted

NOW = at("2026-11-23T10:00:00+03:00")
ASKED = replace(OFFICE, crm="amocrm", api=Api(Secret("token"), "https://crm.example"))
DEAL = Need("deal", "42")
ANNA = Need("manager", "3")


@pytest.fixture
def asking(ledger_url: str) -> Iterator[Ledger]:
    """The ledger of an account that has an API."""
    opened = Ledger(ledger_url, NOW, ASKED)
    yield opened
    opened.close()


def deliver(
    ledger: Ledger,
    key: str,
    *changes: Change,
    wants: Sequence[Need] = (),
    settles: dict[Need, int] | None = None,
    source: Source = "webhook",
) -> Outcome:
    decoded = Decoded(key, changes, needs=tuple(wants))
    return ledger.deliver(Delivery("office", NOW, {}, key.encode(), decoded, source, settles or {}))[0]


def due(ledger: Ledger, now: Instant = NOW, limit: int = 10) -> list[Wanted]:
    with ledger.readers.begin() as connection:
        return needs.due(connection, "office", now, limit)


def postpone(ledger: Ledger, wanted: Sequence[Wanted], until: Instant) -> None:
    with ledger.engine.begin() as connection:
        needs.postpone(connection, "office", wanted, {late.need: until for late in wanted})


def test_a_need_is_one_row_that_knows_who_wanted_it_last(asking: Ledger) -> None:
    deliver(asking, "a", wants=[DEAL, DEAL, ANNA])
    deliver(asking, "b", wants=[DEAL])
    assert due(asking) == [Wanted(DEAL, 2, 0), Wanted(ANNA, 1, 0)]
    with asking.readers.begin() as connection:
        assert needs.count(connection, "office") == 2
        assert needs.count(connection, "other") == 0


def test_an_account_whose_api_is_not_asked_has_no_needs(ledger: Ledger) -> None:
    deliver(ledger, "a", wants=[DEAL])
    assert due(ledger) == []


def test_a_name_that_is_known_is_not_wanted(asking: Ledger) -> None:
    deliver(asking, "a", Change("manager", "3", NOW, {"name": "Анна"}), wants=[ANNA])
    assert due(asking) == []
    deliver(asking, "b", Change("manager", "3", later(NOW, 1), {"name": None}), wants=[ANNA])
    assert due(asking) == [Wanted(ANNA, 2, 0)]


@pytest.mark.parametrize(
    "change", [Change("task", "t1", NOW, {"deal_id": "42"}), Change("deal", "42", NOW, {"name": "linked"})]
)
def test_a_deal_that_is_only_linked_to_is_wanted(asking: Ledger, change: Change) -> None:
    deliver(asking, "a", change)
    assert due(asking) == [Wanted(DEAL, 1, 0)]


def test_the_names_of_what_a_change_links_to_are_wanted_while_they_are_not_known(asking: Ledger) -> None:
    linked = Change(
        "deal",
        "42",
        NOW,
        {"known": True, "client_id": "company:7", "manager_id": "3", "reason_id": "9", "pipeline_id": None},
    )
    client, reason = Need("client", "company:7"), Need("reason", "9")
    deliver(asking, "a", linked, Change("task", "t1", NOW, {"manager_id": "3", "client_id": ""}))
    assert due(asking) == [Wanted(client, 1, 0), Wanted(ANNA, 1, 0), Wanted(reason, 1, 0)]
    deliver(asking, "b", Change("manager", "3", NOW, {"name": "Анна"}), settles={ANNA: 1}, source="answer")
    deliver(asking, "c", linked)
    assert due(asking) == [Wanted(client, 3, 0), Wanted(reason, 3, 0)]


def test_a_link_that_a_newer_change_has_replaced_is_not_wanted(asking: Ledger) -> None:
    deliver(asking, "a", Change("deal", "42", NOW, {"known": True, "manager_id": None}))
    deliver(asking, "late", Change("deal", "42", earlier(NOW, 1), {"known": True, "manager_id": "3"}))
    assert due(asking) == []


def test_what_a_deleted_client_has_open_is_wanted_again(asking: Ledger) -> None:
    for name, entity, fields in (
        ("open", "deal", {"known": True, "client_id": "7"}),
        ("won", "deal", {"known": True, "client_id": "7", "status": "won"}),
        ("else", "deal", {"known": True, "client_id": "8"}),
        ("todo", "task", {"client_id": "7", "completed": False}),
        ("done", "task", {"client_id": "7", "completed": True}),
    ):
        deliver(asking, name, Change(entity, name, NOW, fields))  # type: ignore[arg-type]  # of the table
    deliver(asking, "named", *(Change("client", id, NOW, {"name": id}) for id in ("7", "8")))
    deliver(asking, "gone", Change("client", "7", later(NOW, 1), deleted=True))
    wanted = [one for one in due(asking) if one.need.entity in ("deal", "task")]
    assert wanted == [Wanted(Need("deal", "open"), 7, 0), Wanted(Need("task", "todo"), 7, 0)]


def test_needs_cost_two_statements_however_many_there_are(asking: Ledger) -> None:
    def statements(first: int, deals: int) -> int:
        with counted(asking.engine) as texts:
            deliver(
                asking,
                f"from {first}",
                *(
                    Change("deal", f"d{n}", NOW, {"client_id": f"c{n}", "manager_id": f"m{n}"})
                    for n in range(first, first + deals)
                ),
            )
        return len([text for text in texts if "needs" in text or "name !=" in text])

    assert [statements(0, 1), statements(1, 50)] == [2, 2]
    assert len(due(asking, limit=1_000)) == 3 * 51


def test_a_need_that_was_wanted_again_is_not_settled_by_the_older_answer(asking: Ledger) -> None:
    deliver(asking, "a", wants=[DEAL])
    deliver(asking, "b", wants=[DEAL])
    deliver(asking, "answer to a", settles={DEAL: 1}, source="answer")
    assert due(asking) == [Wanted(DEAL, 2, 0)]
    deliver(asking, "answer to b", settles={DEAL: 2}, source="answer")
    assert due(asking) == []


def test_a_duplicate_of_an_answer_settles_what_it_answers(asking: Ledger) -> None:
    deliver(asking, "answer", source="answer")
    deliver(asking, "a", wants=[DEAL])
    again = deliver(asking, "answer", settles={DEAL: 2}, source="answer")
    assert again.status == "duplicate"
    assert due(asking) == []


def test_a_need_that_a_call_failed_to_answer_keeps_its_place_when_it_is_wanted_again(asking: Ledger) -> None:
    deliver(asking, "a", wants=[DEAL, ANNA])
    postpone(asking, due(asking)[:1], later(NOW, 60 * SECOND))
    deliver(asking, "b", wants=[DEAL])
    assert due(asking) == [Wanted(ANNA, 1, 0)]
    assert due(asking, later(NOW, 60 * SECOND)) == [Wanted(ANNA, 1, 0), Wanted(DEAL, 2, 1)]
    with asking.readers.begin() as connection:
        assert needs.next_at(connection, "office") == NOW
        assert needs.next_at(connection, "other") is None


def test_those_that_have_waited_longest_come_first(asking: Ledger) -> None:
    wanted = [Need("deal", str(number)) for number in range(5)]
    deliver(asking, "a", wants=wanted)
    postpone(asking, [Wanted(wanted[0], 1, 0)], later(NOW, SECOND))
    assert [late.need.id for late in due(asking, later(NOW, SECOND), 3)] == ["1", "2", "3"]
    assert [late.need.id for late in due(asking, later(NOW, SECOND))] == ["1", "2", "3", "4", "0"]
