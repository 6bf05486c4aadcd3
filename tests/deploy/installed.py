"""What is installed works: by docs/how-to/install.md, by the Dockerfile, by the units of systemd, on SQLite's
other driver. In `make soak`: it needs root and the network."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.blocks import blocks
from tests.deploy.machine import IMAGE, MINUTES, Machine, booted, build, debian, entered, read_only
from tests.e2e.running import CONFIG, ROOT

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
INSTALL: Final = "docs/how-to/install.md"
FOLLOWED: Final = """
[Unit]
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
TimeoutStartSec=240
WorkingDirectory=/checkout
ExecStart=/bin/bash -c "bash -ex /followed.sh > /told 2>&1"
"""
LEFT_OUT: Final = shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "bench")
SOON: Final = "[Service]\nWatchdogSec=4\nTimeoutAbortSec=3\n"
"""What a process that hangs is ended after, in seconds; a minute is too long for a test."""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Debian, without an image."""
    return debian(tmp_path_factory.mktemp("machine"))


@pytest.fixture(scope="module")
def machine(bare: Machine) -> Machine:
    build(bare)
    return bare


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


def test_who_follows_the_installation_has_a_service(bare: Machine, tmp_path: Path) -> None:
    installed, checked, started = (
        "\n".join(block.commands())
        for block in blocks(INSTALL)
        if block.language == "console" and "docker" not in block.text
    )
    root = tmp_path / "root"
    bare.run("cp", "--archive", str(bare.debian), str(root))
    shutil.copytree(ROOT, root / "checkout", ignore=LEFT_OUT)
    bare.run(*entered(root, installed))
    config = root / "etc/lossboard/lossboard.toml"
    assert config.stat().st_mode & 0o777 == 0o600
    assert config.stat().st_uid != 0
    config.write_text(CONFIG, encoding="utf-8")
    assert "office" in bare.run(*entered(root, checked))
    (root / "followed.sh").write_text(f"{started}\nsystemctl is-active lossboard-backup.timer\n", "utf-8")
    (root / "etc/systemd/system/check.service").write_text(FOLLOWED, encoding="utf-8")
    subprocess.run(booted(root), stdin=subprocess.DEVNULL, check=False, timeout=5 * MINUTES)
    told = (root / "told").read_text(encoding="utf-8")
    assert "active (running)" in told, told
    assert told.endswith("\nactive\n"), told


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
