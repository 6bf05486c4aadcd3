"""SIGKILL during a burst: every acknowledged delivery is stored and applied once, and the figures are
right."""

from __future__ import annotations

import random
from pathlib import Path

from tests.databases import PostgresDatabases, SqliteFiles
from tests.e2e.running import lossboard, running, until
from tests.soak.kills import kill_often

ROUNDS = 3


def test_what_was_acknowledged_survives_kill_9_and_is_applied_once(
    tmp_path: Path, databases: SqliteFiles | PostgresDatabases
) -> None:
    counts = kill_often(databases.migrated, tmp_path, ROUNDS, random.Random(20261127))
    assert counts["kills"] == ROUNDS
    assert 0 < counts["acknowledged"] <= counts["deliveries tried"]


def test_a_second_service_on_the_same_file_is_refused(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        second = lossboard(tmp_path, "serve", "--port", "0")
        assert second.returncode == 1
        assert "another process serves" in second.stderr
        assert service.process.poll() is None
        until(lambda: service.client.get(f"{service.url}/readyz").status_code == 200)
