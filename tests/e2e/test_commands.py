"""The commands, as an operator types them."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from service.calendar import parse_instant
from tests.e2e.running import CONFIG, iso, lossboard, running, soon


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration, and a database with a little history and one delivery in quarantine."""
    folder = tmp_path_factory.mktemp("used")
    (folder / "lossboard.toml").touch()
    (folder / "lossboard.toml").chmod(0o644)
    with running(folder) as service:
        service.deal("1", status="lost", amount="100.00", reason="Выбрал других")
        service.deal("2", amount="50.00", client={"id": "7", "name": "Иван"})
        service.task("t1", deal_id="2", due_at=iso(soon(-60)), text="позвонить")
        assert (
            service.post({"type": "deal.changed", "data": {"id": "3", "status": "sold"}}).status_code == 200
        )
        assert service.stop() == 0
        (folder / "log").write_text("".join(service.lines), encoding="utf-8")
    return folder


@pytest.fixture
def folder(used: Path, tmp_path: Path) -> Path:
    """A copy of `used`."""
    return Path(shutil.copytree(used, tmp_path / "copy"))


def test_check_config_says_what_it_amounts_to(tmp_path: Path) -> None:
    (tmp_path / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
    done = lossboard(tmp_path, "check-config")
    assert done.returncode == 0
    assert "office: Отдел продаж (standard, Europe/Moscow, RUB)" in done.stdout


def test_serve_warns_of_a_configuration_that_others_can_read(used: Path) -> None:
    log = (used / "log").read_text(encoding="utf-8")
    assert "lossboard.toml is open to others than its owner (mode 0644): chmod 600 lossboard.toml" in log
    assert "lossboard.db" not in log, "the service creates its own files for its owner alone"


@pytest.mark.parametrize("command", ["serve", "verify", "check-config", "migrate", "tail"])
def test_without_a_configuration_a_command_says_how_to_make_one(tmp_path: Path, command: str) -> None:
    done = lossboard(tmp_path, command)
    assert done.returncode == 1
    assert "lossboard.example.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_in_the_configuration_is_named_by_its_key(tmp_path: Path) -> None:
    (tmp_path / "lossboard.toml").write_text(
        CONFIG.replace("Europe/Moscow", "Europe/Moskva"), encoding="utf-8"
    )
    done = lossboard(tmp_path, "check-config")
    assert done.returncode == 1
    assert "accounts[0].timezone" in done.stderr


def test_a_crm_without_an_adapter_is_refused_by_name(tmp_path: Path) -> None:
    text = CONFIG.replace('crm = "standard"', 'crm = "sugar"')
    (tmp_path / "lossboard.toml").write_text(text, encoding="utf-8")
    done = lossboard(tmp_path, "serve", "--port", "0")
    assert done.returncode == 1
    assert (
        "accounts[0].crm: 'sugar' is not supported; supported are: standard, amocrm, bitrix24" in done.stderr
    )


def test_verify_of_an_empty_database_says_to_migrate(tmp_path: Path) -> None:
    (tmp_path / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
    done = lossboard(tmp_path, "verify")
    assert done.returncode == 1
    assert "lossboard migrate" in done.stderr
    assert lossboard(tmp_path, "migrate").returncode == 0
    assert lossboard(tmp_path, "verify").returncode == 0


def test_verify_finds_what_was_tampered_with_and_rebuild_mends_it(folder: Path) -> None:
    assert lossboard(folder, "verify").returncode == 0
    with sqlite3.connect(folder / "lossboard.db") as connection:
        connection.execute("UPDATE loss_days SET amount = amount + 1")
        connection.execute("UPDATE deals SET amount = 7 WHERE id = '2'")
    connection.close()
    verified = lossboard(folder, "verify", "office")
    assert verified.returncode == 1
    assert "loss_days" in verified.stdout
    assert "deals" in verified.stdout
    assert lossboard(folder, "rebuild", "office", "--from-log").returncode == 0
    assert lossboard(folder, "verify").returncode == 0


def test_the_quarantine_is_listed_shown_retried_and_dropped(folder: Path) -> None:
    listed = lossboard(folder, "quarantine", "list")
    assert listed.returncode == 1
    assert "office 4 part 0" in listed.stdout
    shown = lossboard(folder, "quarantine", "show", "office", "4")
    assert '"status": "sold"' in shown.stdout
    assert "Invalid enum value 'sold'" in shown.stdout
    retried = lossboard(folder, "quarantine", "retry", "office")
    assert "office 4: still" in retried.stdout
    assert lossboard(folder, "quarantine", "drop", "office", "4").returncode == 0
    empty = lossboard(folder, "quarantine", "list")
    assert (empty.returncode, empty.stdout) == (0, "")
    again = lossboard(folder, "quarantine", "drop", "office", "4")
    assert again.returncode == 1
    assert "not in quarantine" in again.stderr
    assert lossboard(folder, "verify").returncode == 0


def test_tail_shows_what_each_delivery_changed(folder: Path) -> None:
    done = lossboard(folder, "tail", "office", "--once", "--lines", "3")
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert "client 7: name – → Иван" in lines[0]
    assert "task t1" in lines[1]
    assert "changed nothing" in lines[2]
    delivery, moment = lines[0].split()[:2]
    assert delivery == "office/2"
    assert parse_instant(moment)


def test_an_account_that_is_not_there_is_named(folder: Path) -> None:
    done = lossboard(folder, "verify", "nobody")
    assert done.returncode == 1
    assert "no account is called nobody; the accounts are: office, amo" in done.stderr


def test_a_new_rule_rebuilds_at_the_next_start(folder: Path) -> None:
    config = (folder / "lossboard.toml").read_text(encoding="utf-8")
    with running(folder, config=config.replace("Europe/Moscow", "Asia/Vladivostok")) as service:
        assert any("rebuilt" in line for line in service.lines)
        assert service.snapshot()["at_risk"]["tasks"] == 1
        assert service.stop() == 0
    assert lossboard(folder, "verify").returncode == 0
