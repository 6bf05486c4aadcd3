"""Telephone numbers: what every CRM sends of them, run over the registry, and what is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from service.adapters import ADAPTERS
from service.adapters.api import RESOURCE
from service.adapters.fields import phone_number
from service.config import Api, Secret
from service.model import Value
from tests.adapters.posts import account, post

AT: Final = "2026-11-22T12:00:00Z"
UNIX: Final = 1795348800


def _event(phone: Mapping[str, str]) -> dict[str, Any]:
    client = {"id": "7", "name": "Иван", **phone}
    return {"type": "deal.changed", "timestamp": AT, "data": {"id": "42", "client": client}}


def _person(version: str, name: str, numbers: Any) -> dict[str, Any]:
    meta = {"action": "change", "entity": "person", "object": "person", "entity_id": "7", "timestamp": AT}
    data = {"id": 7, "name": "Иван", "update_time": AT, **({} if numbers is None else {name: numbers})}
    return {"data": data, "meta": {**meta, "version": version, "company_id": "1", "id": "7"}}


def _answer(number: str | None) -> dict[tuple[str, str], Any]:
    """An answer of each API about client 7, by kind and resource; None: the number is not in it."""
    said = number is not None
    amocrm = [{"field_code": "EMAIL", "values": [{"value": "112233"}]}]
    phones = [{"value": "нет"}, {"value": number}]
    bitrix24 = [{"typeId": "EMAIL", "value": "112233"}, {"typeId": "PHONE", "value": number}]
    contact = {"id": 7, "name": "Иван", "updated_at": UNIX}
    if said:
        contact["custom_fields_values"] = [*amocrm, {"field_code": "PHONE", "values": phones}]
    item = {"id": 7, "name": "Иван", "updatedTime": AT, **({"fm": bitrix24} if said else {})}
    properties = {"firstname": "Иван", **({"phone": "", "mobilephone": number} if said else {})}
    numbers = [{"value": "нет"}, {"value": number, "primary": True}]
    person = {"id": 7, "name": "Иван", "update_time": AT, **({"phones": numbers} if said else {})}
    return {
        ("amocrm", "contacts"): {"_embedded": {"contacts": [contact]}},
        ("bitrix24", "contacts"): {"result": {"items": [item]}, "time": {}},
        ("hubspot", "names:contacts"): {"results": [{"id": "7", "properties": properties, "updatedAt": AT}]},
        ("pipedrive", "persons"): {"success": True, "data": [person]},
    }


def _webhook(number: str | None) -> dict[str, bytes]:
    """A webhook of each CRM that sends numbers; None: the number is not in it."""
    contact = {"id": "7", "name": "Иван", "updated_at": UNIX, "type": "contact"}
    field = {"[code]": "PHONE", "[values][0][value]": "нет", "[values][1][value]": number or ""}
    form = {f"contacts[update][0][{name}]": value for name, value in contact.items()}
    if number is not None:
        form |= {f"contacts[update][0][custom_fields][3]{name}": value for name, value in field.items()}
    hubspot = {"subscriptionType": "company.propertyChange", "objectId": 7, "occurredAt": UNIX * 1000}
    sent = ("name", "Иван") if number is None else ("phone", number)
    event = {**hubspot, "propertyName": sent[0], "propertyValue": sent[1]}
    v1 = None if number is None else [{"value": number, "primary": True}]
    return {
        "standard": json.dumps(_event({} if number is None else {"phone": number})).encode(),
        "amocrm": urlencode(form).encode(),
        "hubspot": json.dumps([event]).encode(),
        "pipedrive": json.dumps(_person("2.0", "phones", v1)).encode(),
    }


def _told(kind: str, way: str, number: str | None) -> list[Mapping[str, Value]]:
    """What the client's changes say after a webhook, or an answer of the API."""
    office = replace(account(kind), api=Api(Secret("x" * 16), "https://office.example"))
    if way == "webhook":
        decoded = ADAPTERS[kind].decode(post(_webhook(number)[kind]), office)
    else:
        api = ADAPTERS[kind].api
        assert api is not None
        body = json.dumps(_answer(number)[kind, way]).encode()
        decoded = api.decode(post(body, {RESOURCE: way}), office)
    assert decoded.rejections == ()
    return [change.fields for change in decoded.changes if change.entity == "client"]


WAYS: Final = [*((kind, "webhook") for kind in _webhook(None)), *_answer(None)]


def test_each_crm_tells_telephone_numbers_in_some_way() -> None:
    assert {kind for kind, _ in WAYS} == set(ADAPTERS)


@pytest.mark.parametrize(("kind", "way"), WAYS)
def test_a_clients_number_is_read_where_the_crm_sends_it(kind: str, way: str) -> None:
    for number, read in (("+7 (900) 000-00-00", "+79000000000"), ("javascript:alert(1)", None), ("", None)):
        phones = {fields["phone"] for fields in _told(kind, way, number)}
        assert phones == {read}
    unsaid = _told(kind, way, None)
    assert unsaid
    assert all("phone" not in fields for fields in unsaid)


def test_of_several_numbers_the_primary_one_counts() -> None:
    numbers = [{"value": "112233"}, {"value": "445566", "primary": True}]
    for version, name in (("2.0", "phones"), ("1.0", "phone")):
        body = _person(version, name, numbers)
        if version == "1.0":
            body["current"] = body.pop("data")
        decoded = ADAPTERS["pipedrive"].decode(post(json.dumps(body).encode()), account("pipedrive"))
        assert [change.fields.get("phone") for change in decoded.changes] == ["445566"]


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        ("+7 (900) 000-00-00", "+79000000000"),
        ("8 900 000 00 00", "89000000000"),
        ("\u202a+7\u00a0900\u2011000\u201300\u201300\u202c", "+79000000000"),  # as it is copied
        ("＋７９００００００００００", "+790000000000"),
        (79000000000, "79000000000"),
        ("02.03.04.05.06", "0203040506"),
        ("11223", "11223"),
        *((text, None) for text in ("1122", "+1234567890123456", "+7 900 000-00-00 доб. 12", "7++9000000")),
        *((text, None) for text in ("112233, 445566", "112233;ext=1", "112233#", "tel:112233", "нет", "")),
        *((other, None) for other in (None, True, 1.5, ["112233"], {"value": "112233"}, "1" * 10**6)),
    ],
)
def test_a_number_is_digits_and_one_leading_plus_or_not_known(sent: object, number: str | None) -> None:
    assert phone_number(sent) == number
    assert phone_number("нет", sent, None) == number
