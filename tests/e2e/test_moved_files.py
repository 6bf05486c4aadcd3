"""The database's file is replaced under the service, is missing at its start, or is damaged."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from service.ledger.database import schema
from service.ledger.database.errors import Moved
from service.ledger.database.sqlite import driver
from tests.e2e.running import CONFIG, DEADLINE_SECONDS, lossboard, running, until


def test_a_service_whose_file_is_replaced_acknowledges_nothing_more_and_ends_with_a_clear_line(
    tmp_path: Path,
) -> None:
    file = tmp_path / "lossboard.db"
    with running(tmp_path) as service:
        service.deal("1", amount="1.00")
        text = until(lambda: sound(service.client.get(f"{service.url}/metrics").text))
        assert "lossboard_storing 1.0" in text
        assert lossboard(tmp_path, "check-database").stdout == "the database is sound\n"
        shutil.copy(file, tmp_path / "copy.db")
        (tmp_path / "copy.db").rename(file)
        answer = service.post({"type": "deal.changed", "data": {"id": "2"}})
        assert (answer.status_code, answer.headers["retry-after"].isdecimal()) == (503, True)
        assert service.process.wait(DEADLINE_SECONDS) == Moved.exit_code
        service.reader.join(DEADLINE_SECONDS)
        assert "lossboard.db was replaced while it was open" in service.lines[-1]


def sound(text: str) -> str | None:
    return text if "lossboard_database_sound 1.0" in text else None


def killed(folder: Path) -> None:
    """Leave what a killed service does: a database, its log and the log's index."""
    (folder / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
    schema.migrate(f"sqlite:///{folder}/live.db")
    with closing(driver.connect(str(folder / "live.db"), isolation_level=None)) as connection:
        for name in range(9):
            connection.execute(
                "INSERT INTO screens VALUES ('office', ?, ?, '', 0, 0, 'viewer')", (str(name), str(name))
            )
        for end in ("", "-wal", "-shm"):
            shutil.copy(f"{folder}/live.db{end}", f"{folder}/lossboard.db{end}")


def test_a_log_without_its_database_is_no_beginning(tmp_path: Path) -> None:
    killed(tmp_path)
    (tmp_path / "lossboard.db").rename(tmp_path / "elsewhere.db")
    begun = lossboard(tmp_path, "serve", "--port", "0")
    assert begun.returncode == Moved.exit_code
    assert "is missing, and its log" in begun.stderr.splitlines()[-1]
    assert not (tmp_path / "lossboard.db").exists()
    (tmp_path / "elsewhere.db").rename(tmp_path / "lossboard.db")
    with (tmp_path / "lossboard.db-wal").open("r+b") as log:
        log.truncate(32 + 4096 + 24)
    checked = lossboard(tmp_path, "check-database")
    assert checked.returncode == 1
    assert "pages that were committed are missing at its end" in checked.stdout
