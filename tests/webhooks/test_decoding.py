"""What is stored of a webhook: its body without secrets, and what that says."""

from __future__ import annotations

import pytest

from service.adapters import ADAPTERS
from service.adapters.bitrix24.adapter import Bitrix24Adapter
from service.model import Decoded, Need, Request
from service.webhooks.decoding import Sender, decode
from tests.adapters.posts import NOW, TOKEN, account, post

BITRIX24 = account("bitrix24")
BITRIX = Sender.of(BITRIX24)
DEAL = (
    b"event=ONCRMDEALUPDATE&event_handler_id=17&data[FIELDS][ID]=42&ts=1795420000&auth[domain]=x.bitrix24.ru"
    b"&auth[member_id]=5d0c1f7a&auth[application_token]=" + TOKEN.encode()
)
GONE = DEAL.replace(b"UPDATE", b"DELETE")


def test_a_body_is_stored_without_its_secrets_under_the_key_of_what_was_received() -> None:
    received = post(GONE, {"cookie": "x"}, {"token": "y"})
    stored, decoded = decode(received, BITRIX)
    assert stored == Request(
        "POST",
        "",
        {},
        {},
        GONE.replace(TOKEN.encode(), b"***").replace(b"5d0c1f7a", b"***"),
        NOW,
    )
    original = ADAPTERS["bitrix24"].decode(received, BITRIX24)
    assert decoded == original
    assert decoded.key != ADAPTERS["bitrix24"].decode(stored, BITRIX24).key
    of_another_portal = post(GONE.replace(b"5d0c1f7a", b"another"))
    assert decode(of_another_portal, BITRIX)[1].key != decoded.key


def test_what_is_applied_is_what_the_stored_body_says() -> None:
    """A secret that somebody wrote into a deal's name is not shown either."""
    amo = account("amocrm")
    body = b"leads[update][0][id]=42&leads[update][0][name]=call+" + TOKEN.encode()
    stored, decoded = decode(post(body), Sender.of(amo))
    assert [change.fields.get("name") for change in decoded.changes] == ["call ***"]
    again = ADAPTERS["amocrm"].decode(stored, amo)
    assert (again.changes, again.rejections) == (decoded.changes, decoded.rejections)


def test_a_defect_of_an_adapter_quotes_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(_self: object, request: Request, _account: object) -> Decoded:
        raise RuntimeError(f"I choked on {request.body!r} {request.query} {request.headers}")

    monkeypatch.setattr(Bitrix24Adapter, "decode", defect)
    request = post(DEAL, {"authorization": TOKEN}, {"token": TOKEN})
    _, decoded = decode(request, BITRIX)
    (rejection,) = decoded.rejections
    assert "I choked on" in rejection.detail
    assert TOKEN not in rejection.detail
    assert rejection.error == "a defect: the bitrix24 adapter failed"


def test_a_body_without_secrets_is_stored_as_it_came() -> None:
    amo = account("amocrm")
    body = b"leads[delete][0][id]=42&account[id]=5"
    headers = {"x-amocrm-requestid": "r1", "user-agent": "amoCRM"}
    stored, decoded = decode(post(body, headers), Sender.of(amo))
    assert (stored.body, stored.headers) == (body, {"x-amocrm-requestid": "r1"})
    assert decoded == ADAPTERS["amocrm"].decode(post(body, headers), amo)


def test_a_kept_header_is_stored_without_secrets_too() -> None:
    amo = account("amocrm")
    stored, _ = decode(post(DEAL, {"x-amocrm-requestid": f"r-{TOKEN}"}), Sender.of(amo))
    assert stored.headers == {"x-amocrm-requestid": "r-***"}


def test_what_the_api_can_tell_is_still_asked_for() -> None:
    _, decoded = decode(post(DEAL), BITRIX)
    assert decoded.needs == (Need("deal", "42"),)
