"""`lossboard forget`: takes a person out of the log, the quarantine and state, and leaves every figure alone.

First the log. Each delivery that is about the person, or has the name in its raw body, loses the body. The
log keeps its changes instead, without the names and texts that are the person's, so that state can still be
recomputed from the log. It goes page by page, and webhooks get their turn between two pages.

Then state. A delivery of the service's own says, with the present time as its version, that these names and
texts have no value. A webhook of before, however late it comes, loses against it. A newer one, or an answer
of the CRM's API, wins: the CRM itself still has the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Column, Connection, select

from service.config import Account
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.database.in_list import in_list
from service.ledger.database.tables import DEALS, TASKS
from service.ledger.read.decoding import Decode
from service.ledger.upkeep.person import Person
from service.ledger.upkeep.replay import Progress
from service.ledger.write import heads, log, state
from service.ledger.write.apply import apply, reapply, release
from service.ledger.write.log import Stored
from service.model import PERSONAL, Change, Decoded, Delivery, Entity, Instant, merger_id
from service.operator_error import Unknown
from service.projections import stripped
from service.projections.merge import Record
from service.projections.mergers import left_of, successors

PAGE: Final = 200
"""Deliveries that are looked through at once."""


class UnknownClient(Unknown):
    """The account knows nothing of such a client."""


@dataclass(slots=True)
class Forgotten:
    """What was done.

    Args:
        deliveries: Deliveries that lost their raw body, or the person in what they changed.
        released: Of those, how many left quarantine.
        texts: Names and texts that state lost.
    """

    deliveries: int = 0
    released: int = 0
    texts: int = 0


@dataclass
class Forgetting:
    """One run for one person. Raises `Unavailable` when the database is away; it can then be run again.

    Args:
        decode: Decodes a stored delivery with today's adapters.
        now: The version by which state forgets.
        progress: Called with the number of deliveries that were looked through, twice in all.
    """

    database: Database
    account: Account
    decode: Decode
    now: Instant
    progress: Progress
    done: Forgotten = field(default_factory=Forgotten)

    def run(self, client_id: str, names: Sequence[str] = ()) -> Forgotten:
        """Forget a client.

        Args:
            names: Names to look for besides those that the CRM told of.

        Raises:
            UnknownClient: There is nothing to forget.
            OtherRules: Other rules computed the account's figures; nothing was changed.
        """
        person = self._person(client_id, names)
        newest = 0
        for page in self._pages(0):
            if about := [stored for stored in page if self._is_about(person, stored)]:
                with self._locked() as connection:
                    self._strip(connection, person, about)
            newest = page[-1].number
            self.progress(len(page))
        texts = self._named(person)
        with self._locked() as connection:
            for stored in log.everything(connection, self.account.id, after=newest):
                self._learn(person, stored)
                if self._is_about(person, stored):
                    for change in self._changes(stored):
                        if change.entity in texts and person.without(change) != change:
                            texts[change.entity].add(change.id)
                    self._strip(connection, person, [stored])
            self._clear(connection, person, texts)
        return self.done

    @contextmanager
    def _locked(self) -> Iterator[Connection]:
        """A transaction in which nobody else commits to the account."""
        with self.database.writing() as connection:
            heads.check_rules(heads.prepared(connection, self.account.id, lock=True), self.account)
            yield connection

    def _person(self, client_id: str, names: Sequence[str]) -> Person:
        """Everything that state and log know the person by."""
        person = Person.of(client_id, names)
        with self.database.reading() as connection:
            heads.check_rules(heads.prepared(connection, self.account.id), self.account)
            _merge_family(connection, self.account.id, person)
            known = _learn_state(connection, self.account.id, person)
        for page in self._pages(0):
            for stored in page:
                known = self._learn(person, stored) or known
            self.progress(len(page))
        if not known:
            raise UnknownClient(f"{self.account.id} knows nothing of a client {client_id}")
        with self.database.reading() as connection:
            for records in state.pages(connection, self.account.id, "client"):
                for other_id, record in records.items():
                    person.learn_of_others(other_id, record.values.get("name"))
        return person

    def _learn(self, person: Person, stored: Stored) -> bool:
        """Take in what a delivery tells of the person; returns whether it is about it."""
        person.learn_changed(stored.changed)
        changes = self._changes(stored)
        for change in changes:
            person.learn(change)
        return any(person.has(change.entity, change.id) for change in changes)

    def _changes(self, stored: Stored) -> Sequence[Change]:
        return () if stored.body is None else self.decode(stored).changes

    def _pages(self, after: int) -> Iterator[list[Stored]]:
        """The log, each page in a transaction of its own."""
        while True:
            with self.database.reading() as connection:
                page = log.stored(connection, self.account.id, after, limit=PAGE)
            if not page:
                return
            yield page
            after = page[-1].number

    def _is_about(self, person: Person, stored: Stored) -> bool:
        """Whether a delivery has anything of the person. One that was stripped has no raw body any more."""
        if person.without_changed(stored.changed) != stored.changed:
            return True
        changes = self._changes(stored)
        if stored.source == "forget":
            return any(person.without(change) != change for change in changes)
        concerned = any(person.has(change.entity, change.id) for change in changes)
        return concerned or (stored.body is not None and self._is_named(person, stored, stored.body))

    def _is_named(self, person: Person, stored: Stored, body: bytes) -> bool:
        return person.is_in(body, quarantined=stored.number in self._quarantined)

    @cached_property
    def _quarantined(self) -> frozenset[int]:
        """The deliveries that are in quarantine as the run begins."""
        with self.database.reading() as connection:
            return frozenset(row.number for row in log.quarantined(connection, self.account.id))

    def _strip(self, connection: Connection, person: Person, about: Iterable[Stored]) -> None:
        """Take the person out of deliveries, and these out of quarantine."""
        held = {row.number for row in log.quarantined(connection, self.account.id)}
        for stored in about:
            changes = tuple(map(person.without, self._changes(stored)))
            if stored.number in held and not self._reapplied(connection, stored, changes):
                changes = ()
                release(connection, self.account.id, stored.number)
            left = stripped.body_of(changes), person.without_changed(stored.changed)
            log.strip(connection, self.account.id, stored.number, *left)
            self.done.released += stored.number in held
            self.done.deliveries += 1

    def _reapplied(self, connection: Connection, stored: Stored, changes: tuple[Change, ...]) -> bool:
        """Apply what today's adapter decodes of a delivery in quarantine, which cannot be retried later."""
        delivery = Delivery(
            self.account.id, stored.received_at, {}, b"", Decoded(stored.key, changes), "forget"
        )
        try:
            with connection.begin_nested():
                reapply(connection, self.account, stored.number, delivery, self.now)
        except (Unavailable, heads.OtherRules):
            raise
        except Exception:  # whatever put it into quarantine: there is nothing to be applied of it
            return False
        return True

    def _named(self, person: Person) -> dict[Entity, set[str]]:
        """The deals and tasks that are not linked to the person, and name it in a text."""
        found: dict[Entity, set[str]] = {"deal": set(), "task": set()}
        with self.database.reading() as connection:
            for entity, ids in found.items():
                for records in state.pages(connection, self.account.id, entity):
                    for key, record in records.items():
                        texts = (record.values.get(name) for name in PERSONAL[entity])
                        if any(person.owns(entity, key, text) for text in texts):
                            ids.add(key)
        return found

    def _clear(
        self, connection: Connection, person: Person, texts: Mapping[Entity, AbstractSet[str]]
    ) -> None:
        """Say, in a delivery of the service's own, that the person's names and texts have no value."""
        linked = {"client": person.clients, "deal": person.deals, "task": person.tasks}
        changes: list[Change] = []
        for entity, names in PERSONAL.items():
            ids = linked[entity] | texts.get(entity, frozenset())
            records = state.load(connection, self.account.id, entity, ids)
            for entity_id in sorted(ids if entity == "client" else records):
                record = records.get(entity_id, Record())
                versions = (record.stamps[name][0] for name in names if name in record.stamps)
                changes.append(Change(entity, entity_id, max([self.now, *versions]), dict.fromkeys(names)))
                self.done.texts += sum(bool(record.values.get(name)) for name in names)
        decoded = Decoded(f"forget {self.now} {sorted(person.clients | person.deals)}", tuple(changes))
        body = stripped.body_of(changes)
        apply(
            connection,
            self.account,
            [Delivery(self.account.id, self.now, {}, body, decoded, "forget")],
            self.now,
        )


def _merge_family(connection: Connection, account: str, person: Person) -> None:
    """Add the ids of all clients that the CRM merged with the person."""
    into = {
        key: merged_into
        for page in state.pages(connection, account, "merger")
        for key, merged_into in successors(page).items()
    }
    left = {left_of(merger_id("client", one), into) for one in person.clients}
    family = {key for key in into if left_of(key, into) in left} | left
    person.clients |= {key.partition(" ")[2] for key in family if key.startswith("client ")}


def _learn_state(connection: Connection, account: str, person: Person) -> bool:
    """Add what state links to the person, and the names that it has. Returns whether state knows it."""
    for table, ids in ((DEALS, person.deals), (TASKS, person.tasks)):
        ids.update(_linked(connection, account, table.c.client_id, person.clients))
    person.tasks.update(_linked(connection, account, TASKS.c.deal_id, person.deals))
    named: Entity = "client" if person.clients else "deal"
    records = state.load(connection, account, named, person.clients or person.deals)
    for key, record in records.items():
        person.learn_values(named, key, record.values.items())
    return bool(records or person.tasks or (person.clients and person.deals))


def _linked(connection: Connection, account: str, link: Column[Any], ids: AbstractSet[str]) -> list[str]:
    """The ids of the deals or tasks that are linked to some clients or deals by a column."""
    table = link.table.c
    statement = select(table.id).where(table.account == account, in_list(link, "ids"))
    return list(connection.execute(statement, {"ids": ids}).scalars())
