"""The Prometheus metrics. Each application has a registry of its own, so that tests share no figures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The service's metrics; docs/how-to/operations.md lists them."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
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
        self._batch = histogram(
            "lossboard_commit_deliveries",
            "Deliveries in one commit",
            buckets=(0, 1, 2, 4, 8, 16, 32, 64, 128, 256),
        )
        self._commit = histogram(
            "lossboard_commit_seconds",
            "Time from the start of a batch to its commit",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
        )
        self._last_delivery = gauge(
            "lossboard_last_delivery_timestamp_seconds", "When an account's last delivery came", account
        )
        self._depth = gauge("lossboard_queue_depth", "Deliveries waiting for a commit")
        self._closed = counter(
            "lossboard_connections_closed",
            "Connections closed for what they sent or for want of room",
            ("cause",),
        )
        self._streams = gauge("lossboard_screens", "Open event streams")
        self._storing = gauge("lossboard_storing", "1 while deliveries can be stored, else 0")
        self._sound = gauge("lossboard_database_sound", "0 once damage of the database is known")

    def watch(
        self,
        queue_depth: Callable[[], int],
        streams: Callable[[], int],
        storing: Callable[[], bool],
        sound: Callable[[], float],
    ) -> None:
        """Read these figures whenever the metrics are asked for."""
        self._depth.set_function(queue_depth)
        self._streams.set_function(streams)
        self._storing.set_function(storing)
        self._sound.set_function(sound)

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

    def on_delivery(self, account_id: str, seconds: float) -> None:
        """Record when an account's last delivery came, in seconds since 1970."""
        self._last_delivery.labels(account_id).set(seconds)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
