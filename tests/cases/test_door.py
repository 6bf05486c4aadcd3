"""What is true of the webhooks of every CRM: addresses, marks, ids, and bodies that cannot be read."""

from __future__ import annotations

import base64
import codecs
import hmac
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from service.commands.tail import line
from service.config import Account
from service.ledger.write import log
from service.ledger.write.log import Stored
from service.metrics.series import Standings
from service.model import SECOND
from tests.adapters.posts import KEY, TOKEN, signed
from tests.cases.desk import NOW, Desk, configured, desk

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
USER: Final = "board:a-password-of-some-length"
BITRIX24: Final = "apptokenapptokenapptoken"
SECRETS: Final = {"standard": KEY, "amocrm": TOKEN, "bitrix24": BITRIX24, "hubspot": TOKEN, "pipedrive": USER}
JSON_KINDS: Final = ("standard", "hubspot", "pipedrive")

LOST: Final[Mapping[str, bytes]] = {
    "standard": b'{"type":"deal.changed","timestamp":"2026-11-26T12:00:00Z",'
    b'"data":{"id":"5","status":"lost","amount":"7.00"}}',
    "amocrm": urlencode(
        {
            "leads[status][0][id]": 5,
            "leads[status][0][status_id]": 143,
            "leads[status][0][pipeline_id]": 1,
            "leads[status][0][price]": 7,
            "leads[status][0][updated_at]": 1_795_700_000,
            "account[id]": 16700680,
        }
    ).encode(),
    "bitrix24": urlencode(
        {"event": "ONCRMDEALUPDATE", "data[FIELDS][ID]": 5, "auth[application_token]": BITRIX24}
    ).encode(),
    "hubspot": json.dumps(
        [
            {
                "eventId": 1,
                "subscriptionId": 2,
                "portalId": 3,
                "occurredAt": 1_795_700_000_000,
                "subscriptionType": "deal.propertyChange",
                "attemptNumber": 0,
                "objectId": 5,
                "propertyName": name,
                "propertyValue": value,
            }
            for name, value in (("dealstage", "closedlost"), ("amount", "7"))
        ]
    ).encode(),
    "pipedrive": json.dumps(
        {
            "meta": {
                "action": "create",
                "entity": "deal",
                "entity_id": "5",
                "company_id": "7300411",
                "id": "6d1c",
                "timestamp": "2026-11-26T12:00:00.500Z",
                "attempt": 1,
            },
            "data": {"id": 5, "status": "lost", "value": 7, "currency": "RUB"},
            "previous": None,
        }
    ).encode(),
}
"""A deal that is lost, worth 7.00, from each CRM."""


def office(kind: str, **keys: Any) -> Account:
    api = {"api": {"url": "https://zerno.bitrix24.ru/rest/1", "token": "t"}} if kind == "bitrix24" else {}
    return configured(kind, webhook_secret=SECRETS[kind], **api, **keys)


def authentic(kind: str, body: bytes, path: str = "/webhooks/office") -> tuple[dict[str, str], str]:
    """The headers and the query that prove where a body comes from."""
    match kind:
        case "standard":
            key = base64.b64decode(KEY.removeprefix("whsec_"))
            timestamp = str(NOW // SECOND)
            digest = hmac.digest(key, f"msg_1.{timestamp}.".encode() + body, "sha256")
            signature = f"v1,{base64.b64encode(digest).decode()}"
            sent = {"id": "msg_1", "timestamp": timestamp, "signature": signature}
            return {"content-type": JSON, **{f"webhook-{name}": value for name, value in sent.items()}}, ""
        case "hubspot":
            timestamp = str(NOW // 1000)
            signed_text = b"POST" + f"https://board.example{path}".encode() + body + timestamp.encode()
            signature = base64.b64encode(hmac.digest(TOKEN.encode(), signed_text, "sha256")).decode()
            sent = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": timestamp}
            return {"content-type": JSON, **sent}, ""
        case "pipedrive":
            proof = base64.b64encode(USER.encode()).decode()
            return {"content-type": JSON, "authorization": f"Basic {proof}"}, ""
        case "amocrm":
            return {"content-type": FORM}, f"token={TOKEN}"
    return {"content-type": FORM}, ""


async def post(at: Desk, body: bytes, path: str = "/webhooks/office") -> dict[str, Any]:
    headers, query = authentic(at.account.crm, body, path)
    answer = await at.post(body, headers, query, path)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def lost(at: Desk) -> tuple[int, str]:
    total = (await at.snapshot())["losses"]["total"]
    return total["count"], total["amount"]


@pytest.mark.parametrize("kind", SECRETS)
async def test_a_trailing_slash_changes_nothing(kind: str, sqlite_ledgers: Callable[[], str]) -> None:
    async with desk(sqlite_ledgers, office(kind)) as at:
        answer = await post(at, LOST[kind], "/webhooks/office/")
        assert answer["status"] == "applied"
        if kind != "bitrix24":  # whose webhooks only name the deal
            assert await lost(at) == (1, "7.00")


@pytest.mark.parametrize("kind", JSON_KINDS)
async def test_a_byte_order_mark_before_json_is_skipped(kind: str, sqlite_ledgers: Callable[[], str]) -> None:
    options = {"pipedrive": {"account": "7300411"}, "hubspot": {"account": "3"}}.get(kind, {})
    async with desk(sqlite_ledgers, office(kind, **{kind: options} if options else {})) as at:
        body = codecs.BOM_UTF8 + LOST[kind]
        answer = await post(at, body)
        assert (answer["status"], answer["errors"]) == ("applied", [])
        assert await lost(at) == (1, "7.00")
        (stored,) = await deliveries(at)
        assert stored.body == body


UNREADABLE: Final[Mapping[str, bytes]] = {
    "empty": b"",
    "white space": b" \r\n",
    "null": b"null",
    "a number": b"1",
    "a text": b'"deal"',
    "html": b"<html><body>502</body></html>",
    "another charset": '{"type": "Сделка"}'.encode("cp1251"),
    "utf-16": '{"type": "deal.changed"}'.encode("utf-16"),
    "no charset": b"\xff\xfe\xfd",
    "NUL": b"\0\0\0",
    "NUL in json": b'{"type": "deal.changed\0", "meta": "\0"}',
    "truncated": b'{"type": "deal.changed", "meta": {"company_id"',
    "nested too deep": b"[" * 200_000,
    "objects nested too deep": b'{"meta":' * 100_000,
    "a number too big": b'{"meta": ' + b"9" * 10_000 + b', "type": ' + b"9" * 10_000 + b"}",
    "a lone surrogate": b'{"meta": "\\ud800", "type": "\\ud800"}',
    "two values": b"{}{}",
}


@pytest.mark.parametrize("kind", JSON_KINDS)
@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_is_authentic_and_unreadable_is_stored(
    kind: str, name: str, sqlite_ledgers: Callable[[], str]
) -> None:
    options = {"pipedrive": {"account": "7300411"}, "hubspot": {"account": "3"}}.get(kind, {})
    async with desk(sqlite_ledgers, office(kind, **{kind: options} if options else {})) as at:
        body = UNREADABLE[name]
        answer = await post(at, body)
        assert (answer["status"], len(answer["errors"])) == ("quarantined", 1)
        (stored,) = await deliveries(at)
        assert stored.body == body
        (held,) = await at.quarantined()
        assert held.error == answer["errors"][0]["error"]


@pytest.mark.parametrize("name", ["empty", "white space", "html", "no charset", "NUL", "nested too deep"])
async def test_a_form_with_nothing_in_it_is_stored(name: str, sqlite_ledgers: Callable[[], str]) -> None:
    async with desk(sqlite_ledgers, office("amocrm")) as at:
        assert (await post(at, UNREADABLE[name]))["status"] == "quarantined"


async def deliveries(at: Desk) -> list[Stored]:
    return await at.database.read(lambda connection: log.stored(connection, at.account.id, 0))


def with_id(kind: str, event_id: str, amount: int, attempt: int = 1) -> tuple[bytes, dict[str, str]]:
    """A lost deal of that amount, in a webhook with that id."""
    if kind == "standard":
        body = LOST[kind].replace(b"7.00", b"%d.00" % amount)
        moment = signed(body.decode(), event_id, NOW)
        return body, {"content-type": JSON, **moment}
    event = json.loads(LOST[kind])
    event["meta"] |= {"id": event_id, "attempt": attempt}
    event["data"]["value"] = amount
    body = json.dumps(event).encode()
    return body, authentic(kind, body)[0]


@pytest.mark.parametrize("kind", ["standard", "pipedrive"])
async def test_one_id_with_two_bodies_is_two_deliveries_and_a_conflict(
    kind: str, sqlite_ledgers: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with desk(sqlite_ledgers, office(kind)) as at:
        answers = []
        for amount, attempt in ((7, 1), (8, 1), (8, 2), (7, 2), (9, 1)):
            answer = await at.post(*with_id(kind, "one", amount, attempt))
            answers.append((answer.json()["status"], answer.json()["delivery"]))
        repeats = ("duplicate", 2), ("duplicate", 1)
        assert answers == [("applied", 1), ("applied", 2), *repeats, ("applied", 3)]
        assert await lost(at) == (1, "9.00")
        assert [stored.conflicts_with for stored in await deliveries(at)] == [None, 1, 1]
        shown = [line(stored, at.account) for stored in await deliveries(at)]
        assert ["CONFLICT: the id of delivery 1" in text for text in shown] == [False, True, True]
        assert "delivery 2 has the id of delivery 1 and another body" in caplog.text
        assert at.metrics.text(Standings()).count(b'lossboard_conflicts_total{account="office"} 2.0') == 1


async def test_two_webhooks_about_one_event_are_no_conflict(sqlite_ledgers: Callable[[], str]) -> None:
    async with desk(sqlite_ledgers, office("pipedrive")) as at:
        for hook in ("17", "18"):
            event = json.loads(LOST["pipedrive"])
            event["meta"] |= {"webhook_id": hook, "webhook_owner_id": hook}
            answer = await post(at, json.dumps(event).encode())
        assert answer["status"] == "duplicate"
