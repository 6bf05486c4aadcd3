"""The names in HubSpot's answers: of contacts, companies, owners, pipelines and loss reasons. Pure.

Source: developers.hubspot.com/docs/api-reference (CRM objects, owners, pipelines, properties).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec import Raw

from service.adapters.fields import identifier, optional_text, phone_number
from service.adapters.hubspot.context import RECORD, ApiRecord, Context, changed_record
from service.adapters.hubspot.pages import WithId
from service.adapters.hubspot.properties import PHONES, merged_ids
from service.adapters.hubspot.reasons import named_reasons
from service.adapters.hubspot.records import LinkTarget, client_id, merged_records, record_id
from service.adapters.parsed import Parsed
from service.model import Change, Instant, Value


class _Owner(WithId, rename="camel"):
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None


class _Pipeline(WithId):
    label: str | None = None


_OWNER = msgspec.json.Decoder(_Owner)
_PIPELINE = msgspec.json.Decoder(_Pipeline)

_Version: TypeAlias = Callable[[Raw, Context], Instant]
"""Dates a name: by the last change of its record, or by when the API was asked."""


def asked_at(_result: Raw, context: Context) -> Instant:
    """When the API was asked."""
    return context.asked_at


def changed_at(result: Raw, context: Context) -> Instant:
    """When the record was last changed. Raises `ValueError`."""
    return changed_record(result, context)[2]


def contact(version: _Version, result: Raw, context: Context) -> Parsed:
    """A contact's name, or else its address."""
    record = RECORD.decode(result)
    first, last, email = (record.properties.get(name) for name in ("firstname", "lastname", "email"))
    names = (f"{first or ''} {last or ''}", email)
    named = _client(record_id(record.id), names, record, version(result, context))
    return named + Parsed(mergers("contacts", record, context))


def company(version: _Version, result: Raw, context: Context) -> Parsed:
    """A company's name, or else its domain."""
    record = RECORD.decode(result)
    names = (record.properties.get("name"), record.properties.get("domain"))
    client = client_id("companies", record_id(record.id))
    named = _client(client, names, record, version(result, context))
    return named + Parsed(mergers("companies", record, context))


def mergers(target: LinkTarget, record: ApiRecord, context: Context) -> tuple[Change, ...]:
    """The records that were merged into one."""
    return merged_records(target, merged_ids(record.properties), record_id(record.id), context.asked_at)


def owner(result: Raw, context: Context) -> Parsed:
    """A manager's name, or else the address."""
    owner = _OWNER.decode(result)
    names = (f"{owner.first_name or ''} {owner.last_name or ''}", owner.email)
    return _named("manager", record_id(owner.id), names, context.asked_at)


def pipeline(result: Raw, context: Context) -> Parsed:
    """A pipeline's name."""
    pipeline = _PIPELINE.decode(result)
    return _named("pipeline", identifier(pipeline.id), (pipeline.label,), context.asked_at)


def reasons(result: Raw, context: Context) -> Parsed:
    """The names of the loss reasons."""
    return named_reasons(result, context.asked, context.asked_at)


def _named(
    entity: Literal["manager", "pipeline"], id: str, names: Sequence[str | None], version: Instant
) -> Parsed:
    """The first of the names that is not empty; nothing if all are."""
    name = _first(names)
    return Parsed((Change(entity, id, version, {"name": name}),) if name else ())


def _client(id: str, names: Sequence[str | None], record: ApiRecord, version: Instant) -> Parsed:
    """The first of the names that is not empty, and the telephone number, as far as the answer has them."""
    told: dict[str, Value] = {"name": name} if (name := _first(names)) else {}
    sent = [record.properties[name] for name in PHONES if name in record.properties]
    if sent:
        told["phone"] = phone_number(*sent)
    return Parsed((Change("client", id, version, told),) if told else ())


def _first(names: Sequence[str | None]) -> str | None:
    return next(filter(None, map(optional_text, names)), None)
