"""What is not posted, almost sound: answers of every vendor's API, and imported files."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from sqlalchemy import Connection

from service.adapters.api import Answer, Call
from service.adapters.fields import digest
from service.commands.crm.import_csv import ImportFailed, read
from service.demo.office import Office
from service.ledger.read.decoding import decode, one_by_one
from service.ledger.upkeep import recompute
from service.ledger.upkeep.recompute import Difference
from service.ledger.write import syncs
from service.ledger.write.syncs import SyncRun
from service.model import Decoded, Delivery
from service.sync.runner import AccountSync
from tests.adapters.posts import NOW
from tests.clocks import StandingClock
from tests.demo.clock import StillClock
from tests.ledger.offices import Ledger
from tests.soak.mutation import EDGES, Mutator
from tests.soak.proofs import accounts, samples
from tests.sync.connected import Connected, connected
from tests.sync.crms import CRMS

TURNS: Final = 40
"""Turns of a sync before everything is asked again."""

STATUSES: Final = (
    200,
    201,
    202,
    204,
    206,
    301,
    304,
    400,
    401,
    402,
    403,
    404,
    409,
    410,
    429,
    451,
    500,
    503,
    599,
)
HEADERS: Final[Sequence[dict[str, str]]] = (
    {"content-type": "text/html"},
    {"retry-after": "-1"},
    {"retry-after": "9" * 400},
    {"date": "Fri, 31 Dec 9999 23:59:59 GMT", "content-type": "application/json"},
    {"date": "\x00", "location": "javascript:x"},
)


@dataclass
class Spoiler:
    """Stands between an account's sync and its CRM, and spoils some of the answers."""

    dice: Random
    spoiled: int = 0
    _seen: list[bytes] = field(default_factory=list)
    """The last answers in JSON."""

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
    """Spoil so many answers of the API of each CRM. Nothing is raised, no answer finds a defect, and `verify`
    is clean."""
    spoiled = 0
    for name, connection in CRMS.items():
        clock = StillClock()
        office = Office(clock)
        vendor = connection.vendor(office)
        for number in range(12):
            _happen(office, number)
        spoiler = Spoiler(dice)
        async with connected(vendor, connection.account(vendor), clock, ledgers) as service:
            spoiler.meet(service.sync)
            while spoiler.spoiled < count // len(CRMS):
                await _reconcile(service)
            await _check(service, name)
        spoiled += spoiler.spoiled
    return {"API answers": spoiled}


def _happen(office: Office, number: int) -> None:
    """A client with a deal, a task, and now and then a loss."""
    client = office.add_client(f"Клиент {number}", company=number % 3 == 0)
    deal = office.add_deal("Абонемент", 518_400 + 100 * number, client.id, 31, next(iter(office.pipelines)))
    due_at = int(office.now()) - 3600 * number
    office.add_task("позвонить", 31, due_at, deal_id=deal.id)
    if number % 2:
        office.lose(deal.id, next(iter(office.reasons.values())))


async def _reconcile(service: Connected) -> None:
    """Begin again, and go on as long as there is something to do; nobody waits for a vendor in trouble."""
    run = SyncRun("backfill", service.clock.now())
    await service.database.write(lambda connection: syncs.begin(connection, "office", run))
    service.sync._webhook_checked_at = service.sync._field_checked_at = None
    for _ in range(TURNS):
        service.clock.still.advance(max(0.0, service.sync._back_off_until - service.clock.monotonic()))
        await service.sync.turn()


async def _check(service: Connected, name: str) -> None:
    held = await service.quarantined()
    assert [row for row in held if row.detail or "defect" in row.error] == [], name

    def differences(connection: Connection) -> list[Difference]:
        account = service.account
        return [
            *recompute.differences_from_state(connection, account, lambda _: None),
            *recompute.differences_from_log(
                connection, account, one_by_one(lambda stored: decode(stored, account)), lambda _: None
            ),
        ]

    assert await service.database.read(differences) == [], name


def files(dice: Random, count: int, urls: Sequence[str]) -> dict[str, int]:
    """Import files that are almost sound. Each is imported whole or refused with a text, and `verify` is
    clean."""
    texts = Texts(samples("csv"), dice)
    account, clock = accounts()["standard"], StandingClock(NOW)
    counts: Counter[str] = Counter(imported=0)
    with contextlib.ExitStack() as stack:
        ledgers = [stack.enter_context(contextlib.closing(Ledger(url, NOW, account))) for url in urls]
        for _ in range(count):
            body = texts.body()
            try:
                request, parsed = read(body, account, clock, lambda _: None)
            except ImportFailed:
                counts["refused"] += 1
                continue
            decoded = Decoded(digest(body), tuple(parsed.changes))
            for ledger in ledgers:
                ledger.deliver(Delivery(account.id, NOW, request.headers, body, decoded, "import"))
            counts["imported"] += 1
        for ledger in ledgers:
            assert ledger.differences() == []
            assert ledger.tables() == ledgers[0].tables()
    return {"files": count, **{f"files {name}": number for name, number in counts.items()}}


class Texts:
    """Makes files from sample files: lines and cells are altered, and bytes are spoiled."""

    def __init__(self, sound: Sequence[bytes], dice: Random) -> None:
        self._sound = [body.decode("utf-8-sig") for body in sound]
        self._dice = dice
        self._mutator = Mutator(sound, dice)

    def body(self) -> bytes:
        """One more file."""
        dice = self._dice
        lines = dice.choice(self._sound).splitlines()
        for _ in range(dice.choice((0, 1, 2, 4))):
            number = dice.randrange(len(lines))
            delimiter = max(";,\t", key=lines[0].count)
            cells = lines[number].split(delimiter)
            cells[dice.randrange(len(cells))] = dice.choice(EDGES)
            lines[number : number + dice.choice((0, 1, 1, 1))] = [delimiter.join(cells)]
        text = dice.choice(("\r\n", "\n", "\r")).join(lines)
        body = text.encode(dice.choice(("utf-8", "utf-8-sig", "utf-16", "cp1251")), "replace")
        return self._mutator.spoiled(body) if dice.random() < 0.2 else body
