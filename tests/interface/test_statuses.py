"""Every status that the service answers is declared, and every declared one is seen; each answer is held
against its schema, its media types and its headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx
import pytest
from starlette.routing import Route

from service.http.around.address import MAX_QUERY
from service.interface.openapi import OPERATIONS
from service.interface.operations import Operation
from service.interface.webhooks import TAKE
from service.ledger.database.errors import Unavailable
from service.ledger.read.admin.reader import AdminReader
from service.ledger.upkeep.by_hand.quarantine import Quarantine
from service.ledger.upkeep.classify import Classifier
from service.ledger.upkeep.screens import Screens
from service.ledger.write.heads import OtherRules
from service.ledger.write.writer import Writer
from service.live.http import forms
from service.live.http.admin import admission
from service.live.http.screen_links import NamedScreens
from service.live.stream.response import StreamEndpoint
from service.webhooks import receiver
from service.webhooks.body import MAX_BODY, read_body
from tests.http.served import hello, served
from tests.interface.calls import HOST, call
from tests.interface.conftest import AssertDeclared
from tests.interface.office import ADMIN, METRICS, VIEWER, Office, office

EVENT: Final = '{"type": "deal.deleted", "timestamp": "2026-11-23T09:00:00Z", "data": {"id": "9"}}'
REASON: Final = '{"reason": "Дорого", "kind": "controllable"}'
LISTED: Final = '{"reason": "Выбрал других", "kind": "objective"}'
GUESSES: Final = 30
"""After so many an address is braked."""

GUESSER: Final = "10.2.0.1"
LISTED_FORM: Final = "reason=Выбрал других".encode()
CLASSIFY: Final = "/boards/{account}/reasons"
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
COOKIE: Final = f"{admission.COOKIE}={admission.cookie_value(ADMIN)}"
OWN: Final = {**HOST, **FORM, "origin": "http://127.0.0.1"}
FORMS: Final = {
    "/admin": f"token={ADMIN}",
    "/admin/{account}/quarantine": "do=retry&number=1",
    "/admin/{account}/reasons": "reason=a&kind=excluded",
    "/admin/{account}/screens": "do=revoke&name=tv",
}
"""What is posted to the admin page, by address."""


@dataclass(frozen=True)
class Asked:
    """A request, as `call` takes it."""

    path: str
    headers: Mapping[str, str]
    query: str = ""
    body: bytes = b""
    hanging: bool = False

    def without(self, header: str) -> Asked:
        return replace(self, headers={name: value for name, value in self.headers.items() if name != header})


def usual(operation: Operation, opened: Office) -> Asked:
    """A request that succeeds."""
    account = "invented" if operation.path.endswith("happening") else "office"
    path = operation.path.replace("{account}", account).replace("{name}", "board.css")
    if operation is TAKE:
        return Asked(path, opened.signed(EVENT.encode()), body=EVENT.encode())
    if operation.path in FORMS and operation.method == "post":
        form = opened.proof(ADMIN) | FORM if operation.proofs else OWN
        return Asked(path, form, body=FORMS[operation.path].encode())
    if operation.method == "post":
        json = {"content-type": "application/json"}
        return Asked(path, opened.proof(opened.editor) | json, body=REASON.encode())
    token = {"admin": ADMIN, "metrics": METRICS}.get(path.split("/")[1], VIEWER)
    headers = opened.proof(token) if operation.proofs else HOST
    return Asked(path, headers, "view=office" if operation.path == "/events" else "")


def with_headers(asked: Asked, **headers: str) -> Asked:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(asked, headers={**asked.headers, **more})


WRONG: Final[Mapping[int, Callable[[Asked], Asked]]] = {
    303: lambda asked: replace(asked, query=f"token={VIEWER}"),
    400: lambda asked: asked.without("host"),
    401: lambda asked: with_headers(asked, authorization="Bearer wrong", webhook_signature="v1,wrong"),
    403: lambda asked: with_headers(asked, authorization=f"Bearer {VIEWER}"),
    404: lambda asked: replace(
        asked,
        path=asked.path.replace("office", "nobody").replace("invented", "office").replace("board.css", "no"),
        query=asked.query.replace("office", "nobody"),
    ),
    408: lambda asked: replace(asked, hanging=True),
    409: lambda asked: replace(asked, body=LISTED.encode()),
    413: lambda asked: replace(asked, body=b"x" * (MAX_BODY + 1)),
    414: lambda asked: replace(asked, query="x" * (MAX_QUERY + 1)),
    415: lambda asked: with_headers(asked, content_type="image/png"),
}
"""What is wrong with the request that gets a status. For others something of the service is broken."""

INDEX: Final[Mapping[int, Callable[[Asked], Asked]]] = {
    303: lambda asked: replace(asked, query=f"link={VIEWER}"),
    401: lambda asked: replace(asked, query="link=wrong"),
    503: lambda asked: with_headers(asked, cookie="lossboard_office=x"),
}
"""The same for the first page, which has no token of its own."""


SIGN_IN: Final[Mapping[int, Callable[[Asked], Asked]]] = {
    303: lambda asked: asked,
    401: lambda asked: replace(asked, body=b"token=wrong"),
    403: lambda asked: asked.without("origin"),
}
"""The same for the form that asks for a token."""

PAGES: Final[Mapping[int, Callable[[Asked], Asked]]] = {
    303: lambda asked: replace(asked, query=f"token={ADMIN}"),
    409: lambda asked: replace(asked, body=asked.body.replace(b"reason=a", LISTED_FORM)),
    403: lambda asked: replace(asked, headers=OWN | {"cookie": COOKIE, "origin": "http://evil.example"}),
}
"""The same for the admin page."""


SCREENS: Final[Mapping[int, Callable[[Asked], Asked]]] = {
    200: lambda asked: replace(asked, body=b"do=add&name=new"),
    303: lambda asked: asked,
    409: lambda asked: replace(asked, body=b"do=add&name=desk"),
}
"""The same for the form of screens."""


def refused(operation: Operation, asked: Asked, status: int) -> Asked:
    """The request that gets a status."""
    own = SIGN_IN if operation.id == "signIn" else PAGES if operation.tag == "admin" else {}
    own = {**own, **(SCREENS if operation.id == "changeScreens" else {})}
    wrong = {**WRONG, **(INDEX if operation.path == "/" else own)}
    wrong[429] = wrong[401]
    return wrong[status](asked) if status in wrong else asked


def broken(patch: pytest.MonkeyPatch, opened: Office, operation: Operation, status: int) -> None:
    """Break what must be broken for a status."""

    async def away(*_arguments: object) -> None:
        raise Unavailable

    async def failing(*_arguments: object) -> None:
        raise RuntimeError("a defect")

    def gone(*_arguments: object) -> None:
        raise Unavailable

    async def newer(*_arguments: object) -> None:
        raise OtherRules("a newer version of the service computed account office: upgrade this node")

    async def impatient(receive: Any, declared: str, _seconds: float, held: Any) -> bytes:
        return await read_body(receive, declared, 0, held)

    if status == 408:
        patch.setattr(forms, "BODY_SECONDS", 0)
        patch.setattr(receiver, "read_body", impatient)
    if status == 500:
        (route,) = routes(opened, operation)
        patch.setattr(route, "app", failing)
        patch.setattr(Writer, "submit", failing)  # webhooks and streams pass the routes by
        patch.setattr(StreamEndpoint, "__call__", failing)
    if status == 503:
        patch.setattr(NamedScreens, "known", away)
        patch.setattr(Writer, "submit", away)
        patch.setattr(Writer, "outdated", {"office"})
        for name in ("accounts", "account", "deliveries", "quarantine", "reasons"):
            patch.setattr(AdminReader, name, gone)
        patch.setattr(Quarantine, "retry", away)
        patch.setattr(Classifier, "classify", away)
        patch.setattr(Screens, "page", away)
        patch.setattr(Screens, "revoke", away)
    if status == 409:
        patch.setattr(Quarantine, "retry", newer)


def routes(opened: Office, operation: Operation) -> list[Route]:
    return [
        route
        for route in opened.app.routes
        if isinstance(route, Route)
        and route.path == operation.path
        and (route.methods is None or operation.method.upper() in route.methods)
    ]


async def test_every_route_of_the_service_is_described_and_nothing_else(opened: Office) -> None:
    taken = {
        (route.path, method)
        for route in opened.app.routes
        if isinstance(route, Route)
        for method in (route.methods or {"POST"}) - {"HEAD"}
    }
    assert taken == {(operation.path, operation.method.upper()) for operation in OPERATIONS}
    assert len({operation.id for operation in OPERATIONS}) == len(OPERATIONS)


async def test_every_declared_status_is_seen_and_is_as_declared(
    opened: Office, assert_declared: AssertDeclared, monkeypatch: pytest.MonkeyPatch
) -> None:
    for operation in OPERATIONS:
        elsewhere = {431, 404} if operation.path in ("/metrics", "/admin") else {431}
        for status in operation.responses.keys() - elsewhere:
            asked = refused(operation, usual(operation, opened), status)
            if status == 304:
                etag = (await send(opened, operation, asked)).headers["etag"]
                asked = with_headers(asked, if_none_match=etag)
            client = GUESSER if status == 429 else f"10.1.{status % 256}.{OPERATIONS.index(operation)}"
            with monkeypatch.context() as patch:
                broken(patch, opened, operation, status)
                for _ in range(GUESSES if status == 429 else 1):
                    response = await send(opened, operation, asked, client)
                    if response.status_code == status:
                        break
                assert response.status_code == status, (operation.id, status, response.text)
                assert_declared(operation, response)
                if status >= 400 and status != 408:
                    page = await send(opened, operation, with_headers(asked, accept="text/html"), client)
                    assert page.status_code == status
                    assert_declared(operation, page)


async def send(
    opened: Office, operation: Operation, asked: Asked, client: str = "10.0.0.1"
) -> httpx.Response:
    address = f"{asked.path}?{asked.query}" if asked.query else asked.path
    return await call(
        opened.app,
        operation.method.upper(),
        address,
        asked.headers,
        asked.body,
        client=client,
        hanging=asked.hanging,
    )


async def test_without_a_token_in_the_configuration_an_address_is_a_declared_404(
    sqlite_ledgers: Callable[[], str], assert_declared: AssertDeclared
) -> None:
    async with office(sqlite_ledgers(), metrics_token=None, admin_token=None) as closed:
        for operation in (operation for operation in OPERATIONS if operation.path in ("/metrics", "/admin")):
            answer = await send(closed, operation, usual(operation, closed))
            assert answer.status_code == 404
            assert_declared(operation, answer)


async def test_a_head_that_is_too_large_is_a_declared_431_everywhere(
    opened: Office, assert_declared: AssertDeclared
) -> None:
    # The connection answers, whatever the application.
    async with served(hello) as (_, port), httpx.AsyncClient() as client:
        for operation in OPERATIONS:
            path = usual(operation, opened).path
            answer = await client.request(
                operation.method, f"http://127.0.0.1:{port}{path}", headers={"x-large": "x" * 40_000}
            )
            assert answer.status_code == 431
            assert_declared(operation, answer)


async def test_what_a_program_must_send_besides_is_refused_where_it_is_missing(opened: Office) -> None:
    for operation in OPERATIONS:
        if operation.proofs:
            bare = usual(operation, opened)
            bare = replace(bare, headers={**HOST, "content-type": bare.headers.get("content-type", "")})
            assert (await send(opened, operation, bare)).status_code == 401, operation.id
