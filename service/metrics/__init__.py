"""The Prometheus metrics. Each application has a registry of its own, so that tests share no figures.

Several processes that serve together count into files of one folder, which the library adds up, so that each
of them answers for all, and what a process had counted stays when it dies.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from service.metrics import series
from service.metrics.series import Standings

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

REFRESH_SECONDS: Final = 1.0
"""How old a gauge of another process can be."""

_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable in which the library looks for the folder that processes share."""

# They are a second line for each counter, which nothing here reads.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


def share(folder: Path) -> None:
    """Let the processes that are forked from now on count together, in a folder that is empty."""
    os.environ[_FOLDER] = str(folder)
    # The library itself looks only as it is imported.
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]


def died(pid: int) -> None:
    """Forget what a process that died had open: its screens, its queue. What it counted stays."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]


class Metrics:
    """The service's metrics; docs/how-to/operations.md lists them."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._folder = os.environ.get(_FOLDER)
        counter = partial(Counter, registry=registry)
        account = ("account",)
        self._webhooks = counter("lossboard_webhooks", "Webhook requests by result", (*account, "result"))
        self._by_result: dict[tuple[str, str], Counter] = {}
        self._conflicts = counter(
            "lossboard_conflicts", "Webhooks whose id came before with another body", account
        )
        self._failed_proofs = counter(
            "lossboard_failed_proofs", "Requests that were not authentic", (*account, "cause", "braked")
        )
        self._calls = counter("lossboard_api_calls", "Calls to CRMs' APIs by verdict", (*account, "verdict"))
        self._repaired = counter(
            "lossboard_missed", "Deals and tasks that a reconciliation repaired", account
        )
        self._closed = counter(
            "lossboard_connections_closed",
            "Connections closed for what they sent or for want of room",
            ("cause",),
        )
        self._batch, self._commit = _commits(registry)
        self._gauges = _gauges(registry)
        self._read: tuple[Callable[[], float], ...] = ()

    def watch(
        self,
        queue_depth: Callable[[], int],
        streams: Callable[[], int],
        storing: Callable[[], bool],
        sound: Callable[[], float],
    ) -> None:
        """Read these figures whenever the metrics are asked for, and for other processes each second."""
        self._read = queue_depth, streams, storing, sound
        self._refresh()

    @property
    def is_shared(self) -> bool:
        """Whether other processes show what this one counts."""
        return self._folder is not None

    async def run(self) -> None:
        """Let the processes that share the metrics know the watched figures, until cancelled."""
        while self.is_shared:
            self._refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    def api_call(self, account_id: str, verdict: str) -> None:
        """Count one call to a CRM's API."""
        self._calls.labels(account_id, verdict).inc()

    def repaired(self, account_id: str, entities: int) -> None:
        """Count the deals and tasks that a reconciliation repaired."""
        self._repaired.labels(account_id).inc(entities)

    def webhook(self, account_id: str, result: str) -> None:
        """Count one webhook request. `account_id` is empty if there is no such account."""
        counter = self._by_result.get((account_id, result))
        if counter is None:  # the labels are looked up once: that takes longer than to count
            counter = self._by_result[account_id, result] = self._webhooks.labels(account_id, result)
        counter.inc()

    def failed_proof(self, account_id: str, cause: str, braked: bool) -> None:
        """Count a request that was not authentic; `braked` if its address had too many of them."""
        self._failed_proofs.labels(account_id, cause, "yes" if braked else "no").inc()

    def conflict(self, account_id: str) -> None:
        """Count a webhook whose id came before with another body."""
        self._conflicts.labels(account_id).inc()

    def connection_closed(self, cause: str) -> None:
        """Count a connection that was closed because of what it sent, or because there were too many."""
        self._closed.labels(cause).inc()

    def commit(self, deliveries: int, seconds: float) -> None:
        """Count one commit."""
        self._batch.observe(deliveries)
        self._commit.observe(seconds)

    def text(self, standings: Standings) -> bytes:
        """All metrics in Prometheus' text format. For a thread: thousands of accounts take a while."""
        return generate_latest(_Shown(self, standings))

    def families(self, standings: Standings) -> Iterator[Metric]:
        """Every metric, with all of its series."""
        self._refresh()
        yield from series.complete(self._counted(), standings)
        yield from series.of_database(standings)
        yield series.of_build()
        yield from series.of_processes(self._pids(), labelled=self.is_shared)

    def _refresh(self) -> None:
        for gauge, read in zip(self._gauges, self._read, strict=False):  # nothing is watched at first
            gauge.set(read())

    def _counted(self) -> Iterable[Metric]:
        """What this process counted, or all that share its folder."""
        counted = {metric.name: metric for metric in self._registry.collect()}
        if self._folder is not None:
            shared = MultiProcessCollector(None, self._folder)  # type: ignore[no-untyped-call]
            counted |= {metric.name: metric for metric in shared.collect()}  # type: ignore[no-untyped-call]
        return counted.values()

    def _pids(self) -> list[int]:
        """The processes that share the folder; this one alone if none does."""
        if self._folder is None:
            return [os.getpid()]
        files = Path(self._folder).glob("gauge_livesum_*.db")
        return sorted(int(file.stem.rpartition("_")[2]) for file in files)


def _commits(registry: CollectorRegistry) -> tuple[Histogram, Histogram]:
    """The deliveries and the seconds of commits."""
    return Histogram(
        "lossboard_commit_deliveries",
        "Deliveries in one commit",
        buckets=(0, 1, 2, 4, 8, 16, 32, 64, 128, 256),
        registry=registry,
    ), Histogram(
        "lossboard_commit_seconds",
        "Time from the start of a batch to its commit",
        buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
        registry=registry,
    )


def _gauges(registry: CollectorRegistry) -> tuple[Gauge, ...]:
    """What is watched. The first two of several processes are added up; of the others the least counts."""
    total = partial(Gauge, registry=registry, multiprocess_mode="livesum")
    least = partial(Gauge, registry=registry, multiprocess_mode="livemin")
    return (
        total("lossboard_queue_depth", "Deliveries waiting for a commit"),
        total("lossboard_screens", "Open event streams"),
        least("lossboard_storing", "1 while deliveries can be stored, else 0"),
        least("lossboard_database_sound", "0 once damage of the database is known"),
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """The metrics as they are at one moment, for the library's writer of text."""

    metrics: Metrics
    standings: Standings

    def collect(self) -> Iterable[Metric]:
        """Every metric."""
        return self.metrics.families(self.standings)
