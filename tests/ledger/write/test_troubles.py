"""What is wrong between the CRM and the service, on both databases: told, counted and cleared."""

from __future__ import annotations

from collections.abc import Collection

from service.ledger.write import troubles
from service.model import SECOND, Instant, Trouble, TroubleCode, later
from tests.histories import at
from tests.ledger.offices import Ledger

NOW = at("2026-11-23T10:00:00+03:00")
SOON = later(NOW, 60 * SECOND)


def tell(ledger: Ledger, code: TroubleCode, subject: str = "", when: Instant = NOW, times: int = 1) -> None:
    with ledger.engine.begin() as connection:
        troubles.tell(connection, "office", code, subject, when, times)


def clear(ledger: Ledger, codes: Collection[TroubleCode], subject: str | None = None) -> bool:
    with ledger.engine.begin() as connection:
        return troubles.clear(connection, "office", codes, subject)


def read(ledger: Ledger) -> tuple[Trouble, ...]:
    with ledger.readers.begin() as connection:
        return troubles.read(connection, "office")


def test_a_trouble_that_comes_again_keeps_its_beginning_and_is_counted(ledger: Ledger) -> None:
    assert read(ledger) == ()
    tell(ledger, "api_token", "leads")
    tell(ledger, "requests_refused", "token", times=3)
    tell(ledger, "api_token", "leads", SOON, times=2)
    tell(ledger, "api_token", "tasks", SOON)
    assert read(ledger) == (
        Trouble("api_token", "leads", 3, NOW, SOON),
        Trouble("api_token", "tasks", 1, SOON, SOON),
        Trouble("requests_refused", "token", 3, NOW, NOW),
    )


def test_a_subject_has_one_trouble_with_the_api(ledger: Ledger) -> None:
    tell(ledger, "api_token", "leads")
    tell(ledger, "api_token", "tasks")
    tell(ledger, "webhook_off", "leads")
    tell(ledger, "api_unpaid", "leads", SOON)
    assert [(told.code, told.subject, told.since) for told in read(ledger)] == [
        ("api_token", "tasks", NOW),
        ("api_unpaid", "leads", SOON),
        ("webhook_off", "leads", NOW),
    ]


def test_what_is_over_is_cleared_by_subject_by_age_or_in_all(ledger: Ledger) -> None:
    for subject, when in (("leads", NOW), ("tasks", NOW), ("users", SOON), ("ahead", later(SOON, 1))):
        tell(ledger, "api_token", subject, when)
    tell(ledger, "webhook_off")
    assert clear(ledger, troubles.API_CODES, "leads")
    assert not clear(ledger, troubles.API_CODES, "leads")
    assert not clear(ledger, ["api_junk"])
    with ledger.engine.begin() as connection:
        troubles.clear(connection, "office", troubles.API_CODES, spared=(SOON, SOON))
    assert [(told.code, told.subject) for told in read(ledger)] == [
        ("api_token", "users"),
        ("webhook_off", ""),
    ]
    assert clear(ledger, troubles.API_CODES)
    assert [told.code for told in read(ledger)] == ["webhook_off"]


def test_a_state_is_stored_once_and_changes_its_subject(ledger: Ledger) -> None:
    def state(subject: str | None, when: Instant = NOW) -> bool:
        with ledger.engine.begin() as connection:
            return troubles.state(connection, "office", "reason_field", subject, when)

    assert not state(None)
    assert state("Причина")
    seq = ledger.read().seq
    assert state("Причина", SOON)
    assert ledger.read().seq == seq
    assert state("Reason", SOON)
    assert read(ledger) == (Trouble("reason_field", "Reason", 1, SOON, SOON),)
    assert state(None)
    assert not state(None)
    assert read(ledger) == ()


def test_open_boards_read_a_trouble_when_it_changes_and_only_then(ledger: Ledger) -> None:
    before = ledger.read()
    tell(ledger, "webhook_off")
    told = ledger.read((), before)
    assert [trouble.code for trouble in told.troubles] == ["webhook_off"]
    assert (told.seq, told.silent) == (before.seq + 1, False)
    assert not clear(ledger, troubles.API_CODES)
    assert ledger.read((), told).seq == told.seq
    assert clear(ledger, ["webhook_off"])
    cleared = ledger.read((), told)
    assert (cleared.troubles, cleared.seq) == ((), told.seq + 1)
