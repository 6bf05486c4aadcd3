"""Backup, restore and forget as an operator types them, while the service takes webhooks."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from tests.e2e.running import Service, events, iso, lossboard, running, soon

OTHER: Final = "Тайный Лев"
NAME: Final = "Секретов Пётр"


@contextmanager
def posting(service: Service) -> Iterator[list[int]]:
    """Posts one deal after another meanwhile; the numbers of those that were applied."""
    applied: list[int] = []
    enough = threading.Event()

    def post() -> None:
        while not enough.wait(0.01):
            number = len(applied)
            service.deal(
                f"p{number}", amount="1.00", client={"id": f"c{number % 9}", "name": f"Имя {number}"}
            )
            applied.append(number)

    poster = threading.Thread(target=post)
    poster.start()
    try:
        yield applied
    finally:
        enough.set()
        poster.join()


def on_disk(folder: Path) -> bytes:
    """Every byte of the database's files."""
    return b"".join(path.read_bytes() for path in folder.glob("lossboard.db*"))


def newest(folder: Path) -> int:
    """The sequence number of the board in the database, which the service is not asked for."""
    with closing(sqlite3.connect(folder / "lossboard.db")) as connection:
        (seq,) = connection.execute("SELECT seq FROM heads WHERE account = 'office'").fetchone()
    return int(seq)


def test_copies_and_people_under_load(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        service.deal("1", name=f"Для {NAME}", amount="50.00", client={"id": "7", "name": NAME})
        service.deal("2", amount="1.00", client={"id": "8", "name": OTHER})
        service.task("t2", deal_id="2", due_at=iso(soon(-60)), text="позвонить")
        service.task("t1", deal_id="1", due_at=iso(soon(-60)), text=f"{NAME}: позвонить")
        with posting(service) as applied:
            before = len(applied)
            done = lossboard(tmp_path, "backup", "copy.db")
            assert "checked" in done.stdout, done.stderr
            assert len(applied) > before, "no webhook was applied meanwhile"
            refused = lossboard(tmp_path, "restore", "copy.db")
            assert refused.returncode == 1
            assert "another process serves" in refused.stderr
            forgotten = lossboard(tmp_path, "forget", "office", "7")
            assert forgotten.returncode == 0, forgotten.stderr
            assert "3 names and texts cleared, 2 deliveries stripped" in forgotten.stdout
        with events(f"{service.url}/boards/office/events") as stream:
            assert OTHER in str(next(stream).data)
            assert lossboard(tmp_path, "forget", "office", "8").returncode == 0
            seq = newest(tmp_path)
            assert any(event.name == "patch" and event.data["seq"] == seq for event in stream)
            assert OTHER not in str(service.snapshot())
        for form in (NAME, "Секретов", OTHER):
            assert form.encode() not in on_disk(tmp_path)
        at_risk = service.snapshot()["at_risk"]
        assert (at_risk["clients"], at_risk["amount"]) == (2, "51.00")
        assert NAME not in str(at_risk)
        assert service.stop() == 0
    assert lossboard(tmp_path, "verify").returncode == 0

    restored = lossboard(tmp_path, "restore", "copy.db")
    assert "the old database is" in restored.stdout, restored.stderr
    assert lossboard(tmp_path, "verify").returncode == 0
    assert NAME.encode() in on_disk(tmp_path)  # the copy was made before
