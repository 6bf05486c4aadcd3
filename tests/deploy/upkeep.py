"""What an operator does with an installation: the commands of docs/how-to/upkeep.md, in its order. In `make
soak`: the new version is a second copy of the code, so every command is a process."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.blocks import blocks
from tests.deploy.disk import measure
from tests.e2e.running import BEARER, CONFIG, PROGRAM, ROOT, browser_of, iso, running, signed, soon
from tests.ports import free_ports
from tests.walked import walked

MIGRATION: Final = '''"""A column more, which the version before does not know."""
import sqlalchemy as sa
from alembic import op
revision, down_revision, oldest, safe_because = "9999", "0001", "9999", "nobody: the version before must stop"
def upgrade():
    op.add_column("deals", sa.Column("mood", sa.Text(), nullable=False, server_default="calm"))
'''
TASKS: Final = 5

UPKEEP: Final = "docs/how-to/upkeep.md"

SYSTEMCTL: Final = """#!/bin/bash
set -eu
cd "{folder}/var/lib/lossboard"
if [[ "$1" =~ stop|disable|restart && -s running ]]; then
  kill "$(cat running)"; tail --follow=descriptor --pid="$(cat running)" /dev/null; rm running
fi
if [[ "$1" =~ start|enable ]]; then
  setsid "{folder}/opt/lossboard/bin/lossboard" serve --port {port} > log 2>&1 < /dev/null & echo $! > running
  until curl --fail --silent --output /dev/null http://127.0.0.1:{port}/readyz; do
    kill -0 "$(cat running)"; sleep 0.1
  done
fi
"""
"""Does with the service what systemd does, where there is no systemd."""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The next version: this one with a migration that this one cannot work with."""
    copied = tmp_path / "newer"
    for name in ("service", "alembic"):
        shutil.copytree(ROOT / name, copied / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copied / "alembic" / "versions" / "9999_mood.py").write_text(MIGRATION, encoding="utf-8")
    return copied


@dataclass(frozen=True)
class Host:
    """A machine as docs/how-to/upkeep.md has it, in a folder: `/opt`, `/var/lib/lossboard`, and a `systemctl`
    that starts and stops the service as the units do."""

    folder: Path
    port: int

    @property
    def office(self) -> Path:
        """Where commands run."""
        return self.folder / "var/lib/lossboard"

    @property
    def url(self) -> str:
        """Where the service listens."""
        return f"http://127.0.0.1:{self.port}"

    def put(self, version: str, code: Path) -> None:
        """Put a version beside the others."""
        program = self.folder / "opt" / version / "bin/lossboard"
        program.parent.mkdir(parents=True)
        command = f'PYTHONPATH="{code}" exec {shlex.join(PROGRAM)} "$@"'
        program.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
        program.chmod(0o755)

    def follow(self, shown: str, **replaced: str) -> None:
        """Run the commands of a block here, where some words of it stand for others."""
        for word, other in {"/opt/": f"{self.folder}/opt/", **replaced}.items():
            shown = shown.replace(word, other)
        path = f"{self.folder}/opt/lossboard/bin:{self.folder}/bin:{os.environ['PATH']}"
        with walked(f"```console\n{shown}```\n", self.office, variables={"PATH": path}):
            pass

    def systemctl(self, command: str) -> None:
        """Start or stop the service."""
        self.follow(f"$ systemctl {command} lossboard\n")

    def board(self) -> tuple[int, str]:
        """How many clients are at risk, and the amount."""
        with browser_of(**BEARER) as client:
            found = client.get(f"{self.url}/boards/office/snapshot").json()["at_risk"]
        return found["clients"], found["amount"]

    def task_is_done(self, number: int) -> None:
        """The CRM says that a task is done."""
        now = iso(soon(0))
        body = json.dumps(
            {"type": "task.changed", "timestamp": now, "data": {"id": f"t{number}", "completed": True}}
        )
        with browser_of(**signed(f"done-{now}", body)) as client:
            assert client.post(f"{self.url}/webhooks/office", content=body).status_code == 200


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Callable[[str], Host]]:
    """Makes machines with this version; what still runs on them is stopped at the end."""
    made: list[Host] = []

    def make(name: str) -> Host:
        host = Host(tmp_path / name, free_ports(1)[0])
        for folder in (host.office, host.folder / "bin"):
            folder.mkdir(parents=True)
        (host.office / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
        host.put("lossboard-0.1.0", ROOT)
        (host.folder / "opt/lossboard").symlink_to("lossboard-0.1.0")
        program = host.folder / "bin/systemctl"
        program.write_text(SYSTEMCTL.format(folder=host.folder, port=host.port), encoding="utf-8")
        program.chmod(0o755)
        made.append(host)
        return host

    yield make
    for host in made:
        host.systemctl("stop")


@pytest.fixture
def host(hosts: Callable[[str], Host]) -> Host:
    """A machine with some data, whose service runs."""
    here = hosts("here")
    with running(here.office) as service:
        for number in range(TASKS):
            client = {"id": str(number), "name": f"Иван {number}"}
            service.deal(f"{number}", name="Абонемент", amount="5184.00", client=client)
            due = iso(soon(-600))
            service.task(f"t{number}", deal_id=f"{number}", text="позвонить", due_at=due, completed=False)
        assert service.stop() == 0
    here.systemctl("enable --now")
    return here


def run(host: Host, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the version that is installed."""
    program = str(host.folder / "opt/lossboard/bin/lossboard")
    return subprocess.run([program, *arguments], cwd=host.office, capture_output=True, text=True, check=False)


def shown(section: str) -> list[str]:
    """The consoles in a section of docs/how-to/upkeep.md."""
    text = (ROOT / UPKEEP).read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [block.text for block in blocks(UPKEEP, text)]


def test_an_office_is_upgraded_rolled_back_and_restored_by_the_document(host: Host, newer: Path) -> None:
    backup, change_over = shown("Upgrade")
    host.follow(backup)
    host.put("lossboard-0.2.0", newer)
    host.follow(change_over)
    assert host.board() == (TASKS, "25920.00")
    host.task_is_done(0)
    assert host.board() == (TASKS - 1, "20736.00")

    host.systemctl("stop")
    (host.folder / "opt/lossboard").unlink()
    (host.folder / "opt/lossboard").symlink_to("lossboard-0.1.0")
    for command in ("serve", "migrate"):
        refused = run(host, command)
        assert refused.returncode == 1
        assert "needs a newer version of the service" in refused.stderr
        assert "Traceback" not in refused.stderr
    (roll_back,) = shown("Roll back")
    host.follow(roll_back)
    assert host.board() == (TASKS, "25920.00")
    host.task_is_done(0)  # the CRM says it again
    assert host.board() == (TASKS - 1, "20736.00")

    (restore,) = shown("Restore a backup")
    host.follow(restore)
    assert host.board() == (TASKS, "25920.00")
    assert len(list(host.office.glob("lossboard.db.before-*"))) == 2


def test_a_rollback_that_the_schema_allows_needs_no_backup(host: Host) -> None:
    host.systemctl("stop")
    assert run(host, "migrate").returncode == 0
    host.systemctl("start")
    assert host.board() == (TASKS, "25920.00")


def test_an_office_moves_to_another_machine_by_the_document(host: Host, hosts: Callable[[str], Host]) -> None:
    added = run(host, "screens", "add", "office", "Wall", "--url", "https://a.example")
    (link,) = re.findall(r"https?://\S+", added.stdout)
    there = hosts("there")
    old, new = shown("Move to another machine")
    host.follow(old, **{"scp": "cp", "new:/var/lib/lossboard": str(there.office)})
    assert run(host, "verify").returncode == 0, "nothing of the old one is gone"
    there.follow(new)
    assert there.board() == (TASKS, "25920.00")
    with browser_of() as client:
        opened = client.get(there.url + link.removeprefix("https://a.example"))
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
