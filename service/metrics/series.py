"""Which series the metrics have, and what they show of the database and of the process.

Every series is there from the start, at zero: a rule over a series that is not there says nothing, and the
first of something is no increase. One that nobody counted is made when the metrics are asked for, so that it
costs a service with thousands of accounts neither memory nor time at the start.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from itertools import product
from typing import Final, get_args

from prometheus_client import ProcessCollector
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from service.model import SECOND, Instant, TroubleCode

CAUSES: Final = ("headers", "stale", "signature", "token", "account")
"""Why a webhook is not authentic; `adapters.protocol.Cause`."""

RESULTS: Final = (
    *("applied", "duplicate", "quarantined", "braked", "defect", "disconnected", "overloaded", "over_budget"),
    *("too_large", "too_slow", "unavailable", "wrong_method", "wrong_type"),
    *(f"not_authentic_{cause}" for cause in CAUSES),
)
"""The results of a webhook to an account."""

VERDICTS: Final = ("answered", "gone", "refused", "later")
"""What an answer of a CRM's API means; `adapters.api.Meaning`."""

BRAKED: Final = ("no", "yes")


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands.

    Args:
        asks: Whether its CRM's API is asked.
        last_delivery_at: None before the first one.
        quarantined: Deliveries in quarantine.
        needs: What the API is still to be asked for.
        synced_at: State agrees with the CRM up to then; None before the first run is complete.
        troubles: How many there are, by code.
    """

    asks: bool = False
    last_delivery_at: Instant | None = None
    quarantined: int = 0
    needs: int = 0
    synced_at: Instant | None = None
    troubles: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standings:
    """What the metrics show of the database.

    Args:
        size: In bytes.
        accounts: How each stands, by its id.
    """

    size: int = 0
    accounts: Mapping[str, Standing] = field(default_factory=dict)


OF_NO_ACCOUNT: Final = ("wrong_token", "metrics_token", "admin_token")
"""Causes of failed proofs that are of no account: a link to no board that there is, and the two tokens of the
service."""


def complete(counted: Iterable[Metric], standings: Standings) -> Iterator[Metric]:
    """What was counted, with a zero for every series that nobody counted yet."""
    accounts = list(standings.accounts)
    asking = [account for account, standing in standings.accounts.items() if standing.asks]
    causes = [*product(accounts, (*CAUSES, "wrong_token"), BRAKED), *product([""], OF_NO_ACCOUNT, BRAKED)]
    results = [*product(accounts, RESULTS), ("", "no_account"), ("", "wrong_method")]
    expected: dict[str, tuple[tuple[str, ...], Iterable[tuple[str, ...]]]] = {
        "lossboard_webhooks": (("account", "result"), results),
        "lossboard_conflicts": (("account",), product(accounts)),
        "lossboard_failed_proofs": (("account", "cause", "braked"), causes),
        "lossboard_api_calls": (("account", "verdict"), product(asking, VERDICTS)),
        "lossboard_missed": (("account",), product(asking)),
        "lossboard_connections_closed": (
            ("cause",),
            product(("no_room", "bad_request", "request_header_fields_too_large")),
        ),
    }
    for metric in counted:
        if metric.name in expected:
            names, series = expected[metric.name]
            there = {tuple(sample.labels[name] for name in names) for sample in metric.samples}
            for values in series:
                if values not in there:
                    metric.add_sample(f"{metric.name}_total", dict(zip(names, values, strict=True)), 0.0)
        yield metric


def of_database(standings: Standings) -> Iterator[Metric]:
    """What the database holds. A moment that has not come yet is 0."""
    yield GaugeMetricFamily(
        "lossboard_database_bytes",
        "Size of the database; of SQLite, with its write-ahead log",
        value=standings.size,
    )
    of_accounts: list[tuple[str, str, Callable[[Standing], float]]] = [
        (
            "lossboard_last_delivery_timestamp_seconds",
            "When an account's last delivery came; 0 before the first one",
            lambda standing: (standing.last_delivery_at or 0) / SECOND,
        ),
        ("lossboard_quarantine", "Deliveries in quarantine", lambda standing: standing.quarantined),
    ]
    of_asking: list[tuple[str, str, Callable[[Standing], float]]] = [
        ("lossboard_needs", "What a CRM's API is still to be asked for", lambda standing: standing.needs),
        (
            "lossboard_synced_timestamp_seconds",
            "Up to when an account agrees with its CRM's API; 0 before the first run is complete",
            lambda standing: (standing.synced_at or 0) / SECOND,
        ),
    ]
    for asking, declared in ((False, of_accounts), (True, of_asking)):
        for name, meaning, value in declared:
            family = GaugeMetricFamily(name, meaning, labels=("account",))
            for account, standing in standings.accounts.items():
                if standing.asks or not asking:
                    family.add_metric((account,), value(standing))
            yield family
    troubles = GaugeMetricFamily(
        "lossboard_troubles",
        "What is wrong between a CRM and the service",
        labels=("account", "code"),
    )
    for account, standing in standings.accounts.items():
        for code in get_args(TroubleCode):
            if standing.asks or code == "requests_refused":
                troubles.add_metric((account, code), standing.troubles.get(code, 0))
    yield troubles


def of_build() -> Metric:
    """Which version of the service this is; the value is always 1."""
    labels = {"version": version("lossboard"), "python": platform.python_version()}
    family = GaugeMetricFamily("lossboard_build_info", "The version of the service", labels=tuple(labels))
    family.add_metric(tuple(labels.values()), 1)
    return family


def of_processes(pids: Iterable[int], *, labelled: bool) -> Iterator[Metric]:
    """CPU time, memory and file descriptors of the processes that serve together, each labelled with its
    number: the sum of their CPU time would fall when one of them ends."""
    families: dict[str, Metric] = {}
    for pid in pids:
        for metric in ProcessCollector(pid=partial(int, pid), registry=None).collect():
            family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
            for sample in metric.samples:
                family.add_sample(sample.name, {"pid": str(pid)} if labelled else {}, sample.value)
    yield from families.values()
