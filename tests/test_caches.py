"""No cache grows with what strangers send: each has a bound, or is keyed by what there are a few of."""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib
import inspect
import pkgutil
import tracemalloc
from collections.abc import Iterator
from typing import Any, Final

from starlette.applications import Starlette

import service
from service.metrics import Metrics
from service.metrics.series import Standings
from tests.strangers import ask, stranger_app

FEW: Final = frozenset({"Language", "Entity", "Relation", "bool", "type[Figure]"})
"""Types that have a few values, all of them in the code. A text or a number has as many as anybody sends."""

MOST: Final = 65_536
"""Entries in the largest cache; of numbers."""


def caches() -> dict[str, Any]:
    """Every cache of `functools` in the service, wherever it is kept."""
    for module in pkgutil.walk_packages(service.__path__, "service."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = [kept for kept in gc.get_objects() if isinstance(kept, functools._lru_cache_wrapper)]
    return {
        f"{cache.__module__}.{cache.__qualname__}": cache
        for cache in found
        if cache.__module__.partition(".")[0] == "service"
    }


def is_bounded(cache: Any) -> bool:
    """Whether a cache has a bound, or its keys have few values."""
    most: int | None = cache.cache_parameters()["maxsize"]
    if most is not None:
        return 0 < most <= MOST
    return all(parameter.annotation in FEW for parameter in inspect.signature(cache).parameters.values())


def test_every_cache_has_a_bound_or_few_keys() -> None:
    found = caches()
    assert len(found) > 15
    assert [name for name, cache in found.items() if not is_bounded(cache)] == []


def test_a_cache_without_a_bound_is_found() -> None:
    @functools.cache
    def forgetful(name: str) -> str:
        return name

    assert not is_bounded(forgetful)


STRANGE: Final = (
    "/static/{}",
    "/static/{}.js",
    "/boards/{}",
    "/boards/office?token={}",
    "/boards/office/{}",
    "/webhooks/{}",
    "/webhooks/amo?token={}",
    "/metrics?{}",
    "/{}",
)
"""What can hold a name of a stranger's choice."""

NAME: Final = 400
"""Characters of such a name."""


def requests(numbers: range) -> Iterator[tuple[str, str, str, str]]:
    """Method, path, query and a name of requests that no other request is like."""
    for number in numbers:
        for address in STRANGE:
            path, _, query = address.format(f"{number:0{NAME}}").partition("?")
            yield "POST" if path.startswith("/webhooks") else "GET", path, query, f"{number:08}"


async def ask_all(app: Starlette, numbers: range) -> None:
    for method, path, query, name in requests(numbers):
        await ask(app, method, path, query, {"host": f"{name}.example", "cookie": f"lossboard_office={name}"})


def test_names_that_strangers_make_up_cost_no_memory() -> None:
    app = stranger_app(Metrics())

    async def grown() -> int:
        await ask_all(app, range(25))
        gc.collect()
        tracemalloc.start()
        await ask_all(app, range(25, 50))
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size

    assert asyncio.run(grown()) < 25 * NAME


def test_no_label_of_a_metric_comes_from_a_request() -> None:
    metrics = Metrics()
    app = stranger_app(metrics)
    counts = []
    for numbers in (range(30), range(30, 60)):
        asyncio.run(ask_all(app, numbers))
        counts.append(len(metrics.text(Standings()).splitlines()))
    assert counts[0] == counts[1]
