"""Only an answer of the documented form is recognised, whatever the call: run over the registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import msgspec
import pytest

from service.adapters import ADAPTERS
from service.adapters.api import Answer, Api, Call, Subscribing
from service.config import Account, Secret
from service.config import Api as ApiOptions
from service.ledger.write import needs
from service.model import Need
from tests.adapters.posts import NOW, account

KINDS: Final = sorted(kind for kind, adapter in ADAPTERS.items() if adapter.api is not None)
PROBABLE_ID: Final = "42"

JUNK: Final = {
    "empty": b"",
    "blank": b" \r\n",
    "null": b"null",
    "an empty list": b"[]",
    "an empty object": b"{}",
    "a number": b"1",
    "a text": b'"OK"',
    "a page": b"<!DOCTYPE html><html><body>Closed for maintenance</body></html>",
    "an error": b'{"title":"Internal error","type":"about:blank","status":500,"detail":"Try again later"}',
    "another error": b'{"success":false,"error":"Internal error","error_info":"","data":null}',
    "an error of HubSpot's kind": b'{"status":"error","message":"internal error","category":"INTERNAL"}',
    "an error of PHP's kind": b'{"error":"ERROR_CORE","error_description":"Internal error"}',
    "a truncated answer": b'{"_embedded":{"leads":[{"id":42,"name":"Abo',
    "another truncated answer": b'{"result":{"items":[{"id":42',
    "not UTF-8": b'{"results":[{"id":"\xff"}]',
    "too deep": b"[" * 100_000,
    "deep objects": b'{"data":' * 50_000,
}
"""What proxies, maintenance pages and broken servers answer with the status 200."""


def office(kind: str) -> Account:
    """An account that asks its CRM, and has a field of the reasons."""
    own = account(kind, "user:password")
    options = own.options
    if "reason_field" in options.__struct_fields__:
        options = msgspec.structs.replace(options, reason_field="Причина отказа")
    api = ApiOptions(Secret("1/t0ken"), "https://crm.example")
    return replace(own, api=api, options=options, public_url="https://board.example")


def calls_of(api: Api, own: Account) -> Iterator[Call]:
    """Each kind of call that the API makes first."""
    for entity in (*needs.WHOLE, *needs.LINKS.values()):
        call = api.ask([Need(entity, PROBABLE_ID)], own)
        if call is not None:
            yield call
    for stage in (*api.backfill(own, NOW), *api.changes(own, NOW), *api.sweep(own, NOW)):
        yield stage.first
    if isinstance(api, Subscribing):
        yield api.webhooks(own)
    if (field := api.field(own)) is not None:
        yield field


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("kind", KINDS)
def test_junk_is_recognised_as_the_answer_to_no_call(kind: str, junk: str) -> None:
    api, own = ADAPTERS[kind].api, office(kind)
    assert api is not None
    understood = {
        call.resource
        for call in calls_of(api, own)
        if api.verdict(call, Answer(200, {"content-type": "application/json"}, JUNK[junk])).is_answer
    }
    assert understood == set()


@pytest.mark.parametrize("status", [201, 202, 204, 206])
@pytest.mark.parametrize("kind", KINDS)
def test_no_other_success_makes_junk_an_answer(kind: str, status: int) -> None:
    """The code that takes an answer for one reads it, and nothing but a good one can be read."""
    api, own = ADAPTERS[kind].api, office(kind)
    assert api is not None
    for call in calls_of(api, own):
        for name, body in JUNK.items():
            if body.strip():
                assert not api.verdict(call, Answer(status, {}, body)).is_answer, (call.resource, name)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 402, 403, 405, 429, 500, 502, 503, 504, 520])
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_without_success_proves_nothing(kind: str, status: int) -> None:
    api, own = ADAPTERS[kind].api, office(kind)
    assert api is not None
    for call in calls_of(api, own):
        for body in JUNK.values():
            verdict = api.verdict(call, Answer(status, {}, body))
            assert verdict.meaning in ("refused", "later")
            assert verdict.trouble is not None
