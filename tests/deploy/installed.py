"""What an operator does with an installation, step by step as docs/how-to/upkeep.md has it. In `make soak`:
the new version is a second copy of the code, so every command is a process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest

from tests.deploy.disk import measure
from tests.deploy.machine import IMAGE, MINUTES, Machine, booted, made, read_only
from tests.e2e.running import CONFIG, PROGRAM, ROOT, environment, iso, running, soon

MIGRATION: Final = '''"""A column more, which the version before does not know."""
import sqlalchemy as sa
from alembic import op
revision, down_revision, oldest, safe_because = "9999", "0001", "9999", "nobody: the version before must stop"
def upgrade():
    op.add_column("deals", sa.Column("mood", sa.Text(), nullable=False, server_default="calm"))
'''
TASKS: Final = 5

CHECK: Final = """
[Unit]
Wants=lossboard.service
After=lossboard.service
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
TimeoutStartSec=240
ExecStart=/usr/bin/python3 /check.py
"""
SOON: Final = "[Service]\nWatchdogSec=4\nTimeoutAbortSec=3\n"
"""What a process that hangs is ended after, in seconds; a minute is too long for a test."""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The next version: this one with a migration that this one cannot work with."""
    copied = tmp_path / "newer"
    for name in ("service", "alembic"):
        shutil.copytree(ROOT / name, copied / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / "alembic" / "versions" / "9999_mood.py").write_text(MIGRATION, encoding="utf-8")
    return copied


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """The folder of an installation, with some data."""
    folder = tmp_path / "office"
    folder.mkdir()
    with running(folder) as service:
        for number in range(TASKS):
            client = {"id": str(number), "name": f"Иван {number}"}
            service.deal(f"{number}", name="Абонемент", amount="5184.00", client=client)
            due = iso(soon(-600))
            service.task(f"t{number}", deal_id=f"{number}", text="позвонить", due_at=due, completed=False)
        assert service.stop() == 0
    return folder


def run(folder: Path, *arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command of a version."""
    command = [*PROGRAM, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(None, root), capture_output=True, text=True, check=False
    )


def done(folder: Path, *arguments: str, root: Path = ROOT) -> str:
    """Run a command that must succeed; returns what it printed."""
    ran = run(folder, *arguments, root=root)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def at_risk(board: dict[str, Any]) -> tuple[int, str]:
    return board["at_risk"]["clients"], board["at_risk"]["amount"]


def test_an_upgrade_keeps_everything_and_is_rolled_back_by_its_backup(office: Path, newer: Path) -> None:
    done(office, "backup", "before-upgrade.db")
    with running(office, root=newer) as service:
        assert at_risk(service.snapshot()) == (TASKS, "25920.00")
        service.task("t0", completed=True)
        assert at_risk(service.snapshot()) == (TASKS - 1, "20736.00")
        assert service.stop() == 0
    assert "0 differences" in done(office, "verify", root=newer)

    refused = run(office, "serve", "--port", "0")
    assert refused.returncode == 1
    assert "needs a newer version of the service" in refused.stderr
    assert "Traceback" not in refused.stderr
    done(office, "restore", "before-upgrade.db")
    assert len(list(office.glob("lossboard.db.before-*"))) >= 1
    with running(office) as service:
        assert at_risk(service.snapshot()) == (TASKS, "25920.00")
        service.task("t0", completed=True)  # the CRM says it again
        assert at_risk(service.snapshot()) == (TASKS - 1, "20736.00")
        assert service.stop() == 0
    assert "0 differences" in done(office, "verify")


def test_a_rollback_that_the_schema_allows_needs_no_backup(office: Path) -> None:
    done(office, "migrate")
    with running(office) as service:
        assert at_risk(service.snapshot()) == (TASKS, "25920.00")


def test_an_office_moves_to_another_machine(office: Path, tmp_path: Path) -> None:
    (link,) = re.findall(
        r"https?://\S+", done(office, "screens", "add", "office", "Wall", "--url", "https://a.example")
    )
    done(office, "backup", "moved.db")
    there = tmp_path / "there"
    there.mkdir()
    (there / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
    shutil.copy(office / "moved.db", there)
    done(there, "restore", "moved.db")
    assert "0 differences" in done(there, "verify")
    with running(there) as service:
        assert at_risk(service.snapshot()) == (TASKS, "25920.00")
        opened = service.client.get(
            service.url + link.removeprefix("https://a.example"), headers={"authorization": ""}
        )
        assert opened.status_code == 303, "links of screens stay valid"


def test_a_webhook_and_a_deal_take_the_disk_that_the_document_says() -> None:
    document = (ROOT / "docs" / "how-to" / "upkeep.md").read_text(encoding="utf-8")
    told = {
        "webhook": re.findall(r"\| a webhook \| (\d+) \|", document),
        "kept": re.findall(r"then some (\d+) bytes of its key", document),
        "deal": re.findall(r"\| a deal \| (\d+) \|", document),
    }
    measured = asdict(measure())
    assert {name: float(figure) for name, (figure,) in told.items()} == pytest.approx(measured, rel=0.15)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return made(tmp_path_factory.mktemp("machine"))


def test_the_image_that_the_dockerfile_builds_serves_read_only_and_without_rights(
    machine: Machine, tmp_path: Path
) -> None:
    described = json.loads(machine.run("buildah", "inspect", "--type=image", IMAGE))["Docker"]["config"]
    os.chown(tmp_path, 10001, 10001)
    (tmp_path / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
    with machine.container() as root:
        command = [*described["Entrypoint"], *described["Cmd"]]
        with _serving(read_only(root, tmp_path, *described["Env"], *command)) as process:
            inside = ["nsenter", f"--target={process}", "--mount", "--net", "--pid", "--root", "--wd=/"]
            there = ["env", f"--chdir={described['WorkingDir']}", *described["Env"]]
            machine.run(*inside, *there, *described["Healthcheck"]["Test"][1:])
            machine.run(*inside, *there, "lossboard", "verify", "--config", command[-1])
        assert (tmp_path / "lossboard.db").stat().st_uid == int(described["User"].partition(":")[0])


@contextlib.contextmanager
def _serving(command: list[str]) -> Iterator[int]:
    """A container that serves; gives the number of its only process, which is stopped at the end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert "/boards/office" in parent.stdout.readline()
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text(encoding="utf-8")
        process = int(children.split()[0])
        try:
            yield process
            os.kill(process, signal.SIGTERM)
            assert parent.wait(MINUTES) == 0
        finally:
            if parent.poll() is None:
                os.kill(process, signal.SIGKILL)


def test_systemd_starts_watches_backs_up_and_stops_the_service(machine: Machine) -> None:
    with machine.container() as root:
        units = root / "etc/systemd/system"
        for path in (ROOT / "deploy" / "systemd").iterdir():
            shutil.copy(path, units)
        (units / "check.service").write_text(CHECK, encoding="utf-8")
        (units / "lossboard.service.d").mkdir()
        (units / "lossboard.service.d" / "soon.conf").write_text(SOON, encoding="utf-8")
        shutil.copy(ROOT / "tests/deploy/check.py", root)
        shutil.rmtree(root / "var/lib/lossboard")
        (root / "etc/lossboard").mkdir()
        config = root / "etc/lossboard/lossboard.toml"
        config.write_text(CONFIG, encoding="utf-8")
        for path in (config, config.parent):
            os.chown(path, 10001, 10001)
        subprocess.run(booted(root), stdin=subprocess.DEVNULL, check=False, timeout=5 * MINUTES)
        found = json.loads((root / "result.json").read_text(encoding="utf-8"))
    assert (found["active"], found["status"]) == ("active", "Serving http://127.0.0.1:8000")
    assert (found["ready"], found["ready again"]) == ("ready", "ready")
    assert found["rights"] == ["0" * 16, "1", "2"], "no capability, no new ones, system calls filtered"
    assert found["backups"] == ["0o600"]
    assert found["restarts"] == "1", "the watchdog ended the process that hung"
    assert found["stopped"] == ["success", "0"]


@pytest.mark.parametrize("part", ["tests/ledger", "tests/webhooks", "tests/e2e/test_moved_files.py"])
def test_the_ledger_is_the_same_on_apsw(part: str, tmp_path: Path) -> None:
    """The tests of the ledger on SQLite, in a Python that has no `pysqlite3`."""
    (tmp_path / "without_pysqlite3.py").write_text(
        "import sys; sys.modules['pysqlite3'] = None\n", encoding="utf-8"
    )
    left_out = ["--ignore=tests/ledger/database/test_drivers.py", "-k", "not postgres"]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "without_pysqlite3",
        "-p",
        "no:cacheprovider",
        *left_out,
    ]
    paths = os.pathsep.join((str(tmp_path), str(ROOT)))
    ran = subprocess.run(
        [*command, part],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
