"""The service behind nginx and Caddy as deploy/ sets them up: TLS, HTTP/2, live, no token in a log."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pytest
import uvicorn
from playwright.sync_api import Browser, expect

from tests.deploy.proxies import DEPLOY, ROOT_PATH, Proxy, caddy, nginx
from tests.deploy.test_container import HEALTH
from tests.e2e.running import CONFIG, TOKEN, VIEWER, Service, iso, running, soon

TRUSTED: Final = 'trusted_proxies = ["127.0.0.1"]\n'
Start = Callable[[Path, int, int], AbstractContextManager[Proxy]]
PROXIES: Final[dict[str, Start]] = {"nginx": nginx, "caddy": caddy}
GUESSES: Final = 21
"""Wrong tokens, one more than an address has."""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Service]]:
    """A service at a host of its own, and one under a path."""
    under = f'{TRUSTED}root_path = "{ROOT_PATH}"\n'
    with (
        running(tmp_path_factory.mktemp("host"), config=TRUSTED + CONFIG) as at_host,
        running(tmp_path_factory.mktemp("path"), config=under + CONFIG) as under_path,
    ):
        yield at_host, under_path


@pytest.fixture(scope="module", params=list(PROXIES))
def proxy(
    request: pytest.FixtureRequest,
    services: tuple[Service, Service],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    ports = [int(service.url.rpartition(":")[2]) for service in services]
    with PROXIES[request.param](tmp_path_factory.mktemp(request.param), *ports) as started:
        yield started


@pytest.mark.parametrize("place", ["host", "path"])
def test_a_row_leaves_the_page_over_http_2_when_its_task_is_closed(
    proxy: Proxy, services: tuple[Service, Service], browser: Browser, place: str
) -> None:
    service, url = (services[0], proxy.url) if place == "host" else (services[1], proxy.path_url)
    task = f"t-{id(proxy)}-{place}"
    service.deal(task, name="Абонемент", amount="5184.00", client={"id": "7", "name": "Иван Петров"})
    service.task(task, deal_id=task, text="позвонить", due_at=iso(soon(-60)), completed=False)
    with contextlib.closing(browser.new_context(ignore_https_errors=True)) as context:
        page = context.new_page()
        page.goto(f"{url}/boards/office?token={VIEWER}")
        row = page.locator("#list").get_by_text("позвонить")
        expect(row).to_be_visible()
        assert page.url == f"{url}/boards/office"
        protocols = page.evaluate(
            "performance.getEntries().map(entry => entry.nextHopProtocol).filter(name => name)"
        )
        assert set(protocols) == {"h2"}
        service.task(task, completed=True)
        expect(row).to_have_count(0)
        [cookie] = context.cookies()
        assert cookie["secure"], "the service believes the proxy that the page came over TLS"


def test_no_token_is_in_a_log(proxy: Proxy, services: tuple[Service, Service]) -> None:
    addresses = [f"/webhooks/amo?token={TOKEN}", f"/?link={VIEWER}", f"/boards/office?token={VIEWER}"]
    with proxy.client() as client:
        for address in addresses:
            sent = {"referer": f"{proxy.url}/boards/office?token={VIEWER}"}
            assert client.post(proxy.url + address, content=b"a=1", headers=sent).status_code < 500
            assert client.get(proxy.plain + address, headers=sent).status_code in {301, 308}
    assert "/webhooks/amo" in proxy.logs
    for secret in (TOKEN, VIEWER):
        assert secret not in proxy.logs


@pytest.mark.parametrize("start", list(PROXIES.values()), ids=list(PROXIES))
def test_no_token_is_in_a_log_while_the_service_is_away(start: Start, tmp_path: Path) -> None:
    with start(tmp_path, 1, 1) as proxy, proxy.client() as client:
        for url in (proxy.url, proxy.path_url):
            assert client.post(f"{url}/webhooks/amo?token={TOKEN}", content=b"a=1").status_code == 502
        assert "/webhooks/amo" in proxy.logs
        assert TOKEN not in proxy.logs


def test_the_service_knows_the_clients_apart_and_believes_none_of_them(proxy: Proxy) -> None:
    """Who guesses has the budget of one address, whatever address it claims to be."""
    last = "127.0.0.9" if "nginx" in proxy.folder.name else "127.0.0.8"
    wrong = f"{proxy.url}/boards/office?token=wrong"
    with proxy.client(last) as guessing, proxy.client("127.0.0.7") as other:
        answers = [
            guessing.get(wrong, headers={"x-forwarded-for": f"198.51.100.{number}"}).status_code
            for number in range(GUESSES)
        ]
        assert (answers[0], answers[-1]) == (401, 429)
        assert other.get(wrong).status_code == 401


def test_a_body_that_is_too_large_is_refused_by_the_service_itself(proxy: Proxy) -> None:
    with proxy.client() as client:
        answer = client.post(f"{proxy.url}/webhooks/amo?token={TOKEN}", content=b"x" * (2**20 + 1))
        assert answer.status_code in {413, 415}
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_proxy_closes_an_idle_connection_before_the_service_does() -> None:
    """Otherwise a webhook may be sent on a connection that is being closed, and is lost with it."""
    texts = [path.read_text(encoding="utf-8") for path in DEPLOY.rglob("*") if path.is_file()]
    kept = [int(seconds) for text in texts for seconds in re.findall(r"keepalive(?:_timeout)? (\d+)s", text)]
    assert len(kept) == 3
    assert max(kept) < uvicorn.Config("").timeout_keep_alive


def test_the_container_s_check_of_its_health_works(services: tuple[Service, Service]) -> None:
    command = [sys.executable, *HEALTH[1:]]
    assert HEALTH[0] == "python"
    for url, is_healthy in ((services[1].url, True), ("http://127.0.0.1:1", False)):
        here = [part.replace("http://127.0.0.1:8000", url) for part in command]
        assert here != command
        assert (subprocess.run(here, capture_output=True, check=False).returncode == 0) is is_healthy
