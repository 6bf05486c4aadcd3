"""What every adapter promises, run over the registry: a new one is tested the moment it is registered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.adapters import ADAPTERS, NotAuthentic
from service.calendar import is_plausible
from service.config import Account
from service.model import (
    AMOUNT_LIMIT,
    FIELDS,
    ID_LENGTH,
    SECOND,
    TEXT_LENGTH,
    Change,
    Decoded,
    Instant,
    cleaned,
)
from tests.adapters.posts import NOW, account, post, utc

HERE = Path(__file__).parent
KINDS = sorted(ADAPTERS)
EARLIEST, LATEST = utc("2000-01-01"), NOW + 86_400 * SECOND

WORDS = """
    id name status type timestamp data deal.changed task.changed deal.deleted task.deleted amount currency url
    client manager pipeline reason closed_at due_at deal_id completed lost RUB 2026-11-23T10:00:00Z 12.5
    leads task contacts add update delete restore 0 1 2 143 status_id price custom_fields values value
    linked_leads_id ID updated_at complete_before complete_till 1795420000 9999999999 element_type element_id
    account _links self
    specversion 1.0 source time datacontenttype application/json data_base64 com.example.deal.changed
"""
words = st.sampled_from(WORDS.split())
texts = words | st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=6),
    max_leaves=20,
)
events = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["deal.changed", "task.changed", "deal.deleted", "task.deleted"]),
        "timestamp": st.just("2026-11-23T09:00:00Z") | texts,
        "data": st.dictionaries(words, values, max_size=8).map(lambda data: {"id": "1", **data}),
    }
)
cloud_events = events.map(
    lambda event: {
        "specversion": "1.0",
        "id": "1",
        "source": "/",
        "type": f"com.example.{event['type']}",
        "time": event["timestamp"],
        "data": event["data"],
    }
)
either = events | cloud_events
json_bodies = (either | st.lists(either | values, max_size=4) | values).map(
    lambda value: json.dumps(value).encode()
)
keys = st.lists(texts, min_size=1, max_size=8).map(
    lambda path: path[0] + "".join(f"[{part}]" for part in path[1:])
)
lead_keys = st.builds(
    lambda entity, action, field: f"{entity}[{action}][0][{field}]",
    st.sampled_from(["leads", "task", "contacts", "companies"]),
    st.sampled_from(["add", "update", "status", "delete", "restore"]),
    words,
)
form_bodies = st.lists(
    st.tuples(keys | lead_keys, texts.map(lambda text: text.encode("utf-8", "replace").decode())), max_size=12
).map(
    lambda pairs: urlencode(
        [(key.encode("utf-8", "replace"), value) for key, value in pairs] + [("leads[add][0][id]", "1")]
    ).encode()
)


@st.composite
def altered(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """A sound body, a form or JSON, with one of its values replaced."""
    body = draw(bodies)
    try:
        document = json.loads(body)
    except ValueError:
        pairs = parse_qsl(body.decode(), keep_blank_values=True)
        place = draw(st.integers(0, len(pairs) - 1))
        pairs[place] = pairs[place][0], draw(texts).encode("utf-8", "replace").decode()
        return urlencode(pairs).encode()
    holder: Any = [document]
    whole, place = holder, 0
    while (inner := holder[place]) and isinstance(inner, dict | list) and draw(st.booleans()):
        places = sorted(inner) if isinstance(inner, dict) else range(len(inner))
        holder, place = inner, draw(st.sampled_from(places))
    holder[place] = draw(values)
    return json.dumps(whole[0]).encode()


@st.composite
def spoiled(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """A sound body with some bytes cut out and others put in."""
    body = draw(bodies)
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 30)))
    return (
        body[:start]
        + draw(st.binary(max_size=10) | texts.map(lambda t: t.encode("utf-8", "replace")))
        + body[end:]
    )


@cache
def any_body(kind: str) -> st.SearchStrategy[bytes]:
    """Anything, and most of all what is almost a body of the kind or of another."""
    own, all_samples = (
        st.sampled_from(sorted(path.read_bytes() for path in HERE.glob(pattern)))
        for pattern in (f"{kind}/samples/*", "*/samples/*")
    )
    return st.binary() | spoiled(own) | altered(own) | spoiled(all_samples) | json_bodies | form_bodies


@cache
def any_headers(kind: str) -> st.SearchStrategy[dict[str, str]]:
    """Any of the headers that the kind keeps, of those that prove something, and of others."""
    proofs = ["authorization", "webhook-id", "webhook-timestamp", "webhook-signature"]
    names = st.sampled_from(["host", *proofs, *sorted(ADAPTERS[kind].kept_headers)])
    return st.dictionaries(names | texts.map(str.lower), words | st.text(max_size=300))


def office(kind: str) -> Account:
    """An account whose deals have a field for the loss reason, where the kind has that option."""
    options = msgspec.convert({"reason_field": "reason"}, ADAPTERS[kind].options)
    return account(kind, options=options)


def decode(kind: str, body: bytes, headers: Mapping[str, str] | None = None) -> Decoded:
    return ADAPTERS[kind].decode(post(body, headers), office(kind))


def assert_sound(change: Change) -> None:
    """The change keeps every promise that the ledger builds on."""
    assert 0 < len(change.id) <= ID_LENGTH
    assert cleaned(change.id) == change.id
    assert EARLIEST <= change.version <= LATEST
    assert not (change.deleted and change.fields)
    for name, value in change.fields.items():
        assert value is None or type(value) is FIELDS[change.entity][name]
        if isinstance(value, str):
            assert cleaned(value) == value
            assert len(value) <= (ID_LENGTH if name.endswith("_id") else TEXT_LENGTH)
        if name.endswith("_at") and value is not None:
            assert is_plausible(Instant(int(value)))
    amount, url = change.fields.get("amount"), change.fields.get("url")
    assert re.fullmatch(r"\+?[0-9]{5,15}", str(change.fields.get("phone") or "+12345"))
    assert amount is None or abs(int(amount)) <= AMOUNT_LIMIT
    assert url is None or str(url).lower().startswith(("http://", "https://"))
    assert change.fields.get("status") in (None, "open", "won", "lost")


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_is_registered_under_its_kind(kind: str) -> None:
    adapter = ADAPTERS[kind]
    assert adapter.kind == kind
    assert adapter.content_types
    for name in adapter.content_types | adapter.kept_headers:
        assert name == name.lower().strip()


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_keeps_no_header_that_may_hold_a_secret(kind: str) -> None:
    assert not ADAPTERS[kind].kept_headers & {
        "authorization",
        "cookie",
        "webhook-signature",
        "proxy-authorization",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_sample_is_decoded_into_sound_changes(kind: str) -> None:
    samples = sorted((HERE / kind / "samples").iterdir())
    assert samples
    for path in samples:
        decoded = decode(kind, path.read_bytes())
        assert decoded.changes or decoded.needs, path.name
        for change in decoded.changes:
            assert_sound(change)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_no_body_raises_and_every_change_is_sound(kind: str, data: st.DataObject) -> None:
    decoded = decode(kind, data.draw(any_body(kind)), data.draw(any_headers(kind)))
    assert 0 < len(decoded.key) <= ID_LENGTH
    for change in decoded.changes:
        assert_sound(change)
    for rejection in decoded.rejections:
        assert rejection.error
        assert rejection.error.splitlines() == [rejection.error]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), query=st.dictionaries(texts, texts))
def test_decoding_is_repeatable_from_what_is_stored(
    kind: str, data: st.DataObject, query: dict[str, str]
) -> None:
    adapter, own = ADAPTERS[kind], office(kind)
    headers = data.draw(any_headers(kind))
    request = post(data.draw(any_body(kind)), headers, query)
    kept = {key: value for key, value in headers.items() if key in adapter.kept_headers}
    stored = msgspec.structs.replace(request, method="", path="", query={}, headers=kept)
    assert adapter.decode(request, own) == adapter.decode(stored, own)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "without_secrets" in vars(type(ADAPTERS[kind]))])
@settings(max_examples=50)
@given(data=st.data())
def test_a_body_says_the_same_without_its_secrets(kind: str, data: st.DataObject) -> None:
    body = data.draw(any_body(kind))
    cut = ADAPTERS[kind].without_secrets(body)
    assert ADAPTERS[kind].without_secrets(cut) == cut
    said, left = decode(kind, body), decode(kind, cut)
    assert msgspec.structs.replace(left, key=said.key, content=said.content) == said


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), query=st.dictionaries(st.just("token") | texts, texts))
def test_a_forged_request_is_refused_and_nothing_else_is_raised(
    kind: str, data: st.DataObject, query: dict[str, str]
) -> None:
    request = post(data.draw(any_body(kind)), data.draw(any_headers(kind)), query)
    with pytest.raises(NotAuthentic):
        ADAPTERS[kind].authenticate(request, account(kind))


HUGE: dict[str, Any] = {
    "nothing but brackets": b"[" * 1_048_576,
    "nothing but ampersands": b"&" * 1_048_576,
    "one long word": b"a" * 1_048_576,
    "many ones": b"[" + b"1," * 500_000 + b"1]",
    "many fields": b"&".join(b"leads[add][%d][id]=1" % number for number in range(40_000)),
    "one deep key": b"a" + b"[b]" * 300_000 + b"=1",
    "one long id": b'{"type":"deal.deleted","timestamp":"2026-11-23T09:00:00Z","data":{"id":"'
    + b"x" * 10**6
    + b'"}}',
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HUGE)
def test_the_largest_hostile_bodies_come_to_one_rejection(kind: str, name: str) -> None:
    decoded = decode(kind, HUGE[name])
    assert decoded.changes == ()
    assert len(decoded.rejections) == 1
    assert len(decoded.rejections[0].error) <= TEXT_LENGTH
