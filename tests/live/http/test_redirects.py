"""Where responses lead a browser: to nothing that a request could have chosen."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Callable, Iterator
from html import unescape
from typing import Final
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.live.http.door import WEBHOOK, Door, door

ROOT: Final = "/lossboard"
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
LOST: Final = (
    "leads[status][0][id]=5&leads[status][0][status_id]=143&leads[status][0][pipeline_id]=1"
    "&leads[status][0][updated_at]=1795395600&account[id]=5"
)
"""A lead that is lost, without an amount or a reason."""


@pytest.fixture
async def opened(sqlite_ledgers: Callable[[], str]) -> AsyncIterator[Door]:
    async with door(sqlite_ledgers()) as service:
        yield service


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/boards/office?token={}", "office"),
        ("/boards/office?mode=wall&token={}&period=week", "office?mode=wall&period=week"),
        ("/boards/office?token={}&code=another-secret&manager=a%26b", "office?manager=a%26b"),
        ("/boards/office/?token={}&lang=en", "../office?lang=en"),
        ("/boards/office/deals.csv?reason=%D0%B0&token={}", "deals.csv?reason=%D0%B0"),
        ("/boards/office/deals/?token={}", "../deals"),
        ("/boards/of%66ice/snapshot?token={}", "snapshot"),
    ],
)
async def test_the_token_of_a_link_leaves_the_address_and_the_view_stays(
    opened: Door, path: str, location: str
) -> None:
    async with opened.client() as browser:
        got = await browser.get(path.format(opened.tokens["right"]), headers={"host": "evil.example"})
        assert (got.status_code, got.headers["location"], got.content) == (303, location, b"")
        shown = await browser.get(urljoin(str(got.url), location))
        assert shown.status_code == 200
        assert opened.tokens["right"] not in str(shown.url)


async def test_the_link_of_a_new_screen_opens_at_once(opened: Door) -> None:
    async with opened.client() as browser:
        assert (await browser.get("/boards/office")).status_code == 401
        token = opened.add_screen("new")
        opened.clock.advance(1)
        assert (await browser.get(f"/boards/office?token={token}")).status_code == 303


async def test_a_screen_has_its_view_unless_the_address_gives_another(opened: Door) -> None:
    bearer = {"authorization": f"Bearer {opened.add_screen('wall', 'mode=wall&period=week')}"}
    async with opened.client() as browser:
        page = await browser.get("/boards/office", headers=bearer)
        assert 'data-mode="wall"' in page.text
        assert (await browser.get("/boards/office/snapshot", headers=bearer)).json()["period"][
            "key"
        ] == "week"
        desk = await browser.get("/boards/office?mode=desk&period=", headers=bearer)
        assert 'data-mode="desk"' in desk.text
        assert "period=month&amp;sort=count&amp;lang=ru&amp;mode=" in desk.text  # its links keep it a desk
        other = {"authorization": f"Bearer {opened.tokens['right']}"}
        assert 'data-mode="desk"' in (await browser.get("/boards/office", headers=other)).text


async def test_an_old_link_leaves_the_address_of_a_browser_that_has_a_cookie(opened: Door) -> None:
    async with opened.client() as browser:
        await browser.get(f"/boards/office?token={opened.tokens['right']}")
        old = opened.tokens["a revoked screen's"]
        got = await browser.get(f"/boards/office?token={old}&lang=en")
        assert (got.status_code, got.headers["location"]) == (303, "office?lang=en")
        assert "set-cookie" not in got.headers


async def test_a_browser_leaves_a_trailing_slash_and_what_is_no_view(opened: Door) -> None:
    async with opened.client() as browser:
        proof = {"authorization": f"Bearer {opened.tokens['right']}"}
        got = await browser.get("/boards/office/?period=week&code=secret", headers=proof)
    assert (got.status_code, got.headers["location"]) == (303, "../office?period=week")
    assert "set-cookie" not in got.headers


async def test_no_response_repeats_a_secret_or_believes_a_host(opened: Door) -> None:
    paths = [route.path for route in opened.app.routes if isinstance(route, Route)]
    shapes = ("{}", "{}/", "{}//", "/{}", "/evil.example{}", "//evil.example{}/", "{}%2F", "{}/..%2f")
    tokens = ("wrong-secret-in-the-address", opened.tokens["right"])
    for path, shape, token, method in itertools.product(paths, shapes, tokens, ("GET", "POST", "HEAD")):
        filled = path.replace("{account}", "office").replace("{name}", "board.css")
        if filled.endswith("/events") and shape in ("{}", "{}/", "{}%2F") and method == "GET":
            continue  # it may be an endless stream
        address = f"http://board.example{shape.format(filled)}?token={token}&next=https://evil.example"
        headers = {"host": "evil.example", "x-forwarded-host": "evil.example"}
        async with opened.client() as browser:
            got = await browser.request(method, address, headers=headers)
        told = f"{got.headers} {got.text}"
        assert "evil.example" not in told, address
        assert token not in told, address


async def test_the_first_page_names_the_boards_that_are_open_to_the_browser_alone(opened: Door) -> None:
    async with opened.client() as stranger:
        got = await stranger.get("/")
        assert (got.status_code, "boards/o" in got.text) == (200, False)
        assert "A board opens by its link" in got.text
        russian = await stranger.get("/", headers={"accept-language": "ru-RU,ru;q=0.9,en;q=0.8"})
        assert "Табло открывается по ссылке" in russian.text
    async with opened.client() as browser:
        await browser.get(f"/boards/office?token={opened.tokens['right']}")
        got = await browser.get("/")
        assert ("/boards/office" in got.text, "boards/other" in got.text) == (True, False)
        opened.clock.advance(10)


async def test_the_first_page_is_no_way_around_the_brake(opened: Door) -> None:
    async with opened.client() as guesser:
        statuses = [
            (await guesser.get("/", headers={"cookie": f"lossboard_office=guess-{n}"})).status_code
            for n in range(40)
        ]
    assert {*statuses[:10]} == {200}
    assert {*statuses[30:]} == {429}


def behind_a_proxy(app: ASGIApp, *, strips: bool) -> ASGIApp:
    """The service under `ROOT` of a host that has other pages, too."""

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["path"].startswith(f"{ROOT}/"), f"a link leads out of the service: {scope['path']}"
        if strips:
            raw_path = scope["raw_path"].removeprefix(ROOT.encode())
            scope = {**scope, "path": scope["path"].removeprefix(ROOT), "raw_path": raw_path}
        await app(scope, receive, send)

    return proxy


def links(page: httpx.Response) -> Iterator[str]:
    """The addresses of this host to which a page leads."""
    for found in re.findall(r"""(?:href|src|action)="([^"#]*)""", page.text):
        address = urljoin(str(page.url), unescape(found))
        if address.startswith("https://board.example/"):
            yield address


def shape(address: str) -> tuple[str, ...]:
    """The path of an address and the names of its parameters: links that differ in values are made alike."""
    parts = urlsplit(address)
    return parts.path, *sorted(name for name, _ in parse_qsl(parts.query))


@pytest.mark.parametrize("strips", [True, False])
async def test_every_link_works_under_the_root_path(strips: bool, sqlite_ledgers: Callable[[], str]) -> None:
    async with door(sqlite_ledgers(), root_path=ROOT) as opened:
        transport = httpx.ASGITransport(behind_a_proxy(opened.app, strips=strips))
        async with httpx.AsyncClient(
            transport=transport, base_url="https://board.example", follow_redirects=True
        ) as browser:
            page = await browser.get(f"{ROOT}/boards/office/?token={opened.tokens['right']}&lang=en")
            assert (page.status_code, page.url.path) == (200, f"{ROOT}/boards/office")
            (cookie,) = browser.cookies.jar
            assert cookie.path == f"{ROOT}/"
            assert f"<code>{ROOT}/webhooks/office" in page.text.replace("\n", "")
            await browser.post(f"{ROOT}/webhooks/office?token={WEBHOOK}-office", content=LOST, headers=FORM)
            seen: set[tuple[str, ...]] = set()
            todo = [str(page.url), f"https://board.example{ROOT}/"]
            while todo:
                address = todo.pop()
                if shape(address) in seen:
                    continue
                seen.add(shape(address))
                got = await browser.get(address)
                assert got.status_code == 200, address
                if got.headers["content-type"].startswith("text/html"):
                    todo += links(got)
            paths = {path.removeprefix(ROOT) for path, *_ in seen}
            lists = {f"/boards/office/{name}" for name in ("deals", "unpriced", "deals.csv", "unpriced.csv")}
            assert {"/", "/boards/office", "/static/board.js", "/static/icon.svg", *lists} <= paths
            assert (await browser.head(f"{page.url.path}/events")).status_code == 200


async def test_a_board_can_be_installed(opened: Door) -> None:
    async with opened.client() as browser:
        page = await browser.get(f"/boards/office?token={opened.tokens['right']}", follow_redirects=True)
        [link] = re.findall(r'<link rel="manifest" href="([^"]*)" crossorigin="use-credentials">', page.text)
        got = await browser.get(urljoin(str(page.url), link))
        assert got.headers["content-type"] == "application/manifest+json"
        manifest = got.json()
        assert manifest["name"] == "office"
        assert urlsplit(urljoin(str(got.url), manifest["start_url"])).path == "/boards/office"
        assert urlsplit(urljoin(str(got.url), manifest["scope"])).path == "/"
        for icon in manifest["icons"]:
            drawing = await browser.get(urljoin(str(got.url), icon["src"]))
            assert (drawing.status_code, drawing.headers["content-type"]) == (200, icon["type"])
            if icon["type"] == "image/png":  # its head has the size
                sides = [int.from_bytes(drawing.content[at : at + 4]) for at in (16, 20)]
                assert "x".join(map(str, sides)) == icon["sizes"]
