"""Deliveries without a raw body: the log keeps the changes themselves, without texts that were withdrawn.

A text is withdrawn when a newer change says that there is none: the CRM emptied the field, or the person in
it was forgotten. A delivery that comes late with such a text changes nothing in state, and its raw body must
not bring the text back into the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import structs

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


def without(change: Change, names: Iterable[str]) -> Change:
    """The change as if the CRM had said that some of its fields have no value."""
    withdrawn: dict[str, Value] = dict.fromkeys(names)
    return msgspec.structs.replace(change, fields={**change.fields, **withdrawn}) if withdrawn else change


def as_kept(delivery: Delivery, merged: Records) -> Delivery:
    """A new delivery as the log keeps it. One that can be retried from quarantine keeps its raw body.

    Args:
        merged: State after the delivery.
    """
    decoded = delivery.decoded
    withdrawn = [_withdrawn(change, merged) for change in decoded.changes]
    if decoded.rejections or not any(withdrawn):
        return delivery
    kept = [without(change, names) for change, names in zip(decoded.changes, withdrawn, strict=True)]
    return structs.replace(delivery, headers={}, body=body_of(kept), source="forget")


def _withdrawn(change: Change, merged: Records) -> list[str]:
    """The personal fields that have a text in a change where state knows that there is none."""
    if change.entity not in PERSONAL:
        return []
    told, values = change.fields, merged[change.entity][change.id].values
    return [name for name in PERSONAL[change.entity] if told.get(name) and values.get(name, "") is None]
