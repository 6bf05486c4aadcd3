"""People are forgotten while webhooks come: about others, late ones, and such as nobody understands.

Afterwards no byte of a forgotten name is in the database's files, every figure is what it was, and `verify`
finds nothing.
"""

from __future__ import annotations

import json
import random
import tempfile
import threading
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

from service.adapters import ADAPTERS
from service.calendar import iso
from service.ledger.database import files, schema
from service.ledger.database.database import Database
from service.ledger.read.decoding import decode, one_by_one
from service.ledger.upkeep import recompute
from service.ledger.upkeep.forget import Forgetting
from service.model import SECOND, Delivery, Instant, Request, later
from tests.histories import HOUR, at
from tests.ledger.offices import OFFICE, Ledger

NOW: Final = at("2026-11-23T12:00:00+03:00")
PEOPLE: Final = 150
OF_EACH: Final = 4
"""Webhooks about a person before it is forgotten, and late ones after it."""


def name_of(person: int) -> str:
    """A full name that nobody else has."""
    return f"Тайнов{person}ский Иван{person}"


def events(person: int, rng: random.Random, moment: Instant) -> list[dict[str, Any]]:
    """What a CRM says of a person: deals, promises, and something that is not understood."""
    said, name = iso(moment, OFFICE.zone), name_of(person)
    client = {"id": str(person), "name": name}
    deal = {"id": f"d{person}", "name": f"Для {name}", "amount": "10.00", "client": client}
    due = iso(Instant(NOW - HOUR), OFFICE.zone)
    task = {"id": f"t{person}", "deal_id": f"d{person}", "text": f"{name}: позвонить", "due_at": due}
    strange = {"id": f"s{person}", "status": "sold", "name": name}
    told = [
        {"type": "deal.changed", "timestamp": said, "data": deal},
        {"type": "task.changed", "timestamp": said, "data": task},
        {"type": "deal.changed", "timestamp": said, "data": strange},
    ]
    return rng.sample(told, rng.randint(1, 3))


class Office:
    """Takes webhooks as the service does.

    Attributes:
        taken: How many.
    """

    def __init__(self, url: str, rng: random.Random) -> None:
        self.taken = 0
        self.ledger = Ledger(url, NOW)
        self._rng = rng

    def take(self, person: int, moment: Instant) -> None:
        """Take one webhook about a person."""
        self.taken += 1
        told, escaped = events(person, self._rng, moment), self._rng.random() < 0.5
        body = json.dumps(told, ensure_ascii=escaped).encode()
        request = Request("POST", "", {}, {"webhook-id": f"w{self.taken}"}, body, NOW)
        decoded = ADAPTERS["standard"].decode(request, OFFICE)
        self.ledger.deliver(Delivery("office", NOW, dict(request.headers), body, decoded))


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Forget every second person while the others' webhooks come."""
    rng, people = random.Random(seed), max(6, round(PEOPLE * scale))
    forgotten = [person for person in range(people) if person % 2 == 0]
    with tempfile.TemporaryDirectory(prefix="people") as folder:
        url = f"sqlite:///{folder}/lossboard.db"
        schema.migrate(url)
        office = Office(url, rng)
        for person in rng.sample(range(people), people) * OF_EACH:
            office.take(person, later(NOW, office.taken * SECOND))
        enough = threading.Event()

        def work() -> None:
            others = random.Random(seed)
            while not enough.wait(0.005):
                office.take(2 * others.randrange(people // 2) + 1, later(NOW, office.taken * SECOND))

        thread = threading.Thread(target=work)
        thread.start()
        stripped = _forget(url, forgotten, later(NOW, 30 * HOUR))
        enough.set()
        thread.join()
        meanwhile = office.taken - people * OF_EACH
        for person in forgotten * OF_EACH:
            office.take(person, later(NOW, rng.randrange(20 * HOUR)))
        late = _forget(url, forgotten, later(NOW, 31 * HOUR))  # what was late and is not understood
        _verify(office.ledger)
        office.ledger.close()
        assert files.wipe_old(url)
        found = _found(Path(folder), people)
    assert found == {person for person in range(people) if person % 2}
    return {
        "people forgotten": len(forgotten),
        "deliveries": office.taken,
        "of these while people were forgotten": meanwhile,
        "deliveries stripped": stripped + late,
        "names found in the files": 0,
    }


def _forget(url: str, people: list[int], now: Instant) -> int:
    """Forget people one after another; returns how many deliveries lost their body."""
    with closing(Database(url)) as database:
        return sum(
            Forgetting(database, OFFICE, partial(decode, account=OFFICE), now, lambda _: None)
            .run(str(person), [name_of(person)])
            .deliveries
            for person in people
        )


def _verify(ledger: Ledger) -> None:
    assert ledger.differences() == []
    with ledger.readers.begin() as connection:
        found = recompute.differences_from_log(
            connection, OFFICE, one_by_one(partial(decode, account=OFFICE)), lambda _: None
        )
        assert list(found) == []


def _found(folder: Path, people: int) -> set[int]:
    """The people of whose names a byte string is in a file."""
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    forms = {person: (name_of(person), json.dumps(name_of(person))[1:-1]) for person in range(people)}
    return {person for person, names in forms.items() if any(name.encode() in content for name in names)}
