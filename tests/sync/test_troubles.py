"""When trouble with a CRM is told, and when it is over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass

import pytest

from service.adapters.api import ANSWERED, GONE, JUNK, Answer, Call, Verdict, busy, refused
from service.ledger.write import troubles
from service.model import SECOND, Trouble
from service.sync.client import CallResult
from service.sync.troubles import FRESH, JUNK_TRIES, SILENT_SECONDS, Troubles
from tests.demo.clock import StillClock
from tests.ledger.offices import OFFICE, Ledger
from tests.sync.connected import WaitingClock


@dataclass
class Told:
    """The troubles of one account, and what is stored of them."""

    ledger: Ledger
    clock: WaitingClock
    troubles: Troubles

    async def note(self, verdict: Verdict, resource: str = "leads") -> list[tuple[str, str, int]]:
        """Note a result; returns the code, the subject and the count of each trouble that is stored."""
        await self.troubles.note(CallResult(Call(resource, "/"), verdict, Answer(0), self.clock.now()))
        return [(told.code, told.subject, told.count) for told in self.stored()]

    def stored(self) -> tuple[Trouble, ...]:
        """What is stored."""
        with self.ledger.readers.begin() as connection:
            return troubles.read(connection, "office")

    def restart(self) -> None:
        """Continue in another process."""
        self.troubles = Troubles("office", self.ledger.database, self.clock)


@pytest.fixture
async def told(sqlite_ledgers: Callable[[], str]) -> AsyncIterator[Told]:
    clock = WaitingClock(StillClock())
    with closing(Ledger(sqlite_ledgers(), clock.now(), OFFICE)) as ledger:
        yield Told(ledger, clock, Troubles("office", ledger.database, clock))


async def test_a_refusal_is_told_at_once_and_goes_with_the_first_answer(told: Told) -> None:
    assert await told.note(refused("api_unpaid")) == [("api_unpaid", "leads", 1)]
    assert await told.note(refused("api_unpaid")) == [("api_unpaid", "leads", 2)]
    assert await told.note(ANSWERED, "tasks") == [("api_unpaid", "leads", 2)]
    assert await told.note(ANSWERED) == []


async def test_a_thing_that_is_gone_is_an_answer(told: Told) -> None:
    await told.note(refused("api_unpaid"))
    assert await told.note(GONE) == []


async def test_junk_is_told_after_some_tries(told: Told) -> None:
    for _ in range(JUNK_TRIES - 1):
        assert await told.note(JUNK) == []
    assert await told.note(JUNK) == [("api_junk", "leads", 1)]


async def test_an_answer_between_them_begins_the_tries_again(told: Told) -> None:
    for _ in range(JUNK_TRIES - 1):
        await told.note(JUNK)
    await told.note(ANSWERED)
    assert await told.note(JUNK) == []


async def test_an_api_that_is_out_of_reach_is_told_after_some_time_with_since_when(told: Told) -> None:
    began_at = told.clock.now()
    assert await told.note(busy()) == []
    told.clock.still.advance(SILENT_SECONDS - 1)
    assert await told.note(busy()) == []
    told.clock.still.advance(1)
    assert [code for code, _, _ in await told.note(busy())] == ["api_unreachable"]
    assert told.stored()[0].since == began_at


async def test_what_another_process_told_goes_with_the_first_answer(told: Told) -> None:
    await told.note(refused("api_token"))
    told.restart()
    assert await told.note(ANSWERED) == []


async def test_the_webhook_is_off_until_it_is_on(told: Told) -> None:
    assert await told.troubles.webhook_off(is_off=True)
    assert [trouble.code for trouble in told.stored()] == ["webhook_off"]
    assert await told.note(ANSWERED) == [("webhook_off", "", 1)]
    assert await told.troubles.webhook_off(is_off=False)
    assert not await told.troubles.webhook_off(is_off=False)
    assert told.stored() == ()


async def test_another_refusal_takes_the_place_of_the_first(told: Told) -> None:
    await told.note(refused("api_token"))
    assert await told.note(refused("api_unpaid")) == [("api_unpaid", "leads", 1)]


async def test_lists_and_questions_by_id_are_apart(told: Told) -> None:
    by_id = Call("leads", "/", asked=("1",))
    await told.note(refused("api_token"))
    await told.troubles.note(CallResult(by_id, ANSWERED, Answer(204), told.clock.now()))
    assert [trouble.subject for trouble in told.stored()] == ["leads"]
    await told.troubles.note(CallResult(by_id, refused("api_token"), Answer(401), told.clock.now()))
    assert [trouble.subject for trouble in told.stored()] == ["leads", "leads by id"]


async def test_a_complete_run_ends_what_does_not_come_again(told: Told) -> None:
    await told.note(refused("api_token"))
    told.clock.still.advance(FRESH / SECOND)
    await told.note(refused("api_forbidden"), "webhooks")
    told.restart()
    told.clock.still.advance(1)
    await told.troubles.complete()
    assert [(trouble.code, trouble.subject) for trouble in told.stored()] == [("api_forbidden", "webhooks")]


async def test_a_field_is_missing_until_it_is_there(told: Told) -> None:
    assert await told.troubles.missing_field("Причина")
    told.restart()
    assert [(trouble.code, trouble.subject) for trouble in told.stored()] == [("reason_field", "Причина")]
    assert await told.troubles.missing_field(None)
    assert told.stored() == ()
