"""`serve --workers`: several processes behind one socket, on PostgreSQL only."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from service.clock import SystemClock
from service.commands import screens
from service.config_file import load
from tests.databases import PostgresDatabases
from tests.e2e.running import (
    BEARER,
    CONFIG,
    PROGRAM,
    VIEWER,
    Event,
    Service,
    browser_of,
    events,
    lossboard,
    running,
    start,
    until,
)


@pytest.fixture
def postgres(postgres_databases: PostgresDatabases) -> Iterator[str]:
    url = postgres_databases.migrated()
    yield url
    postgres_databases.drop(url)


def workers(service: Service) -> list[psutil.Process]:
    children = psutil.Process(service.process.pid).children()
    return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]


def serving(service: Service) -> int:
    """The number of workers that have started to accept requests."""
    return "".join(service.lines).count("Application startup complete")


def screen(folder: Path, url: str) -> str:
    """The token of an editor's new screen."""
    config = replace(load(folder / "lossboard.toml", {}), database_url=url)
    return screens.add_screen(config, config.accounts[0], "desk", SystemClock(), role="editor").token


def lost(event: Event, kind: str) -> int | None:
    """The refusals of a kind that an event of the stream tells of. Excluded ones are in no sum."""
    sums = event.data.get("set", {}).get("losses")
    if sums is None:
        return None
    count: int = 9 - sums["total"]["count"] if kind == "excluded" else sums[kind]["count"]
    return count


def test_workers_share_the_address_and_one_that_dies_is_restarted(tmp_path: Path, postgres: str) -> None:
    bare = CONFIG.replace(f'viewer_token = "{VIEWER}"\n', "").replace('id = "amo"', 'id = "bare"')
    config = CONFIG + bare[bare.rindex("[[accounts]]") :]
    few = ("sh", "-c", 'ulimit -S -n 256 && exec "$@"', "sh", *PROGRAM)
    with running(tmp_path, "serve", "--workers", "2", url=postgres, config=config, program=few) as service:
        until(lambda: serving(service) == 2)
        limits = [worker.rlimit(psutil.RLIMIT_NOFILE) for worker in workers(service)]
        assert [soft for soft, _ in limits] == [hard for _, hard in limits]
        before = {worker.pid for worker in workers(service)}
        assert len(before) == 2
        (link,) = re.findall(r"\S+/boards/bare\?token=[\w-]+", "".join(service.lines))
        with events(f"{service.url}/boards/office/events") as stream:
            assert next(stream).name == "snapshot"
            for number in range(8):  # each over a connection of its own, to whichever worker takes it
                service.client.close()
                service.client = browser_of(**BEARER)
                service.deal(f"d{number}", status="lost", amount="1.00", reason="Выбрал других")
                assert service.client.get(link).status_code == 303
            seqs: list[int] = []
            while not seqs or seqs[-1] < 8:
                event = next(stream)
                if event.id is not None:
                    seqs.append(int(event.id))
            assert seqs == sorted(seqs)
            service.deal("d8", status="lost", amount="1.00", reason="Дорого")
            editor = screen(tmp_path, postgres)
            for kind in ("objective", "unclassified", "excluded"):
                with browser_of(authorization=f"Bearer {editor}") as client:  # to whichever worker takes it
                    verdict = {"reason": "дорого", "kind": kind}
                    said = client.post(f"{service.url}/boards/office/reasons", json=verdict)
                assert said.status_code == 200
                while lost(next(stream), kind) != 1:
                    pass
        dead = min(before)
        os.kill(dead, signal.SIGKILL)
        until(lambda: serving(service) == 3)
        assert dead not in {worker.pid for worker in workers(service)}
        assert len(workers(service)) == 2
        assert f"worker {dead} died with exit code -9" in "".join(service.lines)
        file = tmp_path / "lossboard.toml"
        file.write_text(config.replace("Отдел продаж", "Другой отдел").replace("Moscow", "Samara", 1))
        assert "changed: office" in lossboard(tmp_path, "reload", url=postgres).stdout
        until(lambda: "".join(service.lines).count("reloaded: changed: office") == 3)  # the parent's is one
        os.kill(min(worker.pid for worker in workers(service)), signal.SIGKILL)
        until(lambda: serving(service) == 4)
        for _ in range(8):
            service.client.close()
            service.client = browser_of(**BEARER)
            assert service.snapshot()["title"] == "Другой отдел"
        service.deal("d9", status="lost", amount="1.00", reason="Выбрал других")
        assert service.snapshot()["losses"]["total"]["count"] == 9
        for _ in range(4):  # whichever worker is asked
            service.client.close()
            service.client = browser_of(**BEARER)
            text = service.client.get(f"{service.url}/metrics").text
            assert 'lossboard_webhooks_total{account="office",result="applied"} 10.0' in text
            assert len(re.findall(r"^process_cpu_seconds_total\{", text, re.MULTILINE)) == 2
        assert service.stop() == 0
    assert "".join(service.lines).count("/boards/office") == 1, "the address is printed once"


def test_workers_do_not_outlive_their_parent(tmp_path: Path, postgres: str) -> None:
    service = start(tmp_path, "serve", "--workers", "2", url=postgres)
    until(lambda: serving(service) == 2)
    children = workers(service)
    service.kill()
    until(
        lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    )


def test_workers_on_sqlite_are_refused(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        assert service.stop() == 0
    refused = lossboard(tmp_path, "serve", "--workers", "2")
    assert refused.returncode == 1
    assert "--workers needs PostgreSQL" in refused.stderr
