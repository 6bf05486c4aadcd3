"""CloudEvents 1.0 as events of the `standard` CRM kind: structured and batched (the JSON event format), and
binary (the HTTP protocol binding, whose attributes are `ce-*` headers).

Pure. `source` and `id` name an event, and are required; but the delivery's key stays the `webhook-id`, and an
event that is told twice changes nothing, since merging is idempotent. That holds because the version is the
event's own `time`, which is therefore required too.

A Standard Webhooks signature covers no `ce-*` header. Whoever could change them on the way would make a
change of a deal its deletion, or date it so that it wins over all that follow. So they are read only where
the `webhook-id`, which is signed, vouches for them: it is then `ce_` and a digest of them (`vouching_id`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Raw

from service.adapters.protocol import NotAuthentic
from service.adapters.standard.events import TYPES, Event, refuse_repeated_keys

CONTENT_TYPES: Final = ("application/cloudevents+json", "application/cloudevents-batch+json")
"""Of structured and of batch mode; binary mode has that of the data."""

HEADERS: Final = ("ce-id", "ce-source", "ce-specversion", "ce-time", "ce-type")
"""The headers that binary mode is read from, in the order in which they are digested."""

UNSIGNED: Final = (
    "the event has no type, and its ce-* headers are not signed: post it in structured mode, or let the "
    "webhook-id vouch for them"
)
"""Told of an event in binary mode whose headers nothing vouches for."""

_VERSION: Final = "1.0"
_VOUCHING: Final = re.compile(r"ce_[0-9a-f]{64}")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_JSON_TYPE: Final = re.compile(r"[^\s/;]+/(?:[^\s/;]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL)


class _CloudEvent(msgspec.Struct):
    """In JSON an attribute that is null is not set."""

    specversion: str
    id: str
    source: str
    type: str
    time: str | None = None
    datacontenttype: str | None = None
    data: Raw = Raw()
    data_base64: str | None = None


_STRUCTURED = msgspec.json.Decoder(_CloudEvent)


def vouching_id(headers: Mapping[str, str]) -> str:
    """The `webhook-id` that vouches for the `ce-*` headers, as they were sent. Raises `KeyError`."""
    lines = "\n".join(headers[name] for name in HEADERS)
    return f"ce_{sha256(lines.encode('latin-1', 'replace')).hexdigest()}"


def is_binary(headers: Mapping[str, str]) -> bool:
    """Whether the `webhook-id` says that the event's attributes are in the headers."""
    return _VOUCHING.fullmatch(headers.get("webhook-id", "")) is not None


def verify_headers(headers: Mapping[str, str]) -> None:
    """Return if the request is not in binary mode, or its `webhook-id` vouches for its headers.

    Raises:
        NotAuthentic: The cause is `headers` for one that is missing, else `signature`.
    """
    if not is_binary(headers):
        return
    try:
        vouched = vouching_id(headers) == headers["webhook-id"]
    except KeyError:
        raise NotAuthentic("headers") from None
    if not vouched:
        raise NotAuthentic("signature")


def from_headers(headers: Mapping[str, str], body: bytes) -> Event | None:
    """The event of a request in binary mode; see `from_json`."""
    refuse_repeated_keys(body)
    sent = {name.removeprefix("ce-"): _attribute(headers.get(name, "")) for name in HEADERS}
    return _event(_CloudEvent(**sent, data=Raw(body)))


def from_json(document: bytes) -> Event | None:
    """The event that a JSON object, checked by `refuse_repeated_keys`, says; None for one whose type says
    nothing here.

    Raises:
        ValueError, RecursionError: It is no CloudEvent, or one of a type of ours that lacks something.
    """
    return _event(_STRUCTURED.decode(document))


def _attribute(value: str) -> str:
    """An attribute's value from its header: quoted or not, percent-encoded (HTTP binding, 3.1.3.2)."""
    quoted = _QUOTED.fullmatch(value)
    plain = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value
    return unquote_to_bytes(plain.encode("latin-1")).decode()


def _event(event: _CloudEvent) -> Event | None:
    if event.specversion != _VERSION:
        raise ValueError(f"specversion must be {_VERSION}")
    for name in ("id", "source", "type"):
        if not getattr(event, name):
            raise ValueError(f"a CloudEvent needs its {name}")
    own_type = ".".join(event.type.split(".")[-2:])
    if own_type not in TYPES:
        return None
    if not event.time:
        raise ValueError("the event needs its time, which orders it among the changes of the same fields")
    return Event(own_type, event.time, b'{"data":%b}' % _data(event))


def _data(event: _CloudEvent) -> bytes:
    """The data's JSON. Raises `ValueError` for data that is not JSON, is missing, or is there twice."""
    if event.datacontenttype is not None and not _JSON_TYPE.fullmatch(event.datacontenttype.strip()):
        raise ValueError("datacontenttype must be a JSON type, such as application/json")
    data = bytes(event.data)
    if event.data_base64 is None:
        if not data:
            raise ValueError("the event has no data")
        return data
    if data:
        raise ValueError("the event has both data and data_base64")
    decoded = base64.b64decode(event.data_base64, validate=True)
    refuse_repeated_keys(decoded)
    return decoded
