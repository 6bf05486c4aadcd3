"""Secrets are nowhere but in the configuration: unique ones go every way that there is, and are then looked
for in the database's files, the log at its most talkative, the metrics, and what commands print."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
import pytest

from service.adapters.standard.adapter import StandardAdapter
from service.app import Service, create_app
from service.clock import SystemClock
from service.commands import operations, tail
from service.config import Config
from service.config_file import parse
from service.http.server import Companion
from service.ledger.database import schema
from service.ledger.database.database import Database
from service.ledger.upkeep import attach
from service.ledger.write import apply as applying
from service.ledger.write import log
from service.metrics.series import Standings
from service.model import Decoded, Request
from service.telemetry import logs
from tests.adapters.posts import signed

CANARIES: Final[Mapping[str, str]] = {
    name: f"canary-{number}-{name}-7f3a9c"
    for number, name in enumerate(
        (
            "amo",
            "b24",
            "hubspot",
            "password",
            "viewer",
            "access",
            "refresh",
            "member",
            "api",
            "guess",
            "new",
            "metrics",
            "admin",
        )
    )
}
STANDARD: Final = "whsec_" + base64.b64encode(b"canary of the standard one").decode()
HOOK: Final = f"hook:{CANARIES['password']}"
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
JSON: Final = {"content-type": "application/json"}
LEAD: Final = b"leads[update][0][id]=42&leads[update][0][name]=x&leads[update][0][last_modified]=1790000000"
GONE: Final = '{"type":"deal.deleted","timestamp":"2026-11-23T09:00:00Z","data":{"id":"%s"}}'


def config_of(folder: Path) -> Config:
    """A configuration in which every secret is a canary."""
    common = {"timezone": "Europe/Moscow", "currency": "RUB", "viewer_token": CANARIES["viewer"]}
    secrets = {
        "standard": STANDARD,
        "amocrm": CANARIES["amo"],
        "bitrix24": CANARIES["b24"],
        "hubspot": CANARIES["hubspot"],
        "pipedrive": HOOK,
    }
    api = {"api": {"url": "http://127.0.0.1:9", "token": f"1/{CANARIES['api']}"}}
    accounts = [
        {"id": kind, "title": kind, "crm": kind, "webhook_secret": secret, **common}
        | (api if kind == "bitrix24" else {})
        for kind, secret in secrets.items()
    ]
    url = f"sqlite:///{folder}/lossboard.db"
    top = {
        "database_url": url,
        "metrics_token": CANARIES["metrics"],
        "admin_token": CANARIES["admin"],
        "accounts": accounts,
    }
    return parse(top, {})


def portal(event: str, token: str, **fields: str) -> bytes:
    """A body of Bitrix24 as an application gets it, with every secret that one has."""
    sent = {
        "event": event,
        "data[FIELDS][ID]": "42",
        "ts": "1795420000",
        "auth[access_token]": CANARIES["access"],
        "auth[refresh_token]": CANARIES["refresh"],
        "auth[member_id]": CANARIES["member"],
        "auth[application_token]": token,
        "auth[new_kind_of_token]": CANARIES["new"],
        **fields,
    }
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in sent.items()).encode()


@asynccontextmanager
async def serving(config: Config) -> AsyncIterator[tuple[Service, str]]:
    """The service behind its own server, on a free port."""
    schema.migrate(config.database_url)
    database = Database(config.database_url)
    operations.prepare(database, config, SystemClock())
    database.close()
    service = create_app(config, SystemClock())
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = Companion(service.app, "127.0.0.1", 0, service.hub.close, url.set_result)
    task = asyncio.create_task(server.serve())
    try:
        yield service, await url
    finally:
        server.stop()
        await task


async def post_everything(client: httpx.AsyncClient) -> list[httpx.Response]:
    """Webhooks of every kind: sound ones, strange ones, false ones, and ones that meet a defect."""

    def post(
        kind: str, body: bytes, headers: Mapping[str, str], query: str = ""
    ) -> asyncio.Task[httpx.Response]:
        request = client.post(f"/webhooks/{kind}{query}", content=body, headers=dict(headers))
        return asyncio.create_task(request)

    basic = {"authorization": f"Basic {base64.b64encode(HOOK.encode()).decode()}"}
    token = f"?token={CANARIES['amo']}"
    now = SystemClock().now()
    sound = [
        post("bitrix24", portal("ONCRMDEALUPDATE", CANARIES["b24"]), FORM),
        post("bitrix24", portal("ONCRMDEALDELETE", CANARIES["b24"]), FORM),
        post("bitrix24", portal("ONCRMDEALUPDATE", CANARIES["b24"], **{"data[FIELDS][ID]": "x"}), FORM),
        post("bitrix24", b"no event&" + portal("", CANARIES["b24"]), FORM),
        post("amocrm", LEAD + f"&leads[update][0][name]={CANARIES['amo']}".encode(), FORM, token),
        post("amocrm", f"strange={CANARIES['amo']}".encode(), FORM, token),
        post("pipedrive", b"{}", JSON | basic),
        post("pipedrive", f'{{"{CANARIES["password"]}": '.encode(), JSON | basic),
    ]
    for number, name in enumerate(("1", "broken", "unstorable", STANDARD)):
        body = GONE % name
        sound.append(post("standard", body.encode(), JSON | signed(body, f"m{number}", now, STANDARD)))
    false = [
        post("bitrix24", portal("ONCRMDEALUPDATE", CANARIES["guess"]), FORM),
        post("amocrm", LEAD, FORM, f"?token={CANARIES['guess']}"),
        post("pipedrive", b"{}", JSON | {"authorization": f"Basic {CANARIES['guess']}"}),
        post("standard", b"{}", JSON | signed("{}", CANARIES["guess"], now)),
        post("hubspot", b"[]", JSON | {"x-hubspot-signature-v3": CANARIES["guess"]}),
        post("amocrm", b"x" * 2**21, FORM, token),
    ]
    assert {answer.status_code for answer in await asyncio.gather(*sound)} == {200}
    assert {answer.status_code for answer in await asyncio.gather(*false)} <= {401, 413, 429}
    return [task.result() for task in (*sound, *false)]


async def open_everything(client: httpx.AsyncClient) -> list[httpx.Response]:
    """Boards by a right and by a wrong link, and pages that there are not."""
    links = [f"/boards/amocrm{part}?token={CANARIES['viewer']}" for part in ("", "/snapshot", "/deals.csv")]
    wrong = [f"/boards/amocrm?token={CANARIES['guess']}", f"/nowhere?token={CANARIES['viewer']}"]
    answers = [await client.get(address, follow_redirects=address in links) for address in (*links, *wrong)]
    answers += [
        await client.get("/metrics", headers={"authorization": f"Bearer {CANARIES[name]}"})
        for name in ("metrics", "guess")
    ]
    assert [answer.status_code for answer in answers[-2:]] == [200, 401]
    return answers


def break_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies that make the adapter fail, and changes that the database refuses."""
    sound_decode, sound_apply = StandardAdapter.decode, applying.apply_all

    def decode(self: StandardAdapter, request: Request, account: object) -> Decoded:
        if b"broken" in request.body:
            raise RuntimeError(f"choked on {request}")
        return sound_decode(self, request, account)  # type: ignore[arg-type]  # an account

    def apply(connection: object, work: object, *rest: object) -> object:
        for delivery in (one for _, deliveries in work for one in deliveries):  # type: ignore[attr-defined]
            if b"unstorable" in delivery.body and delivery.decoded.changes:
                rows = {"body": delivery.body, "key": CANARIES["guess"]}
                connection.exec_driver_sql("INSERT INTO deliveries (body, key) VALUES (:body, :key)", rows)  # type: ignore[attr-defined]  # a connection
        return sound_apply(connection, work, *rest)  # type: ignore[arg-type]  # the same

    monkeypatch.setattr(StandardAdapter, "decode", decode)
    monkeypatch.setattr("service.ledger.write.committer.apply_all", apply)


def printed(config: Config) -> str:
    """What commands print of every delivery."""
    lines: list[str] = []
    for account in config.accounts:
        held = attach.read(config.database_url, log.quarantined, account.id)
        lines += [row.error for row in held]
        for stored in attach.read(config.database_url, log.stored, account.id, 0):
            lines += tail.full(stored, account, held)
    return "\n".join(lines)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder; of a database that is open, with the log of its writes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def found(text: bytes) -> list[str]:
    """The canaries in a text, by name."""
    secrets = {**CANARIES, "standard": STANDARD, "bearer": base64.b64encode(HOOK.encode()).decode()}
    return [
        name
        for name, secret in secrets.items()
        if any(form in text for form in (secret.encode(), quote(secret, safe="").encode()))
    ]


async def test_no_secret_is_found_at_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    break_some(monkeypatch)
    config = config_of(tmp_path)
    async with serving(config) as (service, url), asyncio.timeout(60):
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
            answers = [*await post_everything(client), *await open_everything(client)]
        files = contents(tmp_path)
        shown = {
            "log": caplog.text.encode(),
            "log for programs": "\n".join(map(logs._json().format, caplog.records)).encode(),
            "metrics": service.metrics.text(Standings()),
            "commands": printed(config).encode(),
            "answers": b"\n".join(answer.content for answer in answers),
        }
    assert {"lossboard.db", "lossboard.db-wal"} <= files.keys()
    assert b"choked on" in shown["commands"]
    assert b"INSERT INTO deliveries" in shown["log"]
    assert b'"delivery": "refused-' in shown["log for programs"]
    assert {name: found(text) for name, text in {**files, **shown}.items() if found(text)} == {}


async def test_a_delivery_without_its_secrets_is_retried_and_verified(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    async with serving(config) as (_, url), httpx.AsyncClient(base_url=url, trust_env=False) as client:
        body = portal("ONCRMDEALDELETE", CANARIES["b24"])
        answers = [await client.post("/webhooks/bitrix24", content=body, headers=FORM) for _ in range(2)]
        await client.post("/webhooks/bitrix24", content=portal("", CANARIES["b24"]), headers=FORM)
    assert [answer.json()["status"] for answer in answers] == ["applied", "duplicate"]
    (account,) = (account for account in config.accounts if account.id == "bitrix24")
    held = attach.read(config.database_url, log.quarantined, account.id)
    assert [row.number for row in held] == [2]
    retried = operations.retry(config, account, 2, SystemClock())
    assert [rejection.error for rejection in retried.rejections] == [held[0].error]
    verified = operations.verify(config, account, lambda _: None)
    assert (verified.differences, verified.log_complete) == ([], True)
