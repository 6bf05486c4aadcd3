"""Named screens, as an operator and a television use them: a link, a cookie, the board, and revocation."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import segno

from service.calendar import parse_instant
from tests.e2e.running import CONFIG, DEADLINE_SECONDS, Service, browser_of, lossboard, running, until

GUARDED: Final = """
[[accounts]]
id = "guarded"
title = "Guarded"
crm = "amocrm"
webhook_secret = "long-and-quite-random"
timezone = "Asia/Vladivostok"
currency = "RUB"
language = "en"
viewer_token = "a-token-that-is-hard-to-guess"
public_url = "https://somebody@board.example:8443/behind/a/proxy"

[[accounts]]
id = "bare"
title = "Bare"
crm = "amocrm"
webhook_secret = "long-and-quite-random-too"
timezone = "Europe/Moscow"
currency = "RUB"
"""
PROXY: Final = """
trusted_proxies = ["127.0.0.1"]
"""
ADDRESSES: Final = itertools.count(1)
HEARTBEATS: Final = 10
"""Heartbeats, five seconds apart, after which a stream that should have ended will not end."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("screens"), config=PROXY + CONFIG + GUARDED) as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration and a migrated database."""
    (tmp_path / "lossboard.toml").write_text(CONFIG + GUARDED, encoding="utf-8")
    assert lossboard(tmp_path, "migrate").returncode == 0
    return tmp_path


@contextlib.contextmanager
def television() -> Iterator[httpx.Client]:
    """A browser with cookies and an address of its own, as the proxy says."""
    with browser_of(**{"x-forwarded-for": f"203.0.113.{next(ADDRESSES)}"}) as browser:
        yield browser


def added(service: Service, account: str, name: str) -> str:
    """Add a screen while the service runs; its link."""
    done = lossboard(service.folder, "screens", "add", account, name, "--url", service.url)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def admitted(browser: httpx.Client, link: str) -> httpx.Response:
    """The answer to a new link as soon as the service knows it."""
    with television() as scout:
        until(lambda: scout.get(link).status_code == 303)
    return browser.get(link)


def to_its_end(lines: Iterator[str]) -> list[str]:
    """The lines of a stream until it ends."""
    seen: list[str] = []
    for line in lines:
        seen.append(line)
        assert seen.count("event: heartbeat") < HEARTBEATS, "the stream goes on"
    return seen


@pytest.mark.parametrize("account", ["office", "guarded"])
def test_a_link_becomes_a_cookie_that_shows_the_board_until_it_is_revoked(
    service: Service, account: str
) -> None:
    link = added(service, account, "Переговорная")
    board = f"{service.url}/boards/{account}"
    with television() as browser:
        welcome = admitted(browser, link)
        assert welcome.status_code == 303
        assert welcome.headers["location"] == account
        page = browser.get(f"{service.url}/boards/{welcome.headers['location']}")
        assert page.status_code == 200
        assert 'data-mode="wall"' in page.text
        assert parse_qs(urlsplit(link).query)["token"][0] not in page.text
        with browser.stream("GET", f"{board}/events") as stream:
            assert stream.status_code == 200
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("event:")) == "event: snapshot"
            until(lambda: "last seen" in lossboard(service.folder, "screens", "list", account).stdout)
            assert lossboard(service.folder, "screens", "revoke", account, "Переговорная").returncode == 0
            to_its_end(lines)
        for path in ("", "/snapshot", "/events"):
            answer = browser.get(board + path)
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
        assert browser.get(link).status_code == 401


def test_the_stream_of_another_screen_goes_on(service: Service) -> None:
    kept, revoked = (added(service, "office", name) for name in ("kept", "revoked"))
    with television() as browser, television() as other:
        assert admitted(browser, kept).status_code == 303
        assert admitted(other, revoked).status_code == 303
        with (
            browser.stream("GET", f"{service.url}/boards/office/events") as stream,
            other.stream("GET", f"{service.url}/boards/office/events") as ending,
        ):
            lines = stream.iter_lines()
            assert lossboard(service.folder, "screens", "revoke", "office", "revoked").returncode == 0
            assert "event: snapshot" in to_its_end(ending.iter_lines())
            assert other.get(f"{service.url}/boards/office/snapshot").status_code == 401
            service.deal("s1", amount="5.00")
            assert next(line for line in lines if line == "event: patch")


def test_the_token_is_a_bearer_token_too_and_good_for_its_account_alone(service: Service) -> None:
    link = added(service, "office", "program")
    bearer = {"authorization": f"Bearer {parse_qs(urlsplit(link).query)['token'][0]}"}
    with television() as browser:
        admitted(browser, link)
        browser.cookies.clear()
        assert browser.get(f"{service.url}/boards/office/snapshot", headers=bearer).status_code == 200
        assert browser.get(f"{service.url}/boards/guarded/snapshot", headers=bearer).status_code == 401


@pytest.mark.parametrize("account", ["office", "guarded"])
def test_a_wrong_token_and_none_are_refused_from_another_machine(service: Service, account: str) -> None:
    added(service, account, "there is a screen")
    board = f"{service.url}/boards/{account}"
    with television() as browser:
        assert browser.get(board, params={"token": "wrong"}).status_code == 401
        assert browser.get(board, headers={"authorization": "Bearer wrong"}).status_code == 401
        assert browser.get(board, headers={"cookie": f"lossboard_{account}=wrong"}).status_code == 401
        until(lambda: browser.get(board).status_code == 401)


def test_a_board_without_a_viewer_token_has_a_link_for_the_operator(service: Service) -> None:
    printed = "".join(service.lines)
    links = dict(re.findall(r"/boards/(\w+)\?token=([\w-]{32})(?=; webhooks)", printed))
    assert links.keys() == {"bare"}
    board = f"{service.url}/boards/bare"
    with browser_of() as browser:
        assert browser.get(board).status_code == 401  # though it comes from this machine
        assert browser.get(board, params={"token": links["bare"]}, follow_redirects=True).status_code == 200
        assert browser.get(f"{board}/snapshot").status_code == 200
        assert browser.get(f"{service.url}/boards/guarded").status_code == 401


def test_screens_are_added_listed_and_revoked_by_name(folder: Path) -> None:
    nothing = lossboard(folder, "screens", "list", "guarded")
    assert (nothing.returncode, nothing.stdout) == (0, "guarded: no named screens\n")
    first = lossboard(folder, "screens", "add", "guarded", "Цех № 2")
    assert first.returncode == 0
    [link] = first.stdout.splitlines()
    address = "https://board.example:8443/behind/a/proxy/boards/guarded?token="
    assert re.fullmatch(re.escape(address) + r"[\w-]{32}", link)
    listed = lossboard(folder, "screens", "list", "guarded").stdout
    line = re.fullmatch(r"guarded Цех № 2: mode=wall, added (\S+\+10:00), never seen\n", listed)
    assert line is not None
    assert parse_instant(line[1])
    assert "guarded Цех № 2" in lossboard(folder, "screens", "list").stdout
    assert lossboard(folder, "screens", "list", "office").stdout == "office: no named screens\n"
    for given, kept in (("?mode=wall&period=week", "mode=wall&period=week"), ("", "a desk")):
        set_ = lossboard(folder, "screens", "set", "guarded", "Цех № 2", "--view", given)
        assert set_.stdout == f"guarded Цех № 2: {kept}\n"
        assert f"guarded Цех № 2: {kept}, added" in lossboard(folder, "screens", "list", "guarded").stdout
    again = lossboard(folder, "screens", "add", "guarded", "Цех № 2")
    assert (again.returncode, again.stdout) == (1, "")
    assert "revoke it first" in again.stderr
    assert lossboard(folder, "screens", "revoke", "guarded", "Цех № 2").returncode == 0
    assert lossboard(folder, "screens", "add", "guarded", "Цех № 2").stdout.strip() != link


def test_the_token_is_stored_nowhere(folder: Path) -> None:
    link = lossboard(folder, "screens", "add", "office", "tv", "--url", "http://a.example").stdout.strip()
    token = parse_qs(urlsplit(link).query)["token"][0]
    stored = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"screens" in stored
    assert token.encode() not in stored


def test_the_link_begins_with_the_option_or_the_configured_address(folder: Path) -> None:
    given = lossboard(folder, "screens", "add", "guarded", "given", "--url", "http://192.168.0.7:8000/")
    assert given.stdout.startswith("http://192.168.0.7:8000/boards/guarded?token=")
    assert given.stderr == ""


def test_the_link_has_the_root_path_once(tmp_path: Path) -> None:
    (tmp_path / "lossboard.toml").write_text(f'root_path = "/lossboard"\n{CONFIG}', encoding="utf-8")
    assert lossboard(tmp_path, "migrate").returncode == 0
    board = "/lossboard/boards/office?token="
    for name, url, origin in (
        ("here", ("--url", "http://127.0.0.1:8000"), "http://127.0.0.1:8000"),
        ("origin", ("--url", "https://board.example"), "https://board.example"),
        ("whole", ("--url", "https://board.example/lossboard/"), "https://board.example"),
        ("below", ("--url", "https://board.example/crm/lossboard"), "https://board.example/crm"),
    ):
        link = lossboard(tmp_path, "screens", "add", "office", name, *url).stdout
        assert link.startswith(origin + board), link


URL = ("--url", "http://a.example")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "office", "tv"), "where do browsers reach the service? Give --url"),
        (("add", "nobody", "tv"), "no account is called nobody"),
        (("list", "nobody"), "no account is called nobody"),
        (("revoke", "nobody", "tv"), "no account is called nobody"),
        (("revoke", "office", "tv"), "office has no screen called tv"),
        (("set", "office", "tv", "--view", ""), "office has no screen called tv"),
        (("add", "office", "tv", "--view", "mode=tv", *URL), "view: mode must be desk or wall"),
        (("add", "office", "", *URL), "1 to 60 printable characters"),
        (("add", "office", "x" * 61, *URL), "1 to 60 printable characters"),
        (("add", "office", " tv", *URL), "1 to 60 printable characters"),
        (("add", "office", "a\x1b[2Jb", *URL), "1 to 60 printable characters"),
        (("add", "office", "tv", "--url", "board.example"), "--url: 'board.example' is no address"),
        (("add", "office", "tv", "--url", "http://[::1"), "--url: 'http://[::1' is no address"),
    ],
)
def test_a_mistake_is_an_error_of_one_line_and_adds_nothing(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = lossboard(folder, "screens", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert message in line
    assert lossboard(folder, "screens", "list", "office").stdout.startswith("office: no named screens")


def test_a_terminal_gets_the_link_as_a_code_to_scan_too(folder: Path) -> None:
    outside, inside = pty.openpty()
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "screens", "add", "guarded", "tv"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root, "TERM": "xterm-256color"},
        stdout=inside,
        stderr=subprocess.PIPE,
    )
    os.close(inside)
    text = _read(outside).decode().replace("\r\n", "\n")
    _, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, errors
    link, _, drawn = text.partition("\n")
    expected = io.StringIO()
    segno.make_qr(link).terminal(expected, compact=True)
    assert re.sub(r"\x1b\[[\d;]*m", "", drawn) == expected.getvalue()


def _read(terminal: int) -> bytes:
    """The output of a program on its terminal until it ends."""
    text = b""
    with contextlib.suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as output:
        while part := output.read(65536):
            text += part
    return text
