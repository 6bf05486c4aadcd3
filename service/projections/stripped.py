"""Deliveries without a raw body: the log keeps the changes themselves, without texts that were withdrawn.

A text is withdrawn when a newer change says that there is none: the CRM emptied the field, or the person in
it was forgotten. A delivery that comes late with such a text changes nothing in state, and its raw body must
not bring the text back into the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import msgspec

from service.model import PERSONAL, Change, Delivery, Value
from service.projections.batch import Records

_DECODER: Final = msgspec.json.Decoder(tuple[Change, ...])
_ENCODER: Final = msgspec.json.Encoder()


def body_of(changes: Iterable[Change]) -> bytes:
    """The body of a delivery whose source is `forget`."""
    return _ENCODER.encode(tuple(changes))


def changes_in(body: bytes) -> tuple[Change, ...]:
    """The changes in such a body."""
    return _DECODER.decode(body)


def without_text(change: Change) -> Change:
    """The change as if the CRM had said that its personal field has no value."""
    fields: Mapping[str, Value] = {**change.fields, PERSONAL[change.entity]: None}
    return msgspec.structs.replace(change, fields=fields)


def as_kept(delivery: Delivery, merged: Records) -> Delivery:
    """A new delivery as the log keeps it. One that can be retried from quarantine keeps its raw body.

    Args:
        merged: State after the delivery.
    """
    changes = delivery.decoded.changes
    kept = tuple(without_text(change) if _is_withdrawn(change, merged) else change for change in changes)
    if kept == changes or delivery.decoded.rejections:
        return delivery
    return replace(delivery, headers={}, body=body_of(kept), source="forget")


def _is_withdrawn(change: Change, merged: Records) -> bool:
    """Whether a change has a text in its personal field where state knows that there is none."""
    field = PERSONAL.get(change.entity, "")
    if not change.fields.get(field):
        return False
    values = merged[change.entity][change.id].values
    return field in values and values[field] is None
