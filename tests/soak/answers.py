"""What is not posted, almost sound: answers of every vendor's API, and imported files."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from service.adapters.api import Answer, Call
from service.commands import operations
from service.commands.import_csv import ImportFailed, read
from service.config import Config
from service.demo.office import Office
from service.ledger.database.errors import Unavailable
from service.ledger.write import log, syncs
from service.ledger.write.syncs import SyncRun
from service.model import SECOND, Decoded, Delivery, later
from service.sync.runner import AccountSync
from tests.adapters.posts import NOW
from tests.clocks import StandingClock
from tests.demo.clock import StillClock
from tests.ledger.offices import Ledger
from tests.soak.mutation import Mutator
from tests.soak.proofs import accounts, samples
from tests.sync.connected import Connected, connected
from tests.sync.crms import CRMS

STATUSES: Final = (200, 201, 202, 204, 206, 301, 304, 400, 401, 402, 403, 404, 409, 410, 429, 451, 500, 503, 599)
HEADERS: Final[Sequence[dict[str, str]]] = (
    {"content-type": "text/html"},
    {"retry-after": "-1"},
    {"retry-after": "9" * 400},
    {"date": "Fri, 31 Dec 9999 23:59:59 GMT", "content-type": "application/json"},
    {"date": "\x00", "location": "javascript:x"},
)


@dataclass
class Spoiler:
    """Stands between an account's sync and its CRM, and spoils a third of the answers."""

    dice: Random
    spoiled: int = 0
    _seen: list[bytes] = field(default_factory=list)

    def meet(self, sync: AccountSync) -> None:
        """Take the place of what sends the calls of a sync."""
        client = sync._crm.client
        send = client._send

        async def sending(call: Call) -> Answer:
            return self._spoiled(await send(call))

        client._send = sending  # type: ignore[method-assign]

    def _spoiled(self, good: Answer) -> Answer:
        if good.body[:1] in (b"{", b"["):
            self._seen = [*self._seen[-20:], good.body]
        if not self._seen or self.dice.random() < 0.6:
            return good
        self.spoiled += 1
        if self.dice.random() < 0.2:
            headers = self.dice.choice(HEADERS)
            return replace(good, status=self.dice.choice(STATUSES), headers={**good.headers, **headers})
        own = [good.body] if good.body[:1] in (b"{", b"[") and self.dice.random() < 0.9 else self._seen
        return replace(good, body=Mutator(own, self.dice).body())


async def api_answers(dice: Random, count: int, ledgers: Callable[[], str]) -> dict[str, int]:
    """Spoil answers of each CRM's API, until so many are spoiled. Nothing but a database that is away is raised,
    no answer finds a defect, and `verify` is clean."""
    spoiled = 0
    for name, connection in CRMS.items():
        clock = StillClock()
        office = Office(clock)
        vendor = connection.vendor(office)
        _happen(office, dice)
        spoiler = Spoiler(dice)
        async with connected(vendor, connection.account(vendor), clock, ledgers, seed=1) as service:
            spoiler.meet(service.sync)
            while spoiler.spoiled < count // len(CRMS):
                await _reconcile(service, office, dice)
            held = await service.quarantined()
            assert [row for row in held if row.detail or "defect" in row.error] == [], name
            config = Config(service.database.url, (service.account,))
            assert list(operations.verify(config, service.account, lambda _: None).differences) == [], name
        spoiled += spoiler.spoiled
    return {"API answers": spoiled}
