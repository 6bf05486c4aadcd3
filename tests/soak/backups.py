"""Copies of an SQLite database while deliveries are committed at full pace, killed copies, and restores.

A copy must have everything that was acknowledged before it began, nothing twice and no gap, and `verify` must
find nothing in it. A command that is killed must leave nothing that could be taken for a copy.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from service.ledger.database import files, schema
from service.ledger.database.database import Database
from service.ledger.database.tables import DELIVERIES
from service.ledger.read.decoding import decode, one_by_one
from service.ledger.upkeep import recompute
from service.model import Change, Decoded, Delivery, Value, later
from service.projections import stripped
from tests.e2e.running import CONFIG, environment
from tests.histories import HOUR, at
from tests.ledger.offices import OFFICE, Ledger

NOW: Final = at("2026-11-23T12:00:00+03:00")
COPIES: Final = 40
KILLS: Final = 30
BATCH: Final = 8
"""Deliveries in one transaction of the office at most."""


class BusyOffice:
    """Commits without a pause in a thread of its own.

    Attributes:
        acknowledged: The number of the newest delivery whose commit has returned.
    """

    def __init__(self, url: str, rng: random.Random) -> None:
        self.acknowledged = 0
        self._url = url
        self._rng = rng
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._work)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Works within the block."""
        self._thread.start()
        try:
            yield
        finally:
            self._enough.set()
            self._thread.join()

    def _work(self) -> None:
        ledger = Ledger(self._url, NOW)
        while not self._enough.is_set():
            first = self.acknowledged + 1
            numbers = range(first, first + self._rng.randint(1, BATCH))
            ledger.deliver(*map(self._delivery, numbers))
            self.acknowledged = numbers[-1]
        ledger.close()

    def _delivery(self, number: int) -> Delivery:
        rng, deal_id = self._rng, str(self._rng.randrange(200))
        version = later(NOW, number)
        deal: dict[str, Value] = {
            "known": True,
            "client_id": str(rng.randrange(40)),
            "amount": rng.randrange(10**6),
            "name": "Счёт" * 9,
        }
        deal["status"] = rng.choice(("open", "won", "lost"))
        task: dict[str, Value] = {
            "deal_id": deal_id,
            "due_at": NOW - HOUR,
            "completed": rng.random() < 0.3,
            "text": "позвонить",
        }
        changes = Change("deal", deal_id, version, deal), Change("task", f"t{deal_id}", version, task)
        body = stripped.body_of(changes)
        return Delivery("office", NOW, {}, body, Decoded(f"k{number}", changes), "forget")


def told(path: Path) -> int:
    """The deliveries of a copy, which `verify` finds nothing wrong with."""
    with closing(Database(f"sqlite:///{path}")) as database, database.reading() as connection:
        decoded = partial(decode, account=OFFICE)
        found = list(recompute.differences_from_state(connection, OFFICE, lambda _: None))
        found += recompute.differences_from_log(connection, OFFICE, one_by_one(decoded), lambda _: None)
        assert found == []
    return counted(path)


def counted(path: Path) -> int:
    """The deliveries of a database, which are numbered without a gap."""
    with closing(Database(f"sqlite:///{path}")) as database, database.reading() as connection:
        numbers = select(func.count(), func.max(DELIVERIES.c.number)).where(DELIVERIES.c.account == "office")
        count, newest = connection.execute(numbers).one()
    assert count == (newest or 0)
    return int(count)


def killed(folder: Path, target: Path, seconds: float) -> None:
    """Kill the command after some seconds: what it leaves is a whole copy, or none that opens."""
    with subprocess.Popen(
        [sys.executable, "-m", "service", "backup", target],
        cwd=folder,
        env=environment(None),
        stdout=subprocess.DEVNULL,
    ) as command:
        time.sleep(seconds)
        command.kill()
    if target.exists() and target.stat().st_size > 0:
        told(target)


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Copy, kill and restore while an office works."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="backups") as name:
        folder = Path(name)
        (folder / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
        url, other = f"sqlite:///{folder}/lossboard.db", f"sqlite:///{folder}/other.db"
        for database in (url, other):
            schema.migrate(database)
        office, sizes = BusyOffice(url, rng), list[int]()
        copies, kills = max(3, round(COPIES * scale)), round(KILLS * scale)
        with office.working():
            for number in range(copies):
                copy, before = folder / f"{number}.db", office.acknowledged
                files.back_up(url, copy, lambda _: None)
                held = told(copy)
                assert before <= held <= office.acknowledged + BATCH, (before, held, office.acknowledged)
                aside = files.restore(other, copy, str(number), lambda _: None)
                assert counted(files.path_of(other)) == held
                assert aside is not None
                assert counted(aside) == (sizes[-1] if sizes else 0)
                sizes.append(held)
                copy.unlink()
                aside.unlink()
            for number in range(kills):
                killed(folder, folder / f"killed-{number}.db", rng.uniform(0, 2))
        assert told(files.path_of(url)) == office.acknowledged
    return {
        "copies": copies,
        "restored": copies,
        "commands killed": kills,
        "deliveries in the first copy": sizes[0],
        "deliveries in the last copy": sizes[-1],
        "lost": 0,
    }
