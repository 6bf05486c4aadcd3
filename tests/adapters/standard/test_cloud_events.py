"""CloudEvents in the `standard` adapter, held to the standard events that say the same, and to the vendors'
library."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from service.adapters import NotAuthentic
from service.adapters.standard.adapter import StandardAdapter
from service.adapters.standard.cloud_events import HEADERS, UNSIGNED, vouching_id
from service.model import SECOND, Change, Decoded, Instant, Request, Value
from tests.adapters.posts import KEY, NOW, OTHER_KEY, account, post, signed, utc

SAMPLES: Final = Path(__file__).parent / "samples"
DOCUMENT: Final = Path(__file__).resolve().parents[3] / "docs" / "crm" / "standard.md"
AT: Final = "2026-11-23T09:00:00Z"
VERSION: Final = utc("2026-11-23 09:00:00")
ADAPTER: Final = StandardAdapter()
OFFICE: Final = account("standard")
DATA: Final[dict[str, dict[str, Any]]] = {
    "deal.changed": {"id": "1", "status": "lost", "reason": "Спам", "amount": "5.10", "client": {"id": 7}},
    "task.changed": {"id": "t", "deal_id": "1", "due_at": AT, "completed": False, "manager": {"id": "3"}},
    "deal.deleted": {"id": "1"},
    "task.deleted": {"id": "t"},
}
ATTRIBUTES: Final = {
    "ce-id": "evt-1",
    "ce-source": "/crm/office",
    "ce-specversion": "1.0",
    "ce-time": AT,
    "ce-type": "com.example.deal.changed",
}


def decoded(body: bytes | str, headers: dict[str, str] | None = None, received_at: Instant = NOW) -> Decoded:
    raw = body if isinstance(body, bytes) else body.encode()
    return ADAPTER.decode(
        post(raw, {"webhook-id": "msg_1"} | (headers or {}), received_at=received_at), OFFICE
    )


def structured(data: Any = None, /, **attributes: Any) -> str:
    """A structured event; an attribute that is `...` is left out."""
    sent = {"specversion": "1.0", "id": "evt-1", "source": "/crm", "type": "deal.changed", "time": AT}
    event = sent | {"data": {"id": "1"} if data is None else data} | attributes
    return json.dumps({name: value for name, value in event.items() if value is not ...})


def binary(body: bytes | str = '{"id": "1", "amount": 5}', **attributes: str | None) -> Request:
    """A genuine request in binary mode; an attribute that is None is left out."""
    headers = {name: attributes.get(name.removeprefix("ce-"), value) for name, value in ATTRIBUTES.items()}
    sent = {name: value for name, value in headers.items() if value is not None}
    message_id = vouching_id(sent)
    text = body if isinstance(body, str) else body.decode("latin-1")
    return post(
        text.encode("latin-1" if isinstance(body, bytes) else "utf-8"), sent | signed(text, message_id)
    )


def error(result: Decoded) -> str:
    """Why a body of one event is rejected."""
    assert result.changes == ()
    (rejection,) = result.rejections
    assert rejection.part == 0
    assert rejection.error.splitlines() == [rejection.error]
    return rejection.error


def refused(request: Request) -> str:
    with pytest.raises(NotAuthentic) as refusal:
        ADAPTER.authenticate(request, OFFICE)
    return refusal.value.cause


def test_every_attribute_that_counts_is_read() -> None:
    version = utc("2026-11-23 09:00:00.25")
    assert decoded((SAMPLES / "cloud_event.json").read_bytes()) == Decoded(
        "msg_1",
        (
            Change(
                "deal",
                "d-601",
                version,
                {
                    "known": True,
                    "currency": "RUB",
                    "amount": 1260050,
                    "name": "Кофе в зёрнах",
                    "status": "lost",
                    "reason_id": "хочет, но не сейчас",
                    "client_id": "c-81",
                },
            ),
            Change("reason", "хочет, но не сейчас", version, {"name": "Хочет, но не сейчас"}),
            Change("client", "c-81", version, {"name": "ООО «Утро»"}),
        ),
    )


def test_in_a_batch_a_bad_event_does_not_spoil_its_neighbours() -> None:
    result = decoded((SAMPLES / "cloud_events_batch.json").read_bytes())
    task: dict[str, Value] = {
        "deal_id": "d-601",
        "text": "перезвонить",
        "due_at": VERSION,
        "completed": False,
    }
    assert result.changes == (
        Change("task", "t-911", VERSION + SECOND, task),
        Change("task", "t-912", VERSION + 2 * SECOND, deleted=True),
        Change("deal", "d-603", VERSION + 3 * SECOND, deleted=True),
    )
    (rejection,) = result.rejections
    assert rejection.part == 1
    assert "needs its time" in rejection.error


def test_an_empty_batch_says_nothing() -> None:
    assert decoded("[]") == Decoded("msg_1")


@pytest.mark.parametrize("kind", DATA)
def test_every_mode_says_what_the_standard_event_says(kind: str) -> None:
    plain = json.dumps({"type": kind, "timestamp": AT, "data": DATA[kind]})
    facts = decoded(plain).changes
    assert facts != ()
    event = structured(DATA[kind], type=f"com.example.{kind}")
    assert decoded(event) == Decoded("msg_1", facts)
    assert decoded(f"[{event}, {plain}]") == Decoded("msg_1", (*facts, *facts))
    request = binary(json.dumps(DATA[kind]), type=f"com.example.{kind}")
    ADAPTER.authenticate(request, OFFICE)
    assert ADAPTER.decode(request, OFFICE) == Decoded(request.headers["webhook-id"], facts)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("deal.changed", True),
        ("com.example.deal.changed", True),
        ("com.example.crm.v2.deal.changed", True),
        ("deal.changed.v1", False),
        ("com.example.bigdeal.changed", False),
        ("com.example.big-deal.changed", False),
        ("com.example/deal.changed", False),
        ("com.example.Deal.Changed", False),
        ("com.example.deal_changed", False),
        ("changed", False),
        (".", False),
    ],
)
def test_the_last_two_words_of_a_type_are_what_it_says(sent: str, read: bool) -> None:
    result = decoded(structured(type=sent))
    assert result.rejections == ()
    assert bool(result.changes) == read
    assert ADAPTER.decode(binary(type=sent), OFFICE).changes != () or not read


def test_only_a_cloud_event_may_have_a_prefix_in_its_type() -> None:
    standard = json.dumps({"type": "com.example.deal.changed", "timestamp": AT, "data": {"id": "1"}})
    assert decoded(standard) == Decoded("msg_1")


def test_an_unknown_type_needs_neither_time_nor_data() -> None:
    assert decoded(structured(..., type="com.example.paid", time=...)) == Decoded("msg_1")
    assert decoded(structured("<xml/>", type="x", datacontenttype="text/xml")) == Decoded("msg_1")
    assert ADAPTER.decode(binary("5", type="x", time=""), OFFICE).rejections == ()


@pytest.mark.parametrize(
    ("sent", "version"),
    [
        ("2026-11-23T12:00:00+03:00", VERSION),
        ("2026-11-23T09:00:00.123456789Z", VERSION + 123_456),
        ("2026-11-23T09:00:00.5Z", VERSION + SECOND // 2),
    ],
)
def test_the_time_is_the_version(sent: str, version: Instant) -> None:
    assert [change.version for change in decoded(structured(time=sent)).changes] == [version]
    assert [change.version for change in ADAPTER.decode(binary(time=sent), OFFICE).changes] == [version]


@pytest.mark.parametrize("time", [..., None, ""])
def test_without_a_time_nothing_says_which_change_is_the_later(time: Any) -> None:
    assert "needs its time" in error(decoded(structured(time=time)))


@pytest.mark.parametrize(
    "time", ["yesterday", "2026-11-23T09:00:00", "2026-11-24T10:00:00.123457Z", 1795428000]
)
def test_a_wrong_time_rejects_the_event(time: Any) -> None:
    assert error(decoded(structured(time=time)))


def test_an_event_that_is_told_twice_says_the_same_again() -> None:
    first = decoded(structured({"id": "1", "amount": 7}), {"webhook-id": "msg_1"})
    later = decoded(structured({"id": "1", "amount": 7}), {"webhook-id": "msg_2"}, NOW + 3600 * SECOND)
    assert first.changes == later.changes
    assert (first.key, later.key) == ("msg_1", "msg_2")


@pytest.mark.parametrize("name", ["id", "source", "type"])
@pytest.mark.parametrize("value", [..., None, "", 5, []])
def test_a_wrong_attribute_rejects_the_event(name: str, value: Any) -> None:
    assert name in error(decoded(structured(**{name: value})))


@pytest.mark.parametrize("name", ["id", "source", "type"])
@pytest.mark.parametrize("value", ["", '""'])
def test_an_empty_attribute_in_a_header_rejects_the_event(name: str, value: str) -> None:
    assert error(ADAPTER.decode(binary(**{name: value}), OFFICE)) == f"a CloudEvent needs its {name}"


@pytest.mark.parametrize("version", [None, "", "0.3", "1", "1.0.2", "2.0", 1.0])
def test_another_version_of_cloud_events_is_rejected(version: Any) -> None:
    assert "specversion" in error(decoded(structured(specversion=version)))
    if isinstance(version, str):
        assert "specversion" in error(ADAPTER.decode(binary(specversion=version), OFFICE))


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "application/json",
        "Application/JSON; charset=utf-8",
        "text/json",
        "application/vnd.crm+json ;v=1",
    ],
)
def test_data_of_a_json_type_is_read(media_type: str | None) -> None:
    assert decoded(structured(datacontenttype=media_type)).rejections == ()


@pytest.mark.parametrize(
    "media_type", ["", "json", "text/plain", "application/jsonl", "a/b;x=/json", "a/b/json"]
)
def test_data_of_another_type_is_rejected(media_type: str) -> None:
    assert "datacontenttype" in error(decoded(structured(datacontenttype=media_type)))


def in_base64(data: bytes) -> str:
    return structured(..., data_base64=base64.b64encode(data).decode(), datacontenttype="application/json")


def test_data_that_was_handed_over_as_bytes_is_read() -> None:
    assert decoded(in_base64('{"id": "1", "name": "Кофе"}'.encode())) == decoded(
        structured({"id": "1", "name": "Кофе"})
    )
    assert decoded(structured(data_base64=None)) == decoded(structured())


HOSTILE_DATA: Final = {
    "nothing": b"",
    "null": b"null",
    "no object": b'"{}"',
    "an array": b'[{"id": "1"}]',
    "cut short": b'{"id": "1"',
    "two values": b'{"id": "1"} {"id": "2"}',
    "what would add a key around it": b'{"id": "1"}, "data": {"id": "2"}',
    "what would end the object around it": b'{"id": "1"}}',
    "a key given twice": b'{"id": "1", "id": "2"}',
    "NaN": b'{"id": "1", "amount": NaN}',
    "a float": b'{"id": "1", "amount": 5.0}',
    "not UTF-8": b'{"id": "\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"id": "1"}',
    "deep": b'{"id": "1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("name", HOSTILE_DATA)
def test_hostile_data_is_rejected_and_never_raises(name: str) -> None:
    body = HOSTILE_DATA[name]
    sent = post(body, ATTRIBUTES | {"webhook-id": vouching_id(ATTRIBUTES)})
    assert error(ADAPTER.decode(sent, OFFICE))
    assert error(decoded(in_base64(body)))
    result = decoded(structured("HERE").encode().replace(b'"HERE"', body))
    assert result.changes == ()
    assert len(result.rejections) == 1


def test_data_that_is_there_twice_or_no_base64_is_rejected() -> None:
    assert "both data and data_base64" in error(decoded(structured(data_base64="e30=")))
    sound = base64.b64encode(b'{"id": "1"}').decode()
    for text in (sound.rstrip("="), sound[:4] + "\n" + sound[4:], sound + "!", "ключ", "%7B%7D"):
        assert error(decoded(structured(..., data_base64=text)))
    assert "no data" in error(decoded(structured(...)))


def test_a_repeated_attribute_rejects_the_event() -> None:
    assert error(decoded(structured().replace('"id"', '"type": "deal.deleted", "id"', 1))) == (
        "an object gives one key twice"
    )


def test_what_is_wrong_is_said_with_its_place() -> None:
    assert error(decoded(structured({"id": "1", "name": 5}))).endswith("at `$.data.name`")
    assert error(ADAPTER.decode(binary('{"id": "1", "name": 5}'), OFFICE)).endswith("at `$.data.name`")


def test_a_request_in_binary_mode_is_authentic_if_its_id_vouches_for_its_headers() -> None:
    request = binary()
    ADAPTER.authenticate(request, OFFICE)
    assert ADAPTER.decode(request, OFFICE) == Decoded(
        request.headers["webhook-id"],
        (Change("deal", "1", VERSION, {"known": True, "amount": 500}),),
    )


FORGED: Final = {
    "ce-id": "evt-2",
    "ce-source": "/crm/other",
    "ce-specversion": "1.1",
    "ce-time": "2026-11-24T09:00:00Z",
    "ce-type": "com.example.deal.deleted",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_was_changed_on_the_way_is_refused(name: str) -> None:
    genuine = binary()
    sent = dict(genuine.headers)
    for forged in (FORGED[name], sent[name] + " ", sent[name].replace("e", "%65"), ""):
        if forged != sent[name]:
            assert refused(post(genuine.body, sent | {name: forged})) == "signature"
    del sent[name]
    assert refused(post(genuine.body, sent)) == "headers"


def test_values_cannot_be_moved_from_one_header_to_the_next() -> None:
    genuine = binary(id="evt-1", source="a/b")
    moved = dict(genuine.headers) | {"ce-id": "evt-1a", "ce-source": "/b"}
    assert refused(post(genuine.body, moved)) == "signature"
    swapped = dict(genuine.headers) | {"ce-id": "a/b", "ce-source": "evt-1"}
    assert refused(post(genuine.body, swapped)) == "signature"


def test_the_id_that_vouches_is_signed_with_the_body() -> None:
    genuine = binary()
    forged = dict(genuine.headers) | {"ce-type": FORGED["ce-type"]}
    forged["webhook-id"] = vouching_id(forged)
    assert refused(post(genuine.body, forged)) == "signature"
    assert refused(post(b'{"id": "2"}', genuine.headers)) == "signature"
    assert refused(post(genuine.body, genuine.headers, received_at=NOW + 301 * SECOND)) == "stale"
    ours = dict(genuine.headers) | signed(genuine.body.decode(), genuine.headers["webhook-id"], key=OTHER_KEY)
    assert refused(post(genuine.body, ours)) == "signature"


def test_the_digest_is_of_the_values_in_the_order_that_is_told() -> None:
    values = b"evt-1\n/crm/office\n1.0\n" + AT.encode() + b"\ncom.example.deal.changed"
    assert vouching_id(ATTRIBUTES) == f"ce_{hashlib.sha256(values).hexdigest()}"


def test_headers_that_nothing_vouches_for_are_not_read() -> None:
    headers = dict(ATTRIBUTES) | {"ce-type": "deal.deleted", "ce-time": "2026-11-24T09:00:00Z"}
    standard = json.dumps({"type": "deal.changed", "timestamp": AT, "data": {"id": "1"}})
    for body in (standard, structured(), f"[{standard}, {structured()}]"):
        ADAPTER.authenticate(post(body.encode(), headers | signed(body)), OFFICE)
        assert decoded(body, headers) == decoded(body)


def test_data_that_relied_on_headers_which_nothing_vouches_for_is_told_so() -> None:
    for message_id in (
        "msg_1",
        "evt-1",
        f"ce_{'0' * 63}",
        f"ce_{'0' * 65}",
        f"CE_{'0' * 64}",
        f"ce_{'F' * 64}",
    ):
        body = '{"id": "1"}'
        ADAPTER.authenticate(post(body.encode(), ATTRIBUTES | signed(body, message_id)), OFFICE)
        assert error(decoded(body, ATTRIBUTES | {"webhook-id": message_id})) == UNSIGNED
    assert error(decoded('{"id": "1"}')) == "the event has no type"


def test_attributes_that_are_not_read_need_nobody_to_vouch_for_them() -> None:
    genuine = binary()
    more = dict(genuine.headers) | {"ce-subject": "42", "ce-traceparent": "00-1", "host": "board.example"}
    ADAPTER.authenticate(post(genuine.body, more), OFFICE)
    assert ADAPTER.decode(post(genuine.body, more), OFFICE) == ADAPTER.decode(genuine, OFFICE)


def test_the_content_type_decides_nothing() -> None:
    assert "content-type" not in ADAPTER.kept_headers
    request = binary()
    for media_type in ADAPTER.content_types:
        sent = post(request.body, dict(request.headers) | {"content-type": media_type})
        ADAPTER.authenticate(sent, OFFICE)
        assert ADAPTER.decode(sent, OFFICE) == ADAPTER.decode(request, OFFICE)
        assert decoded(structured(), {"content-type": media_type}) == decoded(structured())


def test_what_binary_mode_reads_is_kept() -> None:
    request = binary()
    kept = {name: value for name, value in request.headers.items() if name in ADAPTER.kept_headers}
    stored = Request("", "", {}, kept, request.body, request.received_at)
    assert ADAPTER.decode(stored, OFFICE) == ADAPTER.decode(request, OFFICE)
    assert ADAPTER.decode(stored, OFFICE).changes != ()


@pytest.mark.parametrize(
    "sent",
    [
        "com.ex%61mple.deal.changed",
        "com.%D0%BA%d0%be%D1%84%D0%B5.deal.changed",
        "100%.deal.changed",
        "%zz.deal.changed",
        '"deal.changed"',
        '"com.\\"example\\".deal.chang\\ed"',
        '"com.ex%61mple.deal.changed"',
        "com.кофе.deal.changed".encode().decode("latin-1"),
    ],
)
def test_a_header_is_unquoted_and_percent_decoded(sent: str) -> None:
    request = binary(type=sent)
    ADAPTER.authenticate(request, OFFICE)
    assert len(ADAPTER.decode(request, OFFICE).changes) == 1


def test_a_header_is_percent_decoded_once() -> None:
    assert ADAPTER.decode(binary(type="deal%2Echanged"), OFFICE).changes != ()
    assert ADAPTER.decode(binary(type="deal%252Echanged"), OFFICE) == Decoded(
        binary(type="deal%252Echanged").headers["webhook-id"]
    )


@pytest.mark.parametrize("sent", ["%C0%A0", "%FF", "%ED%A0%80", "\xff", "€"])
def test_a_header_that_is_not_utf_8_rejects_the_event(sent: str) -> None:
    for name in ("id", "source", "type", "time"):
        assert error(ADAPTER.decode(binary(**{name: sent}), OFFICE))


names = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)


@given(
    event_id=names,
    source=names,
    prefix=names.map(lambda text: f"{text}.") | st.just(""),
    kind=st.sampled_from(sorted(DATA)),
    ago=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)),
    as_bytes=st.booleans(),
)
def test_what_the_library_writes_says_what_the_standard_event_says(
    event_id: str, source: str, prefix: str, kind: str, ago: timedelta, as_bytes: bool
) -> None:
    moment = datetime(2026, 11, 23, 9, tzinfo=UTC) - ago
    attributes = {
        "id": event_id,
        "source": source,
        "type": prefix + kind,
        "time": moment,
        "specversion": "1.0",
        "datacontenttype": "application/json",
    }
    data = DATA[kind]
    event = CloudEvent(attributes, json.dumps(data).encode() if as_bytes else data)
    facts = decoded(json.dumps({"type": kind, "timestamp": moment.isoformat(), "data": data})).changes
    message = to_structured_event(event)
    assert message.headers["content-type"] in ADAPTER.content_types
    assert decoded(message.body) == Decoded("msg_1", facts)
    message = to_binary_event(event)
    assert message.headers["content-type"] in ADAPTER.content_types
    message_id = vouching_id(message.headers)
    request = post(message.body, message.headers | signed(message.body.decode(), message_id))
    ADAPTER.authenticate(request, OFFICE)
    assert ADAPTER.decode(request, OFFICE) == Decoded(message_id, facts)


headers = st.dictionaries(
    st.sampled_from(HEADERS), st.text(max_size=60) | st.sampled_from(["1.0", AT, *DATA])
)


@given(
    headers, st.binary(max_size=50) | st.sampled_from([json.dumps(data).encode() for data in DATA.values()])
)
def test_no_headers_raise_anything_but_a_refusal(sent: dict[str, str], body: bytes) -> None:
    message_id = f"ce_{'0' * 64}"
    decoded(body, sent | {"webhook-id": message_id})
    text = body.decode("latin-1")
    assert refused(post(text.encode(), sent | signed(text, message_id))) in ("headers", "signature")


def blocks(language: str) -> list[str]:
    """The document's blocks of a language."""
    found = re.findall(
        rf"^( *)```{language}\n(.*?)^\1```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return [textwrap.dedent(block) for _, block in found]


@pytest.mark.parametrize("program", blocks("python"))
def test_what_the_document_posts_is_authentic_and_changes_the_deal(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted: list[httpx.Request] = []

    def send(url: str, content: str, headers: dict[str, str]) -> httpx.Response:
        posted.append(httpx.Request("POST", url, content=content, headers=headers))
        return httpx.Response(200, request=posted[-1])

    monkeypatch.setattr(httpx, "post", send)
    monkeypatch.setenv("OFFICE_SECRET", KEY)
    exec(program, {})
    (sent,) = posted
    now = int(datetime.now(UTC).timestamp()) * SECOND
    request = post(sent.content, dict(sent.headers), received_at=now)
    ADAPTER.authenticate(request, OFFICE)
    result = ADAPTER.decode(request, OFFICE)
    assert sent.headers["content-type"] in ADAPTER.content_types
    assert result.rejections == ()
    assert [change.fields["amount"] for change in result.changes] == [518400]


def test_the_document_shows_every_mode() -> None:
    assert len(blocks("python")) == 2
    (event,) = blocks("json")
    assert [change.fields["amount"] for change in decoded(event).changes] == [518400]
    assert [change.fields["amount"] for change in decoded(f"[{event}]").changes] == [518400]
