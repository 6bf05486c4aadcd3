"""An answer's `true_at` is no later than the moment at which the vendor made it, by any clock that dates
changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest

from service.adapters.amocrm.api import AmoCRMApi
from service.adapters.api import Call
from service.demo.crms.amocrm.crm import AmoCRM
from service.demo.office import Office
from service.model import SECOND, Instant
from service.sync.client import Client
from tests.demo.clock import START, StillClock
from tests.sync.connected import WaitingClock
from tests.sync.crms import CRMS

HALF = round((START + 0.5) * SECOND)


async def true_at(date: Callable[[], datetime] | None, takes: float = 0.0, set_back: float = 0.0) -> Instant:
    """`true_at` of an answer with that date that takes so many seconds. Our clock is set back meanwhile."""
    clock = StillClock(START + 0.5)
    waiting = WaitingClock(clock)

    def answer(_request: httpx.Request) -> httpx.Response:
        headers = {} if date is None else {"date": format_datetime(date(), usegmt=True)}
        clock.advance(takes)
        waiting.set_back = set_back
        return httpx.Response(204, headers=headers)

    account = CRMS["amocrm"].account(AmoCRM(Office(clock)))
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        client = Client(account, AmoCRMApi(), http, waiting, lambda _verdict: None)
        return (await client.send(Call("leads", "/api/v4/leads"))).true_at


@pytest.mark.parametrize(
    ("behind", "takes", "seconds"),
    [
        (None, 0.0, 0),  # no date: our clock when it was asked
        (0, 0.0, 0),
        (0, 3.0, -3),  # the answer may have been made when it was asked, three seconds ago
        (60, 0.0, -60),  # the vendor's clock is behind ours: its changes are dated by that
        (-60, 0.0, 0),  # ours is: what comes by webhook without a date is dated by ours
    ],
)
async def test_an_answer_is_true_before_any_change_that_came_after_it(
    behind: int | None, takes: float, seconds: int
) -> None:
    date = None if behind is None else lambda: datetime.fromtimestamp(START - behind, UTC)
    # Vendors date changes by the second: all of the second of asking came after it.
    assert await true_at(date, takes) == round((START + seconds) * SECOND) - 1


@pytest.mark.parametrize("set_back", [7200.0, -7200.0])
async def test_a_clock_that_is_set_during_a_call_dates_no_answer(set_back: float) -> None:
    date = datetime.fromtimestamp(START, UTC)
    assert await true_at(lambda: date, 3.0, set_back) == round((START - 3) * SECOND) - 1
