"""CloudEvents in the `standard` adapter, compared with equal standard events and the vendors' library."""

from __future__ import annotations

import base64
import json
import re
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from service.adapters.standard.adapter import StandardAdapter
from service.model import SECOND, Change, Decoded, Instant, Value
from tests.adapters.posts import KEY, NOW, account, post, utc

SAMPLES: Final = Path(__file__).parent / "samples"
DOCUMENT: Final = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "connect" / "standard.md"
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


def decoded(body: bytes | str, webhook_id: str = "msg_1", received_at: Instant = NOW) -> Decoded:
    """What a body says, without the digest of its content."""
    raw = body if isinstance(body, bytes) else body.encode()
    result = ADAPTER.decode(post(raw, {"webhook-id": webhook_id}, received_at=received_at), OFFICE)
    return structs.replace(result, content="")


def structured(data: Any = None, /, **attributes: Any) -> str:
    """A structured event; an attribute that is `...` is left out."""
    sent = {"specversion": "1.0", "id": "evt-1", "source": "/crm", "type": "deal.changed", "time": AT}
    event = sent | {"data": {"id": "1"} if data is None else data} | attributes
    return json.dumps({name: value for name, value in event.items() if value is not ...})


def error(result: Decoded) -> str:
    """Why a body of one event is rejected."""
    assert result.changes == ()
    (rejection,) = result.rejections
    assert rejection.part == 0
    assert rejection.error.splitlines() == [rejection.error]
    return rejection.error


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
        Change("task", "t-911", Instant(VERSION + SECOND), task),
        Change("task", "t-912", Instant(VERSION + 2 * SECOND), deleted=True),
        Change("deal", "d-603", Instant(VERSION + 3 * SECOND), deleted=True),
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


def test_only_a_cloud_event_may_have_a_prefix_in_its_type() -> None:
    standard = json.dumps({"type": "com.example.deal.changed", "timestamp": AT, "data": {"id": "1"}})
    assert decoded(standard) == Decoded("msg_1")


def test_an_unknown_type_needs_neither_time_nor_data() -> None:
    assert decoded(structured(..., type="com.example.paid", time=...)) == Decoded("msg_1")
    assert decoded(structured("<xml/>", type="x", datacontenttype="text/xml")) == Decoded("msg_1")


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


@pytest.mark.parametrize("time", [..., None, ""])
def test_without_a_time_nothing_says_which_change_is_the_later(time: Any) -> None:
    assert "needs its time" in error(decoded(structured(time=time)))


@pytest.mark.parametrize(
    "time", ["yesterday", "2026-11-23T09:00:00", "2026-11-24T10:00:00.123457Z", 1795428000]
)
def test_a_wrong_time_rejects_the_event(time: Any) -> None:
    assert error(decoded(structured(time=time)))


def test_the_same_event_in_two_deliveries_says_the_same() -> None:
    first = decoded(structured({"id": "1", "amount": 7}))
    later = decoded(structured({"id": "1", "amount": 7}), "msg_2", Instant(NOW + 3600 * SECOND))
    assert first.changes == later.changes
    assert (first.key, later.key) == ("msg_1", "msg_2")


@pytest.mark.parametrize("name", ["id", "source", "type"])
@pytest.mark.parametrize("value", [..., None, "", 5, []])
def test_a_wrong_attribute_rejects_the_event(name: str, value: Any) -> None:
    assert name in error(decoded(structured(**{name: value})))


@pytest.mark.parametrize("version", [None, "", "0.3", "1", "1.0.2", "2.0", 1.0])
def test_another_version_of_cloud_events_is_rejected(version: Any) -> None:
    assert "specversion" in error(decoded(structured(specversion=version)))


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
    "not UTF-8": b'{"id": "\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"id": "1"}',
    "deep": b'{"id": "1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("name", HOSTILE_DATA)
def test_hostile_data_is_rejected_and_never_raises(name: str) -> None:
    body = HOSTILE_DATA[name]
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


def test_binary_mode_is_not_taken_because_nothing_signs_its_headers() -> None:
    headers = {"webhook-id": "msg_1", "ce-specversion": "1.0", "ce-type": "deal.deleted", "ce-time": AT}
    result = ADAPTER.decode(post(b'{"id": "1"}', headers), OFFICE)
    assert error(result) == "the event has no type; a CloudEvent must come in structured or batch mode"
    result = ADAPTER.decode(post(structured().encode(), headers), OFFICE)
    assert result.changes == decoded(structured()).changes


def test_the_content_type_decides_nothing() -> None:
    assert ADAPTER.kept_headers == {"webhook-id", "svix-id"}
    for media_type in ADAPTER.content_types:
        sent = post(structured().encode(), {"webhook-id": "msg_1", "content-type": media_type})
        assert ADAPTER.decode(sent, OFFICE).changes == decoded(structured()).changes


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


def blocks(language: str) -> list[str]:
    """The document's blocks of a language."""
    pattern = rf"^( *)```{language}\n(.*?)^\1```$"
    blocks = re.findall(pattern, DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in blocks]


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
    now = Instant(int(datetime.now(UTC).timestamp()) * SECOND)
    request = post(sent.content, dict(sent.headers), received_at=now)
    ADAPTER.authenticate(request, OFFICE)
    result = ADAPTER.decode(request, OFFICE)
    assert sent.headers["content-type"] in ADAPTER.content_types
    assert result.rejections == ()
    assert [change.fields["amount"] for change in result.changes] == [518400]


def test_the_document_shows_both_modes() -> None:
    assert len(blocks("python")) == 1
    (event,) = blocks("json")
    assert [change.fields["amount"] for change in decoded(event).changes] == [518400]
    assert [change.fields["amount"] for change in decoded(f"[{event}]").changes] == [518400]
