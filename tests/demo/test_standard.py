"""The simulated CRM of kind `standard`: what it posts is authentic, and leads to its truth."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from random import Random
from typing import Any

from service.adapters import ADAPTERS
from service.calendar import local_day
from service.config_file import parse
from service.demo.crms.standard import Standard
from service.demo.office import Office
from service.live.board.build import build_snapshot
from service.live.board.ranges import ranges
from service.model import SECOND, Change, Instant, Request
from tests.demo.clock import StillClock
from tests.demo.random_history import Habits, random_history
from tests.demo.truth import changes_of
from tests.ledger.offices import Ledger
from tests.sync.connected import VIEW, plain

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_random_history_leads_to_the_truth(sqlite_ledgers: Callable[[], str]) -> None:
    clock = StillClock()
    crm = Standard(Office(clock), webhook_secret=SECRET)
    own = {"id": "office", "title": "Office", "timezone": "Europe/Moscow", "currency": "RUB"}
    account = parse({"accounts": [{**own, **crm.account()}]}, {}).accounts[0]
    adapter, changes = ADAPTERS[crm.kind], list[Change]()
    for event in random_history(crm.office, Random(1), 500, Habits(unit=1)):
        for webhook in crm.webhooks(event):
            sent = crm.outgoing(webhook, 0)
            headers, moment = dict(sent.headers), int(clock()) * SECOND
            request = Request("POST", "/webhooks/office", {}, headers, sent.body, Instant(moment))
            adapter.authenticate(request, account)
            decoded = adapter.decode(request, account)
            assert decoded.rejections == ()
            changes += decoded.changes
        clock.advance(60)
    now = Instant(int(clock()) * SECOND)
    shown = ranges(VIEW, local_day(now, account.zone))

    def board(known: list[Change]) -> dict[str, Any]:
        with contextlib.closing(Ledger(sqlite_ledgers(), now, account)) as ledger:
            ledger.say(*known)
            return plain(build_snapshot(ledger.read(shown.selections), account, VIEW, shown))

    assert board(changes) == board(changes_of(crm.office))
