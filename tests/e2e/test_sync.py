"""`lossboard sync` and `lossboard subscribe` against a simulated amoCRM on a real socket."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from service.demo.crms.amocrm.crm import AmoCRM
from service.demo.office import Office
from service.ledger.database.engine import open_engine
from service.ledger.database.tables import SYNCS
from service.ledger.write import state as states
from service.ledger.write import syncs, troubles
from service.ledger.write.syncs import Sync
from service.model import TroubleCode
from tests.databases import SqliteFiles
from tests.e2e.running import CONFIG, DEADLINE_SECONDS, Service, lossboard, running, until
from tests.e2e.sockets import served

MANAGER, PIPELINE, REASON = 31, 11, "Дорого"


@dataclass
class Connection:
    """An office, its CRM on a socket, and the folder of an operator who connects it."""

    folder: Path
    url: str
    vendor: AmoCRM

    def add_deal(self, amount: int = 518400, reason: str | None = None) -> int:
        """A deal, open or lost."""
        office = self.vendor.office
        deal = office.add_deal("Абонемент", amount, office.add_client("Иван").id, MANAGER, PIPELINE).id
        if reason is not None:
            office.lose(deal, reason)
        return deal

    def configure(self, address: str, reason_field: str | None = None, **keys: str) -> str:
        """Write the configuration; returns its text."""
        options = f'[accounts.amocrm]\nreason_field = "{reason_field}"\n' if reason_field else ""
        more = "".join(f'{name} = "{value}"\n' for name, value in keys.items())
        text = f"""
database_url = "{self.url}"

[[accounts]]
id = "amo"
title = "amoCRM"
crm = "amocrm"
webhook_secret = "{self.vendor.webhook_secret}"
timezone = "Europe/Moscow"
currency = "RUB"
{more}
[accounts.api]
url = "{address}"
token = "{self.vendor.token}"
per_second = 200

{options}"""
        (self.folder / "lossboard.toml").write_text(text, encoding="utf-8")
        return text

    def known(self) -> dict[str, object]:
        """The amounts of the known deals."""
        engine = open_engine(self.url, "reader")
        with engine.begin() as connection:
            (page,) = list(states.pages(connection, "amo", "deal")) or [{}]
        engine.dispose()
        return {deal_id: record.values.get("amount") for deal_id, record in page.items()}

    def state(self) -> tuple[str, Sync]:
        """Who holds the lease, and the account's row in `syncs`."""
        engine = open_engine(self.url, "reader")
        with engine.begin() as connection:
            sync = syncs.read(connection, "amo")
            holder = connection.execute(select(SYNCS.c.holder)).scalar() or ""
        engine.dispose()
        return holder, sync

    def troubles(self) -> list[tuple[TroubleCode, str]]:
        """The codes and subjects of what is wrong."""
        engine = open_engine(self.url, "reader")
        with engine.begin() as connection:
            told = troubles.read(connection, "amo")
        engine.dispose()
        return [(trouble.code, trouble.subject) for trouble in told]

    def truth(self) -> dict[str, object]:
        """What `known` should be."""
        return {str(deal.id): deal.amount for deal in self.vendor.office.deals.values()}


@pytest.fixture
def office(tmp_path: Path, sqlite_files: SqliteFiles) -> Iterator[tuple[Connection, str]]:
    """The office, and the address of its CRM's API."""
    vendor = AmoCRM(Office(time.time), limit=10_000)
    with served(vendor.app) as address:
        vendor.origin = address
        connection = Connection(tmp_path, sqlite_files.migrated(), vendor)
        for number in range(3):
            connection.add_deal(100 * (1 + number), REASON if number else None)
        yield connection, address


def test_sync_alone_brings_what_the_crm_has(office: tuple[Connection, str]) -> None:
    connected, address = office
    connected.configure(address)
    done = lossboard(connected.folder, "sync", "amo")
    assert (done.returncode, done.stdout) == (0, "amo: complete\n"), done.stderr
    assert connected.known() == connected.truth()
    assert connected.vendor.token not in done.stderr
    _, state = connected.state()
    assert state.run is None
    assert lossboard(connected.folder, "verify").returncode == 0


def post(service: Service, vendor: AmoCRM, number: int) -> httpx.Response:
    """Post one of the CRM's webhooks, which wakes an idle sync."""
    return service.client.post(
        f"{service.url}/webhooks/amo",
        params={"token": vendor.webhook_secret},
        headers={"content-type": "application/x-www-form-urlencoded"},
        content=f"unsorted[add][0][uid]={number}&account[id]={vendor.account_id}",
    )


def test_sync_follows_the_service_that_works_the_account(office: tuple[Connection, str]) -> None:
    connected, address = office
    config = connected.configure(address)
    with running(connected.folder, config=config) as service:
        until(lambda: connected.state()[1].synced_at)
        holder, before = connected.state()
        connected.add_deal(700)
        command = subprocess.Popen(
            [sys.executable, "-m", "service", "sync", "amo"],
            cwd=connected.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        numbers = iter(range(10_000))
        until(
            lambda: post(service, connected.vendor, next(numbers)).is_success and command.poll() is not None
        )
        said, errors = command.communicate(timeout=DEADLINE_SECONDS)
        assert (command.returncode, said) == (0, "amo: complete\n"), errors
        after_holder, after = connected.state()
        assert after_holder == holder  # the service did it
        assert after.synced_at is not None
        assert before.synced_at is not None
        assert after.synced_at > before.synced_at
        assert connected.known() == connected.truth()
        assert service.stop() == 0
        assert connected.vendor.token not in "".join(service.lines)
        assert connected.vendor.webhook_secret not in "".join(service.lines)


def test_sync_says_that_the_token_is_refused_and_tries_another_one(office: tuple[Connection, str]) -> None:
    connected, address = office
    connected.configure(address)
    token, connected.vendor.token = connected.vendor.token, "another"
    done = lossboard(connected.folder, "sync", "amo")
    assert done.returncode == 1
    assert "the CRM refuses the token: put a valid one into [accounts.api]" in done.stderr
    assert "Traceback" not in done.stderr
    assert connected.troubles() == [("api_token", "users")]
    connected.vendor.token = token
    done = lossboard(connected.folder, "sync", "amo")
    assert done.returncode == 0, done.stderr
    assert connected.troubles() == []
    assert connected.known() == connected.truth()


def test_what_is_wrong_is_said_before_anybody_relies_on_it(office: tuple[Connection, str]) -> None:
    connected, address = office
    connected.configure(address)
    done = lossboard(connected.folder, "check-config", "--online")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "amo: its API answers"), done.stderr
    connected.configure(address, reason_field="Причена")
    missing = "amo: the CRM has no field Причена: correct reason_field in [accounts.amocrm]"
    done = lossboard(connected.folder, "check-config", "--online")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, missing), done.stderr
    done = lossboard(connected.folder, "sync", "amo")  # nothing refuses to start for it
    assert (done.returncode, done.stdout.splitlines()) == (0, ["amo: complete", missing]), done.stderr
    assert connected.troubles() == [("reason_field", "Причена")]
    connected.configure(address)
    assert lossboard(connected.folder, "sync", "amo").stdout == "amo: complete\n"
    assert connected.troubles() == []
    connected.vendor.token = "another"
    done = lossboard(connected.folder, "check-config", "--online")
    refused = "amo: the CRM refuses the token: put a valid one into [accounts.api] (401)"
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, refused), done.stderr
    assert lossboard(connected.folder, "check-config").returncode == 0


def test_subscribe_registers_the_webhook_once(office: tuple[Connection, str]) -> None:
    connected, address = office
    connected.configure(address, public_url="https://board.example/")
    done = lossboard(connected.folder, "subscribe", "amo")
    assert (done.returncode, done.stdout) == (0, "amo: the webhook is registered\n"), done.stderr
    (destination,) = connected.vendor.hooks
    assert destination == f"https://board.example/webhooks/amo?token={connected.vendor.webhook_secret}"
    again = lossboard(connected.folder, "subscribe", "amo")
    assert again.stdout == "amo: the webhook was already registered\n"
    assert len(connected.vendor.hooks) == 1


def test_subscribe_says_what_is_wrong(office: tuple[Connection, str]) -> None:
    connected, address = office
    connected.configure(address)
    done = lossboard(connected.folder, "subscribe", "amo")
    assert (done.returncode, "the configuration needs public_url" in done.stderr) == (1, True)
    connected.configure(address, public_url="https://board.example/")
    connected.vendor.token = "another"
    done = lossboard(connected.folder, "subscribe", "amo")
    assert (done.returncode, "the CRM refuses the token" in done.stderr) == (1, True)
    assert connected.vendor.hooks == {}


def test_subscribe_says_the_clicks_where_the_api_cannot(tmp_path: Path) -> None:
    config = CONFIG.replace('language = "ru"', 'language = "ru"\npublic_url = "https://board.example"')
    (tmp_path / "lossboard.toml").write_text(config, encoding="utf-8")
    for account in ("office", "amo"):  # a CRM without an API, and an account without a token for it
        done = lossboard(tmp_path, "subscribe", account)
        assert done.returncode == 0, done.stderr
        assert f"https://board.example/webhooks/{account}" in done.stdout
        assert "long-and-random" not in done.stdout
    done = lossboard(tmp_path, "sync", "office")
    assert done.returncode == 1
    assert "there is no [accounts.api]" in done.stderr
