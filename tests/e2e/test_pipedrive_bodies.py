"""Every saved Pipedrive body, posted to a running service, ends in the right row and changes nothing else."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from service.ledger.database.engine import open_engine
from service.ledger.database.tables import DEALS, TASKS
from service.ledger.write import log
from tests.adapters.pipedrive import saved_posts
from tests.e2e.running import REFUSED, running

CREDENTIALS = ("crm", "long-and-random-9f2c")
JSON = {"content-type": "application/json"}


def account(number: int) -> str:
    """Each body has an account of its own, so that none is older than another about the same deal."""
    return f"""
[[accounts]]
id = "p{number}"
title = "Pipedrive"
crm = "pipedrive"
webhook_secret = "{":".join(CREDENTIALS)}"
timezone = "Europe/Moscow"
currency = "RUB"
"""


def test_every_body_is_stored_and_ends_in_its_row(tmp_path: Path) -> None:
    bodies = saved_posts.bodies()
    accounts = {name: f"p{number}" for number, name in enumerate(bodies)}
    with running(tmp_path, config="".join(map(account, range(len(bodies))))) as service:
        for name, body in bodies.items():
            address = f"{service.url}/webhooks/{accounts[name]}"
            refused = service.client.post(address, auth=("crm", "wrong"), content=body, headers=JSON)
            assert refused.status_code in REFUSED
            answer = service.client.post(address, auth=CREDENTIALS, content=body, headers=JSON)
            assert (answer.status_code, answer.json()["status"]) == (200, "applied"), (name, answer.text)
            repeated = service.client.post(address, auth=CREDENTIALS, content=body, headers=JSON)
            assert repeated.json()["status"] == "duplicate", name
        assert service.stop() == 0
    engine = open_engine(f"sqlite:///{tmp_path}/lossboard.db", "reader")
    with engine.begin() as connection:
        for name, body in bodies.items():
            assert [delivery.body for delivery in log.everything(connection, accounts[name])] == [body]
            assert log.quarantined(connection, accounts[name]) == []
            plain = saved_posts.plain(body)
            if plain is None:
                continue
            entity, entity_id, is_gone, fields = plain
            table = DEALS if entity == "deal" else TASKS
            query = select(*table.c).where(table.c.account == accounts[name], table.c.id == entity_id)
            row = connection.execute(query).one()
            if row.deleted is None:
                assert not is_gone, name
                assert {field: getattr(row, field) for field in fields} == fields, name
            else:
                assert is_gone or name in saved_posts.OFF_THE_BOARD, name
    engine.dispose()
