"""Who gets what: each route that the service has, with each kind of proof. A route without a rule fails, and
so does a response without the headers of security."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final, get_args

import httpx
import pytest
from starlette.routing import Route

from service.http.around.security import SECURITY
from service.ledger.write.writer import Writer
from service.live.stream.places import Places
from tests.live.http.door import ADMIN, Door, Proof, Rule, door

BOARD: Final = "/boards/{account}"
LISTS: Final = ("deals", "clients", "tasks", "no-next-step", "saved", "unpriced", "troubles")
SECTIONS: Final = ("", "/deliveries", "/quarantine", "/reasons", "/screens")
CLASSIFY: Final = f"{BOARD}/reasons"
POSTS: Final = frozenset(
    {CLASSIFY, "/admin", *(f"/admin/{{account}}/{name}" for name in ("quarantine", "reasons", "screens"))}
)
"""What takes forms besides."""

RULES: Final[Mapping[str, Rule]] = {
    "/": "everybody",
    "/healthz": "everybody",
    "/readyz": "everybody",
    "/static/{name}": "everybody",
    "/openapi.json": "everybody",
    "/asyncapi.json": "everybody",
    "/metrics": "metrics",
    "/webhooks/{account}": "webhook",
    "/events": "shared",
    **{f"/admin{path}": "admin" for path in ("", *(f"/{{account}}{section}" for section in SECTIONS))},
    **{f"{BOARD}{path}": "board" for path in ("", "/help", "/snapshot", "/events", "/manifest.webmanifest")},
    CLASSIFY: "board",
    **{f"{BOARD}/{name}{kind}": "board" for name in LISTS for kind in ("", ".csv")},
    f"{BOARD}/reasons.csv": "board",
}
"""Who may have the content of each address."""

ALLOWED: Final[Mapping[Rule, frozenset[Proof]]] = {
    "everybody": frozenset(get_args(Proof)),
    "board": frozenset({"right", "a screen's", "an editor's"}),
    "shared": frozenset({"right", "a screen's", "an editor's"}),
    "metrics": frozenset({"right"}),
    "admin": frozenset({"right"}),
    "webhook": frozenset({"right"}),
}
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
LEAD: Final = "unsorted[add][0][uid]=a1&account[id]=5"


def address(path: str) -> str:
    if path == "/events":
        return "/events?view=office"
    return path.replace("{account}", "office").replace("{name}", "board.css")


def method_of(path: str) -> str:
    """The method that an address is for; HEAD in the place of a GET that never ends."""
    return {"/webhooks/{account}": "POST", f"{BOARD}/events": "HEAD", "/events": "HEAD"}.get(path, "GET")


def assert_secured(answer: httpx.Response) -> None:
    headers = {name: answer.headers.get(name) for name in SECURITY}
    assert headers == {**SECURITY, "cache-control": headers["cache-control"]}, answer.request.url
    assert len(answer.headers.get_list("content-security-policy")) == 1
    is_file = answer.is_success and "/static/" in answer.request.url.path
    assert headers["cache-control"] == ("no-cache" if is_file else "no-store")
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json", answer.request.url
        assert answer.request.method == "HEAD" or answer.json()["status"] == answer.status_code


@pytest.fixture
async def opened(sqlite_ledgers: Callable[[], str]) -> AsyncIterator[Door]:
    async with door(sqlite_ledgers()) as service:
        yield service


async def test_every_route_has_a_rule_and_every_rule_a_route(opened: Door) -> None:
    assert {route.path for route in opened.app.routes if isinstance(route, Route)} == set(RULES)
    assert all(isinstance(route, Route) for route in opened.app.routes)


async def test_each_proof_opens_what_it_is_for_and_nothing_else(opened: Door) -> None:
    seen: dict[tuple[str, Proof], set[int]] = {}
    for (path, rule), proof in itertools.product(RULES.items(), opened.tokens):
        for how in opened.proved(rule, proof):
            headers = {"content-type": "application/x-www-form-urlencoded", **how.get("headers", {})}
            async with opened.client() as client:
                answer = await client.request(
                    method_of(path),
                    address(path),
                    headers=headers,
                    params=how.get("params"),
                    content=LEAD if rule == "webhook" else None,
                )
            assert_secured(answer)
            seen.setdefault((path, proof), set()).add(answer.status_code)
    for (path, proof), statuses in seen.items():
        allowed = proof in ALLOWED[RULES[path]]
        # 303: the token of a link leaves the address.
        assert statuses - {303} == ({200} if allowed else {401}), (path, proof, statuses)
        assert allowed or 303 not in statuses, (path, proof)


async def test_only_an_editor_changes_anything(opened: Door) -> None:
    form = {"content-type": "application/x-www-form-urlencoded", "origin": "http://127.0.0.1"}
    for proof in opened.tokens:
        for how in opened.proved("board", proof):
            async with opened.client() as client:
                headers = {**form, **how.get("headers", {})}
                answer = await client.post(
                    address(CLASSIFY),
                    headers=headers,
                    params=how.get("params"),
                    content="reason=a&kind=excluded",
                )
            assert_secured(answer)
            expected = {"right": 403, "a screen's": 403, "an editor's": 200}.get(proof, 401)
            # 303: the token of a link leaves the address, and changes nothing.
            assert answer.status_code == (303 if how.get("params") and expected != 401 else expected), proof


async def test_an_account_that_there_is_not_is_a_problem_for_everybody(opened: Door) -> None:
    for path, rule in ((path, rule) for path, rule in RULES.items() if "{account}" in path):
        token = ADMIN if rule == "admin" else opened.tokens["right"]
        for how in (*([] if rule == "admin" else [{}]), {"authorization": f"Bearer {token}"}):
            async with opened.client() as client:
                answer = await client.request(
                    method_of(path), path.replace("{account}", "nobody"), headers=how
                )
            assert answer.status_code == 404
            assert_secured(answer)


async def test_a_method_that_an_address_does_not_take_is_a_problem(opened: Door) -> None:
    for (path, rule), method in itertools.product(RULES.items(), METHODS):
        if method in ({"POST"} if rule == "webhook" else {"GET", "HEAD"}) or (
            method == "POST" and path in POSTS
        ):
            continue
        (how, *_) = opened.proved(rule, "right")
        async with opened.client() as client:
            answer = await client.request(method, address(path), **how)  # type: ignore[arg-type]
        assert (answer.status_code, bool(answer.headers["allow"])) == (405, True), (path, method)
        assert_secured(answer)


async def test_a_defect_is_a_problem_with_the_headers_too(opened: Door) -> None:
    async def failing(_request: object) -> None:
        raise RuntimeError("a secret of the inside")

    opened.app.router.routes.append(Route("/failing", failing))
    transport = httpx.ASGITransport(opened.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://board") as client:
        answer = await client.get("/failing")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert_secured(answer)


async def test_a_defect_of_a_stream_is_one_too(opened: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(Places, "full", failing)
    transport = httpx.ASGITransport(opened.app, raise_app_exceptions=False)
    (how, *_) = opened.proved("board", "right")
    async with httpx.AsyncClient(transport=transport, base_url="http://board") as client:
        answer = await client.get(address(f"{BOARD}/events"), **how)  # type: ignore[arg-type]
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert_secured(answer)


async def test_a_guesser_is_braked_at_every_address_and_a_holder_of_a_proof_is_not(opened: Door) -> None:
    paths = [path for path, rule in RULES.items() if rule in ("board", "metrics", "admin")]
    async with opened.client() as shared:
        for path in itertools.islice(itertools.cycle(paths), 30):
            await shared.get(address(path), headers={"authorization": "Bearer a-guess"})
        for path in paths:
            answer = await shared.get(address(path), headers={"authorization": "Bearer a-guess"})
            assert answer.status_code == 429
            assert 0 < int(answer.headers["retry-after"]) <= 60
            assert_secured(answer)
            assert (await shared.get(address(path))).status_code == 401  # it guesses nothing
            (proof, *_) = opened.proved(RULES[path], "right")
            right = await shared.request(method_of(path), address(path), **proof)  # type: ignore[arg-type]
            assert right.status_code == 200
        opened.clock.advance(60)
        again = await shared.get(address(paths[0]), headers={"authorization": "Bearer a-guess"})
        assert again.status_code == 401


async def test_without_a_token_in_the_configuration_there_are_no_metrics(
    sqlite_ledgers: Callable[[], str],
) -> None:
    async with door(sqlite_ledgers(), metrics_token=None) as closed, closed.client() as client:
        for headers in ({}, {"authorization": f"Bearer {closed.tokens['right']}"}):
            answer = await client.get("/metrics", headers=headers)
            assert answer.status_code == 404
            assert_secured(answer)


async def test_a_service_that_is_not_ready_says_why_and_names_no_account(
    opened: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Writer, "outdated", {"office"})
    async with opened.client() as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "other rules" in answer.json()["detail"]
    assert "office" not in answer.text
    assert_secured(answer)
