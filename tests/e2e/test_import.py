"""`lossboard import`, as an operator types it: with and without a running service."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.databases import SqliteFiles
from tests.e2e.running import CONFIG, DEADLINE_SECONDS, lossboard, running, until

DEALS = """\
"ID";"Название сделки";"Бюджет ₽";"Ответственный";"Дата закрытия";"Этап сделки";"Основной контакт";"Теги"
"42";"Абонемент";"5 184,00";"Анна";"не закрыта";"Переговоры";"Иван Петров";"-"
"43";"Пробное";"900";"Анна";"23.11.2025 15:00";"Закрыто и не реализовано";"Ольга";"-"
"""
TASKS = """\
id,text,deal_id,due_at,completed
t1,позвонить,42,2025-11-22 15:00,нет
"""


@pytest.fixture
def folder(tmp_path: Path, sqlite_files: SqliteFiles) -> Path:
    """A configuration that names a migrated database, and two files to import."""
    config = f'database_url = "{sqlite_files.migrated()}"\n{CONFIG}'
    (tmp_path / "lossboard.toml").write_text(config, encoding="utf-8")
    (tmp_path / "deals.csv").write_text(DEALS, encoding="utf-8-sig")
    (tmp_path / "tasks.csv").write_text(TASKS, encoding="utf-8")
    return tmp_path


def test_files_are_imported_verified_and_rebuilt_from_the_log(folder: Path) -> None:
    done = lossboard(folder, "import", "deals.csv", "--account", "office")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "office: 2 deals, new or changed: 2",
        "office: unknown columns, ignored: Теги",
        "office: unknown statuses, taken as open: Переговоры",
    ]
    done = lossboard(folder, "import", "tasks.csv", "--account", "office")
    assert done.stdout == "office: 1 task, new or changed: 1\n", done.stderr
    again = lossboard(folder, "import", "deals.csv", "--account", "office")
    assert again.stdout == "office: this file was imported before: nothing changed\n", again.stderr
    for command in (("verify",), ("rebuild", "office", "--from-log"), ("verify",)):
        done = lossboard(folder, *command)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "office: projections and state: 0 differences" in done.stdout


def test_a_running_service_shows_what_is_imported(folder: Path) -> None:
    config = (folder / "lossboard.toml").read_text(encoding="utf-8")
    with running(folder, config=config) as service:
        done = lossboard(folder, "import", "deals.csv", "--account", "office")
        assert done.returncode == 0, done.stderr
        assert lossboard(folder, "import", "tasks.csv", "--account", "office").returncode == 0
        risk = until(
            lambda: risk if (risk := service.snapshot()["at_risk"])["tasks"] else None, DEADLINE_SECONDS
        )
        assert (risk["clients"], risk["amount"]) == (1, "5184.00")
        assert risk["list"][0]["client"] == "Иван Петров"
        service.deal("42", status="won")
        assert service.snapshot()["at_risk"]["tasks"] == 0
        assert service.stop() == 0
    assert lossboard(folder, "verify").returncode == 0


def test_if_a_line_is_bad_all_bad_lines_are_told_and_nothing_is_stored(folder: Path) -> None:
    bad = DEALS + '"44";"x";"много";"Анна";"";"Переговоры";"";""\n"45";"x"\n'
    (folder / "deals.csv").write_text(bad, encoding="utf-8")
    done = lossboard(folder, "import", "deals.csv", "--account", "office")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "Error: nothing was imported:",
        "line 4, Бюджет ₽: it is no amount",
        "line 5: it has 2 cells, and the first line has 8",
    ]
    assert lossboard(folder, "tail", "office", "--once").stdout == ""
