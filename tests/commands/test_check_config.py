"""`lossboard check-config` tells of files that more people can open than their owner."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from service.commands.cli import main
from tests.e2e.running import CONFIG


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
