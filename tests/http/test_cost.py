"""What a request without proof may cost, whatever its address and its headers: nowhere does one hold the
event loop for longer than the fixed work of `tests.yardstick`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from service.http.around.address import MAX_PARAMETERS, MAX_QUERY
from service.http.limits import MAX_FIELDS, MAX_HEAD
from service.metrics import Metrics
from tests.strangers import ask, stranger_app
from tests.yardstick import too_long

PIECES: Final = tuple('a / %41 % a& & = a=%41& token=a& ; a=b; , \\ " [ 0 en;q=0.1,'.split())
PATHS: Final = (
    "/",
    "/boards/office",
    "/boards/office/deals",
    "/static/x",
    "/webhooks/amo",
    "/webhooks/office",
    "/metrics",
)
HEADERS: Final = (
    "accept",
    "accept-language",
    "authorization",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "if-none-match",
    "last-event-id",
    "x-forwarded-for",
)


def filled(piece: str, size: int) -> str:
    return (piece * (size // len(piece) + 1))[:size]


def requests(path: str) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Requests to a path that are as large as the server lets through; each with its name."""
    for piece in PIECES:
        yield f"path of {piece}", path + filled(piece, MAX_HEAD), "", {}
        yield f"query of {piece}", path, filled(piece, MAX_HEAD), {}
        yield f"short query of {piece}", path, filled(piece, MAX_QUERY), {}
        yield f"token of {piece}", path, "token=" + filled(piece, MAX_QUERY - 6), {}
        for name in HEADERS:
            yield f"{name} of {piece}", path, "token=a", {name: filled(piece, MAX_HEAD)}
        yield f"cookie of {piece}", path, "", {"cookie": "lossboard_office=" + filled(piece, MAX_HEAD)}
    yield "parameters", path, filled("a=%41&", 6 * MAX_PARAMETERS - 1), {}
    yield "fields", path, "", {f"x-{number}": "a" * 100 for number in range(MAX_FIELDS)}


@pytest.mark.parametrize("path", PATHS)
def test_no_request_without_proof_holds_the_loop(path: str) -> None:
    app = stranger_app(Metrics())
    method = "POST" if path.startswith("/webhooks") else "GET"
    with asyncio.Runner() as runner:
        loop = runner.get_loop()

        def asked(path: str, query: str, headers: dict[str, str]) -> Callable[[], object]:
            return lambda: loop.run_until_complete(ask(app, method, path, query, headers))

        works = {name: asked(at, query, headers) for name, at, query, headers in requests(path)}
        assert too_long(works) == {}
