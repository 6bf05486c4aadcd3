"""What the routes see of the address of a request."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from service.http.around.address import MAX_PARAMETERS, MAX_QUERY, Address
from service.problems import Message


async def answer(request: Request) -> PlainTextResponse:
    raw_path = request.scope["raw_path"].decode()
    return PlainTextResponse(f"{request.path_params['account']} {raw_path} {request.url.query}")


def client_of(root_path: str = "") -> httpx.AsyncClient:
    app = Starlette(
        routes=[Route("/boards/{account}", answer, methods=["GET", "POST"])],
        middleware=[Middleware(Address, root_path)],
    )
    app.router.redirect_slashes = False
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://board.example")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_trailing_slash_is_taken_off_and_the_path_is_kept_as_it_was_sent(method: str) -> None:
    got = await client_of().request(method, "/boards/of%66ice/?token=1&a=%20")
    assert (got.status_code, got.text) == (200, "office /boards/of%66ice/ token=1&a=%20")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/boards/office//?token=secret", "//boards/office?token=secret", "//"])
async def test_no_other_address_is_led_anywhere(method: str, path: str) -> None:
    got = await client_of().request(method, f"https://board.example{path}")
    assert (got.status_code, got.headers.get("location")) == (404, None)


@pytest.mark.parametrize("root_path", ["/lossboard", "/a/b", "/board"])
@pytest.mark.parametrize("path", ["/boards/office", "/boards/office/"])
async def test_a_proxy_may_take_the_root_path_off_or_leave_it(root_path: str, path: str) -> None:
    client = client_of(root_path)
    for sent in (path, root_path + path):
        got = await client.get(sent)
        assert (got.status_code, got.text) == (200, f"office {sent} ")
    for other in (f"{root_path}{root_path}{path}", f"{root_path}s{path}", root_path, f"{root_path}/"):
        assert (await client.get(other)).status_code == 404


HOST = (b"host", b"board.example")


@pytest.mark.parametrize(
    ("headers", "version", "status"),
    [
        ([HOST], "1.1", 200),
        ([HOST], "1.0", 200),
        ([], "1.0", 200),
        ([], "1.1", 400),
        ([HOST, HOST], "1.1", 400),
        ([HOST, (b"host", b"evil.example")], "1.1", 400),
        ([HOST, HOST], "1.0", 400),
    ],
)
async def test_a_request_has_one_host(headers: list[tuple[bytes, bytes]], version: str, status: int) -> None:
    assert await status_of(headers=headers, http_version=version) == status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (b"", 200),
        (b"token=a", 200),
        (b"token=a&token2=b", 200),
        (b"token=a&token=a", 400),
        (b"token=a&period=month&token=b", 400),
        (b"token=&token=", 400),
        (b"token&t%6Fken=b", 400),
        (b"&&token=\xff&token=%ff", 400),
    ],
)
async def test_an_address_has_one_token_at_most(query: bytes, status: int) -> None:
    assert await status_of(query_string=query) == status


async def status_of(**changes: object) -> int:
    """The status of the response to a raw request."""
    statuses: list[int] = []

    async def served(_scope: Message, _receive: object, send: object) -> None:
        statuses.append(200)

    async def send(message: Message) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/", "raw_path": b"/"}
    await Address(served)({**scope, "headers": [HOST], "query_string": b"", **changes}, receive, send)
    (status,) = statuses
    return status


@pytest.mark.parametrize("query", ["a" * (MAX_QUERY + 1), "&" * MAX_PARAMETERS])
async def test_a_query_string_is_bounded_in_length_and_parameters(query: str) -> None:
    got = await client_of().post(f"/boards/office?{query}")
    assert got.status_code == 414
    assert got.headers["connection"] == "close"
    assert (await client_of().post(f"/boards/office?{query[1:]}")).status_code == 200
