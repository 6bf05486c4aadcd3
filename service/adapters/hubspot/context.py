"""What reading a part of an answer of HubSpot's API starts from: when it was asked, and its record. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw

from service.adapters.fields import refuse_future
from service.adapters.hubspot.pages import Id, WithId
from service.adapters.hubspot.records import record_id
from service.calendar import parse_instant
from service.config import Account
from service.model import Instant


@dataclass(frozen=True, slots=True)
class Context:
    """When the API was asked, for which account, and for which ids."""

    asked_at: Instant
    account: Account
    asked: tuple[str, ...] = ()


class _ListedLink(WithId):
    type: str = ""


class ListedLinks(msgspec.Struct):
    """The links of a listed record to the records of one type."""

    results: list[_ListedLink] = []


class ApiRecord(msgspec.Struct, rename="camel"):
    """A record, as the API answers it."""

    id: Id
    properties: dict[str, str | None] = {}
    updated_at: str | None = None
    archived: bool = False
    archived_at: str | None = None
    associations: dict[str, ListedLinks] = {}


RECORD: Final = msgspec.json.Decoder(ApiRecord)


def changed_record(result: Raw, context: Context) -> tuple[ApiRecord, str, Instant]:
    """A record, its id, and when it was last changed or deleted.

    Raises:
        ValueError: It does not say when, or is dated too far in the future.
    """
    record = RECORD.decode(result)
    changed_at = record.archived_at if record.archived else record.properties.get("hs_lastmodifieddate")
    changed_at = changed_at or record.updated_at
    if changed_at is None:
        raise ValueError("the record does not say when it was changed")
    return record, record_id(record.id), refuse_future(parse_instant(changed_at), context.asked_at)
