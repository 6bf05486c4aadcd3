"""The metrics are complete from the start, right after a restart, and exact for several processes."""

from __future__ import annotations

import multiprocessing
import os
import re
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import values

from service import metrics
from service.adapters.api import Meaning
from service.adapters.protocol import Cause
from service.metrics import Metrics, series
from service.metrics.series import Standing, Standings
from service.model import Instant, TroubleCode

OFFICE = Standings(4096, {"office": Standing(asks=True), "quiet": Standing()})
ROOT = Path(__file__).parents[1]


def shown(counting: Metrics, standings: Standings = OFFICE) -> dict[str, float]:
    """The value of each series."""
    lines = [line for line in counting.text(standings).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_every_series_is_there_from_the_start() -> None:
    counting = Metrics()
    before = shown(counting)
    for result in series.RESULTS:
        counting.webhook("office", result)
    for cause in (*series.CAUSES, "wrong_token"):
        counting.failed_proof("office", cause, braked=True)
        counting.failed_proof("office", cause, braked=False)
    for verdict in series.VERDICTS:
        counting.api_call("office", verdict)
    for result in ("no_account", "wrong_method"):
        counting.webhook("", result)
    for cause in series.OF_NO_ACCOUNT:
        counting.failed_proof("", cause, braked=True)
    counting.conflict("office")
    counting.repaired("office", 3)
    for cause in ("no_room", "bad_request", "request_header_fields_too_large"):
        counting.connection_closed(cause)
    counting.commit(1, 0.002)
    after = shown(counting)
    assert after.keys() == before.keys()
    grown = [name for name in after if name.startswith("lossboard_") and after[name] > before[name]]
    assert len(grown) > 40
    of_quiet = {name for name in after if 'account="quiet"' in name}
    assert len(of_quiet) > 30
    assert not any("api_" in name or "needs" in name for name in of_quiet)


def test_what_is_counted_is_what_is_declared() -> None:
    assert get_args(Cause) == series.CAUSES
    assert set(get_args(Meaning)) == set(series.VERDICTS)
    source = (ROOT / "service/webhooks/endpoint.py").read_text(encoding="utf-8")
    results = set(re.findall(r'(?:return|,) "(\w+)"(?:,|\)$)', source, re.MULTILINE))
    assert {"too_slow", "defect", "disconnected"} <= results
    assert results <= {*series.RESULTS, "no_account"}


def test_what_the_database_holds_is_shown() -> None:
    standing = Standing(True, Instant(1_500_000), 2, 3, Instant(2_500_000), {"api_token": 1})
    now = shown(Metrics(), Standings(4096, {"office": standing}))
    assert now["lossboard_database_bytes"] == 4096
    assert now['lossboard_last_delivery_timestamp_seconds{account="office"}'] == 1.5
    assert now['lossboard_quarantine{account="office"}'] == 2
    assert now['lossboard_needs{account="office"}'] == 3
    assert now['lossboard_synced_timestamp_seconds{account="office"}'] == 2.5
    troubles = {
        code: now[f'lossboard_troubles{{account="office",code="{code}"}}'] for code in get_args(TroubleCode)
    }
    assert troubles == {**dict.fromkeys(get_args(TroubleCode), 0), "api_token": 1}


def test_the_process_and_the_version_are_shown() -> None:
    now = shown(Metrics())
    assert now["process_resident_memory_bytes"] > 1e6
    assert now["process_cpu_seconds_total"] > 0
    assert [
        name for name in now if re.fullmatch(r'lossboard_build_info\{python="3.*",version="\d.*"\}', name)
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the processes of this test count."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    metrics.share(tmp_path)
    return tmp_path


def work(times: int) -> None:
    counting = Metrics()
    counting.watch(lambda: times, lambda: 2, lambda: times != 3, lambda: 1.0)
    for _ in range(times):
        counting.webhook("office", "applied")
        counting.commit(2, 0.002)
    os._exit(0)


@pytest.mark.usefixtures("folder")
def test_several_processes_are_added_up_exactly_and_what_a_dead_one_counted_stays() -> None:
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=work, args=(times,)) for times in (3, 4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    counting = Metrics()
    counting.watch(lambda: 1, lambda: 1, lambda: True, lambda: 1.0)
    counting.webhook("office", "applied")
    assert counting.is_shared
    for dead in (None, *workers):
        if dead is not None:
            metrics.died(dead.pid or 0)
        now = shown(counting)
        assert now['lossboard_webhooks_total{account="office",result="applied"}'] == 8
        assert now['lossboard_webhooks_total{account="quiet",result="applied"}'] == 0
        assert now["lossboard_commit_deliveries_sum"] == 14
        assert now['lossboard_commit_seconds_bucket{le="0.0025"}'] == 7
        alive = {"None": (8, 5, 0), str(workers[0].name): (5, 3, 1), str(workers[1].name): (1, 1, 1)}
        gauges = tuple(now[f"lossboard_{name}"] for name in ("queue_depth", "screens", "storing"))
        assert gauges == alive[str(dead and dead.name)]
    assert [name for name in now if "rss" in name or "resident" in name] == [
        f'process_resident_memory_bytes{{pid="{os.getpid()}"}}'
    ]
