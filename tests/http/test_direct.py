"""Which requests go past the framework, and what they bring along."""

from __future__ import annotations

import pytest

from service.http.around.direct import Direct
from service.problems import Message


async def led(path: str, root_path: str = "", kind: str = "http") -> object:
    """Where a request goes: the account of the endpoint, or None for the framework."""
    seen: list[object] = []

    async def framework(_scope: Message, _receive: object, _send: object) -> None:
        seen.append(None)

    async def endpoint(scope: Message, _receive: object, _send: object) -> None:
        seen.append(scope["path_params"]["account"])

    async def nothing(*_: object) -> Message:
        return {}

    direct = {"/webhooks/{account}": endpoint, "/boards/{account}/events": endpoint}
    app = Direct(framework, direct, root_path)
    await app({"type": kind, "path": path}, nothing, nothing)  # type: ignore[arg-type]
    (to,) = seen
    return to


@pytest.mark.parametrize("path", ["/webhooks/office", "/boards/office/events"])
async def test_the_second_part_of_the_path_is_the_parameter(path: str) -> None:
    assert await led(path) == "office"
    assert await led(f"/behind/a/proxy{path}", "/behind/a/proxy") == "office"


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/webhooks", "/webhooks/", "/webhooks/a/b", "//webhooks/office", "/x/webhooks/office"),
        *("/boards/office", "/boards//events", "/boards/office/events/x", "/boards/office/snapshot"),
    ],
)
async def test_every_other_address_is_the_frameworks(path: str) -> None:
    assert await led(path) is None


async def test_what_is_no_request_is_the_frameworks() -> None:
    assert await led("/webhooks/office", kind="lifespan") is None
