"""The `standard` adapter's decoding."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from service.adapters import NotAuthentic
from service.adapters.standard.adapter import MAX_EVENTS, StandardAdapter
from service.config import Secret
from service.model import AMOUNT_LIMIT, ID_LENGTH, SECOND, Change, Decoded, Value
from service.money import NO_CURRENCY
from tests.adapters.posts import KEY, NOW, OTHER_KEY, account, post, signed, utc

SAMPLES = Path(__file__).parent / "samples"
AT = "2026-11-23T09:00:00Z"
VERSION = utc("2026-11-23 09:00:00")
ADAPTER = StandardAdapter()
OFFICE = account("standard")


def decoded(body: bytes | str) -> Decoded:
    """What a body says, without the digest of its content."""
    raw = body if isinstance(body, bytes) else body.encode()
    result = ADAPTER.decode(post(raw, {"webhook-id": "msg_1"}), OFFICE)
    assert result.content == hashlib.sha256(raw).hexdigest()
    return structs.replace(result, content="")


def event(kind: str, /, timestamp: str = AT, **data: Any) -> str:
    return json.dumps({"type": kind, "timestamp": timestamp, "data": data})


def deal(**data: Any) -> dict[str, Value]:
    """The fields of the deal that an event changes, without `known`."""
    result = decoded(event("deal.changed", id="1", **data))
    assert result.rejections == ()
    fields = dict(result.changes[0].fields)
    assert fields.pop("known") is True
    return fields


def task(**data: Any) -> dict[str, Value]:
    result = decoded(event("task.changed", id="1", **data))
    assert result.rejections == ()
    return dict(result.changes[0].fields)


def raw(data: str) -> bytes:
    """A changed deal with this for its data, which need not be JSON."""
    return f'{{"type":"deal.changed","timestamp":"{AT}","data":{data}}}'.encode()


def error(body: bytes | str) -> str:
    """Why a body of one event is rejected."""
    result = decoded(body)
    assert result.changes == ()
    (rejection,) = result.rejections
    assert rejection.part == 0
    assert "\n" not in rejection.error
    return rejection.error


def test_every_field_of_a_deal_is_read() -> None:
    version = utc("2026-11-23 09:00:00.25")
    assert decoded((SAMPLES / "deal_changed.json").read_bytes()) == Decoded(
        "msg_1",
        (
            Change(
                "deal",
                "d-501",
                version,
                {
                    "known": True,
                    "currency": "RUB",
                    "amount": 518450,
                    "name": "Годовой абонемент",
                    "status": "lost",
                    "closed_at": utc("2026-11-23 08:59:00"),
                    "url": "https://crm.example/deals/501",
                    "reason_id": "выбрал других",
                    "client_id": "c-77",
                    "manager_id": "m-3",
                    "pipeline_id": "p-1",
                },
            ),
            Change("reason", "выбрал других", version, {"name": "Выбрал  других"}),
            Change("client", "c-77", version, {"name": "Мария Орлова"}),
            Change("manager", "m-3", version, {"name": "Олег"}),
            Change("pipeline", "p-1", version, {"name": "Продажи"}),
        ),
    )


def test_every_field_of_a_task_is_read() -> None:
    version = utc("2026-11-23 09:00:01")
    assert decoded((SAMPLES / "task_changed.json").read_bytes()).changes == (
        Change(
            "task",
            "t-901",
            version,
            {
                "deal_id": "d-501",
                "client_id": None,
                "text": "позвонить",
                "due_at": utc("2026-11-23 09:00:00"),
                "completed": False,
                "manager_id": "m-3",
            },
        ),
        Change("manager", "m-3", version, {"name": "Олег"}),
    )


def test_deletions_are_read() -> None:
    gone = decoded((SAMPLES / "deal_deleted.json").read_bytes()).changes
    assert gone == (Change("deal", "d-501", utc("2026-11-23 09:00:02"), deleted=True),)
    gone = decoded((SAMPLES / "task_deleted.json").read_bytes()).changes
    assert gone == (Change("task", "t-901", utc("2026-11-23 09:00:03"), deleted=True),)


def test_a_bad_event_in_an_array_does_not_spoil_its_neighbours() -> None:
    result = decoded((SAMPLES / "array_with_a_bad_event.json").read_bytes())
    assert result.changes == (
        Change("deal", "502", VERSION, {"known": True, "amount": 30000, "client_id": None}),
        Change("deal", "d-504", VERSION, {"known": True, "amount": 350}),
        Change("task", "t-902", VERSION, {"client_id": "c-77", "completed": True, "completed_at": None}),
    )
    (rejection,) = result.rejections
    assert rejection.part == 1
    assert "status" in rejection.error


def test_a_field_that_is_not_sent_is_unset() -> None:
    assert deal() == {}
    assert task() == {}


def test_null_is_a_value() -> None:
    nothing = dict.fromkeys(
        (
            "name",
            "status",
            "reason",
            "amount",
            "currency",
            "closed_at",
            "url",
            "client",
            "manager",
            "pipeline",
        )
    )
    assert deal(**nothing) == {
        "name": None,
        "status": None,
        "reason_id": None,
        "amount": None,
        "currency": None,
        "closed_at": None,
        "url": None,
        "client_id": None,
        "manager_id": None,
        "pipeline_id": None,
    }
    nothing = dict.fromkeys(
        ("deal_id", "client_id", "text", "due_at", "completed", "completed_at", "url", "manager")
    )
    assert task(**nothing) == {name.replace("manager", "manager_id"): None for name in nothing}


def test_empty_texts_are_none() -> None:
    assert deal(name=" ", reason="  ", closed_at="") == {"name": None, "reason_id": None, "closed_at": None}
    assert task(text="", deal_id="", due_at="") == {"text": None, "deal_id": None, "due_at": None}


def test_a_link_without_a_name_names_nobody() -> None:
    result = decoded(event("deal.changed", id="1", client={"id": 7}, manager={"id": "3", "name": None}))
    assert result.changes == (
        Change("deal", "1", VERSION, {"known": True, "client_id": "7", "manager_id": "3"}),
        Change("manager", "3", VERSION, {"name": None}),
    )


@pytest.mark.parametrize(
    ("sent", "minor"),
    [("5184.00", 518400), (5184, 518400), ("0", 0), (0, 0), ("-12.5", -1250), (5184.5, 518450)],
    ids=repr,
)
def test_amounts_are_exact(sent: object, minor: int) -> None:
    assert deal(amount=sent) == {"amount": minor}


def test_a_number_with_a_point_is_no_telephone_number() -> None:
    _, client = decoded(raw('{"id": "1", "client": {"id": "7", "phone": 79991234567.0}}')).changes
    assert client.fields == {"phone": None}


def test_an_amount_is_read_in_the_currency_that_comes_with_it() -> None:
    assert deal(amount="100", currency="JPY") == {"amount": 100, "currency": "JPY"}
    assert deal(amount="100", currency=None) == {"amount": 10000, "currency": None}


@pytest.mark.parametrize(
    "amount",
    [
        '"12,5"',
        '"1 000"',
        "5184.505",
        "1e999",
        '"Infinity"',
        '"٣"',
        '""',
        "true",
        "[]",
        str(10**40),
        f'"{AMOUNT_LIMIT}0"',
    ],
)
def test_what_is_no_amount_is_unknown_and_costs_the_rest_nothing(amount: str) -> None:
    result = decoded(raw(f'{{"id":"1","amount":{amount},"name":"x"}}'))
    assert result.changes[0].fields == {"known": True, "amount": None, "name": "x"}
    assert result.rejections == ()


@pytest.mark.parametrize(
    ("literal", "minor"),
    [("5184.0", 518400), ("1e2", 10000), ("-0.0", 0), ("999999999999.99", 99999999999999), ("0.29", 29)],
)
def test_a_json_number_is_read_by_its_digits(literal: str, minor: int) -> None:
    assert decoded(raw(f'{{"id":"1","amount":{literal}}}')).changes[0].fields["amount"] == minor


@pytest.mark.parametrize("currency", ["руб", "rub", "USDT", 643])
def test_an_amount_in_what_is_no_currency_code_is_unknown(currency: object) -> None:
    assert deal(amount="100", currency=currency) == {"amount": None, "currency": NO_CURRENCY}


@pytest.mark.parametrize("data", [{"status": "closed"}, {"name": 5}])
def test_a_wrong_value_rejects_the_event(data: dict[str, Any]) -> None:
    (field,) = data
    assert field in error(event("deal.changed", id="1", **data))


@pytest.mark.parametrize("wrong", ["", " ", "x" * (ID_LENGTH + 1), None, True, 1.5, 10**300])
def test_a_wrong_id_rejects_the_event(wrong: Any) -> None:
    for kind in ("deal.changed", "task.changed", "deal.deleted", "task.deleted"):
        assert "id" in error(event(kind, id=wrong)).lower()


def test_ids_may_be_integers_and_are_trimmed() -> None:
    assert decoded(event("task.deleted", id=-42)).changes[0].id == "-42"
    assert task(deal_id=7, client_id=" c\x00 ") == {"deal_id": "7", "client_id": "c"}


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "data:text/html,x",
        "//crm.example/1",
        "/deals/1",
        "https://",
        "https:///x",
        "http://[::1",
        "https://crm.example/a b",
        "https://crm.example/\n",
        "https://crm.example/" + "x" * 500,
        "",
    ],
)
def test_an_unsafe_address_is_dropped_and_the_event_applied(url: str) -> None:
    sent = url if not url.endswith("\n") else "https://crm.example/\nx"
    assert deal(url=sent) == {"url": None}


def test_a_safe_address_is_kept() -> None:
    for url in ("http://crm.example", "HTTPS://crm.example:8443/d?id=1#x", "https://црм.рф/сделка"):
        assert deal(url=url) == {"url": url}


def test_an_unknown_type_is_neither_a_change_nor_an_error() -> None:
    assert decoded('{"type": "invoice.paid", "data": [1, 2.5, null]}') == Decoded("msg_1")


def test_a_version_up_to_a_day_ahead_is_taken() -> None:
    day_ahead = "2026-11-24T10:00:00.123456Z"
    assert decoded(event("deal.deleted", day_ahead, id="1")).changes[0].version == NOW + 86_400 * SECOND
    message = error(event("deal.deleted", "2026-11-24T10:00:00.123457Z", id="1"))
    assert "more than a day in the future" in message


def test_a_due_time_in_the_future_is_no_version() -> None:
    assert task(due_at="2027-01-01T00:00:00Z") == {"due_at": utc("2027-01-01 00:00:00")}


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "yesterday",
        "2026-11-23",
        "2026-11-23T09:00:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "1999-01-01T00:00:00Z",
    ],
)
def test_a_wrong_timestamp_rejects_the_event(timestamp: str) -> None:
    assert error(event("deal.changed", timestamp, id="1"))


HOSTILE = {
    "nothing": b"",
    "blank": b" \r\n",
    "not JSON": b"type=deal.changed",
    "cut short": b'{"type": "deal.changed", "timestamp": ',
    "a number": b"42",
    "null": b"null",
    "no type": b"{}",
    "a type that is no string": b'{"type": 1}',
    "no data": b'{"type": "deal.changed", "timestamp": "2026-11-23T09:00:00Z"}',
    "no timestamp": b'{"type": "deal.changed", "data": {"id": "1"}}',
    "NaN": raw('{"id": "1", "amount": NaN}'),
    "a key given twice": raw('{"id": "1", "id": "2"}'),
    "a key given twice in a link": raw('{"id": "1", "client": {"id": "1", "id": "1"}}'),
    "a key given twice in what is no amount": raw('{"id": "1", "amount": {"a": 1, "a": 2}}'),
    "a key given twice beside a point": raw('{"id": "1", "amount": 1.5, "url": null, "url": null}'),
    "a key given twice beside quotes": raw(r'{"id": "1", "name": "\u0022\u0022", "url": null, "url": null}'),
    "a type given twice": b'{"type": "x", "type": "deal.deleted", "timestamp": "%b", "data": {"id": "1"}}'
    % AT.encode(),
    "an escaped key of ours given twice": raw(r'{"id": "1", "\u0069d": "1"}'),
    "an escaped key given twice": b'{"type": "x", "\\u0074ype": "deal.changed"}',
    "a lone surrogate": raw('{"id": "\\ud800"}'),
    "a lone surrogate in what is not read": b'{"type": "x", "note": "\\udfff"}',
    "not UTF-8": b'{"type": "x", "note": "\xff"}',
    "two byte order marks": b'\xef\xbb\xbf\xef\xbb\xbf{"type": "x"}',
    "UTF-16": '{"type": "x"}'.encode("utf-16"),
    "deep in what is not read": b'{"type": "x", "note": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep": b'{"a":' * 100_000,
    "a deep array": b"[" * 500_000,
    "a huge integer": raw('{"id": ' + "9" * 9000 + "}"),
    "a huge integer in what is not read": b'{"type": "x", "note": ' + b"9" * 9000 + b"}",
    "an unclosed array": b'[{"type": "x"}',
    "after the array": b"[] 1",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_rejected_and_never_raises(name: str) -> None:
    assert error(HOSTILE[name])


def test_a_body_that_only_newer_pythons_can_read_raises_nowhere() -> None:
    assert decoded(b'{"type": "x", "note": ' + b"[" * 990 + b"]" * 990 + b"}").key == "msg_1"


def test_an_array_with_too_many_events_is_rejected_whole() -> None:
    assert decoded(b"[" + b",".join([b'{"type":"x"}'] * MAX_EVENTS) + b"]") == Decoded("msg_1")
    assert "more than 10000 events" in error(b"[" + b",".join([b"1"] * (MAX_EVENTS + 1)) + b"]")


def test_an_empty_array_says_nothing() -> None:
    assert decoded(b" [ ] ") == Decoded("msg_1")


def test_the_key_is_the_webhook_id() -> None:
    def key(message_id: str) -> str:
        return ADAPTER.decode(post(b"[]", {"webhook-id": message_id}), OFFICE).key

    assert key("msg_9") == "msg_9"
    odd = ["x" * (ID_LENGTH + 1), "x" * (ID_LENGTH + 2), "a\x7f", "é", ""]
    assert len({key(message_id) for message_id in odd}) == len(odd)
    assert all(len(key(message_id)) == 64 for message_id in odd)


def test_the_key_is_the_id_that_svix_sends_unless_there_is_a_webhook_id() -> None:
    assert ADAPTER.decode(post(b"[]", {"svix-id": "msg_9"}), OFFICE).key == "msg_9"
    assert ADAPTER.decode(post(b"[]", {"svix-id": "x", "webhook-id": "msg_9"}), OFFICE).key == "msg_9"


def test_a_request_is_authentic_with_any_of_the_secrets() -> None:
    office = account("standard", OTHER_KEY, KEY)
    assert office.webhook_secrets == (Secret(OTHER_KEY), Secret(KEY))
    ADAPTER.authenticate(post(b"[]", signed("[]")), office)
    with pytest.raises(NotAuthentic):
        ADAPTER.authenticate(post(b"[1]", signed("[]")), office)
