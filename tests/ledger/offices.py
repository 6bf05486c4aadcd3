"""A ledger without a service around it: the test applies deliveries and ticks in transactions, at moments of
its choice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final

from sqlalchemy import Connection, select

from service.config import Account, Secret, zone
from service.config_file import parse
from service.ledger.database.database import Database
from service.ledger.database.tables import METADATA, SUMS
from service.ledger.read.board import BoardRows, Selection
from service.ledger.read.reader import BoardReader
from service.ledger.upkeep import recompute
from service.ledger.upkeep.recompute import Difference
from service.ledger.write import heads
from service.ledger.write.apply import apply_all
from service.ledger.write.batch.cache import Cache
from service.ledger.write.heads import OtherRules
from service.ledger.write.outcome import Outcome
from service.model import SECOND, Change, Decoded, Delivery, Instant

OFFICE: Final = Account(
    id="office",
    title="Отдел продаж",
    crm="standard",
    webhook_secrets=(Secret("whsec_" + "A" * 32),),
    zone=zone("Europe/Moscow"),
    currency="RUB",
    language="ru",
)


def configured(url: str, **settings: object) -> str:
    """The database's URL as the configuration hands it on, with settings beside it."""
    account = {
        "id": OFFICE.id,
        "title": OFFICE.title,
        "crm": OFFICE.crm,
        "webhook_secret": OFFICE.webhook_secrets[0].value,
        "timezone": "Europe/Moscow",
        "currency": OFFICE.currency,
    }
    return parse({"database_url": url, "accounts": [account], **settings}, {}).database_url


class FixedClock:
    """Shows the moment that it was set to."""

    def __init__(self, now: Instant) -> None:
        self.moment = now

    def now(self) -> Instant:
        return self.moment

    def monotonic(self) -> float:
        return self.moment / SECOND

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        await wake.wait()


class Ledger:
    """One account's ledger on a migrated database."""

    def __init__(self, url: str, now: Instant, account: Account = OFFICE) -> None:
        self.account = account
        self.clock = FixedClock(now)
        self.cache = Cache()
        self.database = Database(url)
        self.engine = self.database._committers
        self.readers = self.database._readers
        self.reader = BoardReader(self.database, {account.id: account}, self.clock)
        with self.engine.begin() as connection:
            heads.ensure(connection, account, now)

    def deliver(self, *deliveries: Delivery, now: Instant | None = None) -> list[Outcome]:
        """Apply deliveries in one transaction."""
        self.clock.moment = self.clock.moment if now is None else now
        with self.engine.begin() as connection:
            work = [(self.account, deliveries)]
            applied = apply_all(connection, work, self.clock.moment, self.cache)[self.account.id]
            if isinstance(applied, OtherRules):
                raise applied
        self.cache.keep(applied.head, applied.rows)
        return applied.outcomes

    def say(self, *changes: Change, now: Instant | None = None) -> Outcome:
        """Apply one delivery of some changes, with a key of its own."""
        key = f"key-{self.head.deliveries + 1}"
        moment = self.clock.moment if now is None else now
        return self.deliver(
            Delivery(self.account.id, moment, {}, key.encode(), Decoded(key, changes)), now=now
        )[0]

    def tick(self, now: Instant) -> None:
        """Apply what fell due by a moment."""
        self.deliver(now=now)

    def read(self, selections: Sequence[Selection] = (), since: BoardRows | None = None) -> BoardRows:
        """The board now."""
        return self.reader.read(self.account.id, selections, since)

    @property
    def head(self) -> heads.Head:
        """The account's head row."""
        with self.engine.begin() as connection:
            return heads.prepared(connection, self.account.id)

    def differences(self) -> list[Difference]:
        """What `verify` finds in the projections."""
        with self.readers.begin() as connection:
            return list(recompute.differences_from_state(connection, self.account, lambda _: None))

    def tables(self, within: Connection | None = None) -> Mapping[str, list[tuple[Any, ...]]]:
        """Every projection row, sorted; of a transaction that has not ended, if one is given."""
        with nullcontext(within) if within is not None else self.readers.begin() as connection:
            return {
                table.name: sorted(tuple(row) for row in connection.execute(select(table)))
                for table in SUMS.values()
            }

    def configure(self, account: Account) -> None:
        """Continue with another configuration of the account."""
        self.account = account
        self.reader = BoardReader(self.database, {account.id: account}, self.clock)

    def restart(self, now: Instant) -> None:
        """Delete everything, and begin again at a moment."""
        self.clock.moment = now
        with self.engine.begin() as connection:
            for table in METADATA.tables.values():
                connection.execute(table.delete())
            heads.ensure(connection, self.account, now)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()
