"""`lossboard check-config` tells of files that more people can open than their owner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.commands.cli import main
from service.ledger.upkeep.classify import Verdict, classify
from tests.e2e.running import CONFIG
from tests.ledger.offices import Ledger
from tests.live.boards import NOW


def test_a_configuration_and_a_database_that_others_can_read_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = [Path("lossboard.toml"), Path("lossboard.db"), Path("lossboard.db.lock")]
    for file in files:
        file.touch()
        file.chmod(0o644)
    files[0].write_text(CONFIG, encoding="utf-8")
    done = CliRunner().invoke(main, ["check-config"])
    assert done.exit_code == 0
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert [line.split()[1] for line in warnings] == [str(file) for file in files]
    for file in files:
        file.chmod(0o600)
    assert CliRunner().invoke(main, ["check-config"]).stderr == ""


def test_what_is_classified_by_hand_is_told_and_what_of_it_the_configuration_overrides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_ledgers: Callable[[], str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lossboard.toml").write_text(CONFIG, encoding="utf-8")
    assert "by hand" not in CliRunner().invoke(main, ["check-config"]).output
    assert not Path("lossboard.db").exists()
    ledger = Ledger(sqlite_ledgers(), NOW)
    for reason in ("Дорого", "Спам"):
        with ledger.engine.begin() as connection:
            classify(connection, "office", Verdict(reason, "controllable", "desk"), NOW)
    monkeypatch.setenv("LOSSBOARD_DATABASE_URL", ledger.database._readers.url.render_as_string())
    ledger.close()
    told = CliRunner().invoke(main, ["check-config"]).output
    assert "office: 'Дорого' is controllable by hand, says screen 'desk'\n" in told
    assert "'desk', but the configuration lists it as excluded, which wins\n" in told
