"""The units of systemd: systemd itself finds nothing wrong with them, and they agree with the service."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from scripts.programs import program
from service.http.server import GRACE_SECONDS
from service.http.supervisor import STOP_SECONDS
from service.ledger.database.errors import Moved

UNITS: Final = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
EXPOSURE: Final = 15
"""Tenths of systemd's measure of what a unit may do, from 0 to 100. What is left is the network."""


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    systemd = program("systemd-analyze")
    assert systemd is not None, "see scripts/programs.py"
    return subprocess.run([systemd, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, of an installation that is there."""
    for path in UNITS.iterdir():
        shutil.copy(path, tmp_path)
    for path in tmp_path.glob("*.service"):
        installed = str(Path(sys.executable).with_name("lossboard"))
        text = path.read_text(encoding="utf-8")
        assert "/opt/lossboard/bin/lossboard" in text
        path.write_text(text.replace("/opt/lossboard/bin/lossboard", installed), encoding="utf-8")
    return tmp_path


def test_systemd_finds_nothing_wrong_with_the_units(units: Path) -> None:
    paths = sorted(str(path) for path in units.iterdir() if path.suffix in {".service", ".timer"})
    assert len(paths) == 3
    found = analyze("verify", "--man=no", *paths)
    assert (found.returncode, found.stderr) == (0, "")
    broken = units / "lossboard.service"
    broken.write_text(broken.read_text(encoding="utf-8").replace("WatchdogSec", "WatchSec"), encoding="utf-8")
    assert "WatchSec" in analyze("verify", "--man=no", str(broken)).stderr


@pytest.mark.parametrize("name", ["lossboard.service", "lossboard-backup.service"])
def test_a_unit_may_do_little_more_than_it_must(units: Path, name: str) -> None:
    command = ("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}")
    rated = analyze(*command, str(units / name))
    assert rated.returncode == 0, rated.stdout[-200:]
    path = units / name
    path.write_text(
        path.read_text(encoding="utf-8").replace("CapabilityBoundingSet=\n", ""), encoding="utf-8"
    )
    assert analyze(*command, str(path)).returncode != 0


def test_the_unit_agrees_with_the_service() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(UNITS / "lossboard.service", encoding="utf-8")
    service = unit["Service"]
    assert int(service["TimeoutStopSec"]) > STOP_SECONDS > GRACE_SECONDS
    assert int(service["RestartPreventExitStatus"]) == Moved.exit_code
    assert service["Type"] == "notify"
