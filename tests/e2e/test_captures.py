"""Every captured body of a CRM, posted to a running service, ends in the right row and changes nothing
else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import Connection, Row, select

from service.clock import SystemClock
from service.ledger.database.engine import open_engine
from service.ledger.database.tables import DEALS, STATE, TASKS
from service.ledger.write import log
from service.model import Instant
from tests.adapters.amocrm import captures
from tests.adapters.amocrm.test_golden import SPECIAL
from tests.adapters.hubspot.posts import signed
from tests.adapters.hubspot.test_adapter import stages
from tests.e2e.running import REFUSED, TOKEN, VIEWER, running

SECRETS = re.compile(rb"((?:%5B|\[)(?:[a-z]+_token|member_id)(?:%5D|\])=)[^&]+")
FORM = {"content-type": "application/x-www-form-urlencoded"}
OTHERS = {
    "unsorted": b"unsorted[add][0][uid]=a1&unsorted[add][0][created_at]=1763712005&account[id]=5",
    "customers": b"customers[add][0][id]=77&customers[add][0][name]=x&account[id]=5",
    "note": b"leads[note][0][note][element_id]=6000001&leads[note][0][note][text]=hello&account[id]=5",
}


def account(number: int, crm: str = "amocrm", secret: str = TOKEN) -> str:
    """Each body has an account of its own, so that none is older than another about the same lead."""
    return f"""
[[accounts]]
id = "a{number}"
title = "{crm}"
crm = "{crm}"
webhook_secret = "{secret}"
timezone = "Europe/Moscow"
currency = "RUB"
viewer_token = "{VIEWER}"
"""


def test_every_body_is_stored_and_ends_in_its_row(tmp_path: Path) -> None:
    bodies = {**captures.bodies(), **OTHERS}
    accounts = {name: f"a{number}" for number, name in enumerate(bodies)}
    config = "".join(account(number) for number in range(len(bodies)))
    with running(tmp_path, config=config) as service:
        for name, body in bodies.items():
            address = f"{service.url}/webhooks/{accounts[name]}"
            answer = service.client.post(address, params={"token": TOKEN}, content=body, headers=FORM)
            assert answer.status_code == 200, (name, answer.text)
            assert answer.json()["status"] == "applied", (name, answer.text)
            repeated = service.client.post(address, params={"token": "wrong"}, content=body, headers=FORM)
            assert repeated.status_code in REFUSED
            assert service.snapshot(accounts[name])["seq"] == 1
        assert service.stop() == 0
    engine = open_engine(f"sqlite:///{tmp_path}/lossboard.db", "reader")
    with engine.begin() as connection:
        for name, body in bodies.items():
            stored = list(log.everything(connection, accounts[name]))
            assert [delivery.body for delivery in stored] == [body]
            assert log.quarantined(connection, accounts[name]) == []
            if name in OTHERS:
                assert stored[0].changed == {}
                assert _rows(connection, accounts[name]) == []
            else:
                _is_in_its_row(connection, accounts[name], body, name)
    engine.dispose()


def hubspot_account(number: int) -> str:
    return account(number).replace('crm = "amocrm"', 'crm = "hubspot"')


def test_every_hubspot_body_is_stored_and_its_deals_have_their_status(tmp_path: Path) -> None:
    bodies = captures.bodies("hubspot")
    accounts = {name: f"a{number}" for number, name in enumerate(bodies)}
    config = "".join(hubspot_account(number) for number in range(len(bodies)))
    with running(tmp_path, config=config) as service:
        for name, body in bodies.items():
            address = f"{service.url}/webhooks/{accounts[name]}?from=a%3Ab%20c"
            called = address.replace("http:", "https:").replace("%3A", ":")
            proof = signed(body, called, SystemClock().now())
            del proof["host"]
            headers = {"content-type": "application/json", **proof}
            answer = service.client.post(address, content=body, headers=headers)
            assert answer.status_code == 200, (name, answer.text)
            assert answer.json()["status"] == "applied", (name, answer.text)
            assert answer.json()["errors"] == []
            again = body.replace(b'"attemptNumber":0', b'"attemptNumber":1')
            headers |= signed(again, called, SystemClock().now()) | {"host": service.url.partition("//")[2]}
            assert (
                service.client.post(address, content=again, headers=headers).json()["status"] == "duplicate"
            )
            assert service.client.post(address, content=body + b" ", headers=headers).status_code in REFUSED
        assert service.stop() == 0
    engine = open_engine(f"sqlite:///{tmp_path}/lossboard.db", "reader")
    with engine.begin() as connection:
        for name, body in bodies.items():
            assert [delivery.body for delivery in log.everything(connection, accounts[name])] == [body]
            assert log.quarantined(connection, accounts[name]) == []
            rows = {row.id: row for row in _rows(connection, accounts[name])}
            for deal_id, _, status in stages(body):
                assert rows[deal_id].status == status, name
    engine.dispose()


def _rows(connection: Connection, account_id: str) -> list[Row[*tuple[Any, ...]]]:
    return [
        row
        for table in (DEALS, TASKS, STATE["client"])
        for row in connection.execute(select(*table.c).where(table.c.account == account_id))
    ]


def _is_in_its_row(connection: Connection, account_id: str, body: bytes, name: str) -> None:
    """The row of the lead or task has what a plain reading of the body gives."""
    item = captures.plain(body)
    if item is None or name in SPECIAL:
        return
    wanted = captures.expected(item, Instant(0))
    row = next(row for row in _rows(connection, account_id) if row.id == wanted.id)
    assert (row.deleted is not None) == wanted.deleted, name
    assert {field: getattr(row, field) for field in wanted.fields} == dict(wanted.fields), name


def test_every_body_of_bitrix24_is_stored_and_a_deletion_ends_in_its_row(tmp_path: Path) -> None:
    """The other bodies only say that something happened. While the API is out of reach nothing is lost."""
    bodies = captures.bodies("bitrix24")
    said = {name: dict(parse_qsl(body.decode())) for name, body in bodies.items()}
    accounts = {name: f"a{number}" for number, name in enumerate(bodies)}
    secrets = [pairs["auth[application_token]"] for pairs in said.values()]
    away = '[accounts.api]\nurl = "http://127.0.0.1:9"\ntoken = "31/code"\n'
    config = "".join(account(number, "bitrix24", secret) + away for number, secret in enumerate(secrets))
    with running(tmp_path, config=config) as service:
        for name, body in bodies.items():
            address = f"{service.url}/webhooks/{accounts[name]}"
            answer = service.client.post(address, content=body, headers=FORM)
            assert answer.status_code == 200, (name, answer.text)
            assert answer.json()["status"] == "applied", (name, answer.text)
            forged = body.replace(b"application_token", b"token")
            assert service.client.post(address, content=forged, headers=FORM).status_code in REFUSED
        assert service.stop() == 0
    engine = open_engine(f"sqlite:///{tmp_path}/lossboard.db", "reader")
    with engine.begin() as connection:
        for name, body in bodies.items():
            cut = SECRETS.sub(rb"\1***", body)
            assert [delivery.body for delivery in log.everything(connection, accounts[name])] == [cut]
            assert log.quarantined(connection, accounts[name]) == []
            rows = _rows(connection, accounts[name])
            assert [row.deleted is not None for row in rows] == [True] * said[name]["event"].upper().endswith(
                "DELETE"
            )
    engine.dispose()
