"""CloudEvents 1.0 as events of the `standard` CRM kind: the JSON event format, in structured and batch mode.

Pure. `source` and `id` name an event, and are required; but the delivery's key stays the `webhook-id`. The
same event in two deliveries changes nothing, because merging is idempotent: the version is the event's own
`time`, which is therefore required too.

Binary mode is not taken, because a Standard Webhooks signature covers no `ce-*` header.
"""

from __future__ import annotations

import base64
import re
from typing import Any, Final

import msgspec
from msgspec import Raw

from service.adapters.standard.events import TYPES, Event, event_of, refuse_repeated_keys

CONTENT_TYPES: Final = ("application/cloudevents+json", "application/cloudevents-batch+json")
"""Of structured mode and of batch mode."""

_VERSION: Final = "1.0"
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


def from_json(document: bytes) -> Event[Any] | None:
    """The event in a JSON object that `refuse_repeated_keys` let pass; None for a type that the board has no
    use for.

    Raises:
        ValueError, RecursionError: It is no CloudEvent, or one of our types that lacks something.
    """
    event = _STRUCTURED.decode(document)
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
    standard = Event(own_type, event.time, Raw(_data(event)))
    return event_of(own_type, msgspec.json.encode(standard))


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
