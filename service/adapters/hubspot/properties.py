"""The properties of a HubSpot deal or task, as fields of the board. Pure.

A webhook carries one property, an answer of the API all of them. Every value is a string; null and the empty
string mean "none". A property that cannot be read is reported and left unset; the others count. Source:
developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/guide and .../crm/activities/tasks/guide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from msgspec import UNSET

from service.adapters.fields import money, one_line, optional_identifier, optional_text
from service.adapters.hubspot.options import HubSpotOptions
from service.adapters.parsed import Parsed
from service.calendar import is_plausible, parse_instant
from service.config import Account
from service.model import ID_LENGTH, SECOND, Change, Instant, Rejection, Status, Value, cleaned
from service.money import NO_CURRENCY, minor_digits, round_amount

Properties: TypeAlias = Mapping[str, str | None]

DEAL_PROPERTIES: Final = tuple(
    "dealname amount deal_currency_code dealstage pipeline closedate hubspot_owner_id".split()
)
"""The properties of a deal whose changes a webhook can tell, without the one that holds the loss reason."""

MERGED: Final = "hs_merged_object_ids"
"""The property that lists the records that were merged into this one, separated by `;`."""

PHONES: Final = ("phone", "mobilephone")
"""The properties with a contact's telephone numbers; the first that has a number counts. A company has the
first."""

_ENTERED: Final = "hs_v2_date_entered_current_stage"
_CLOSED: Final = ("hs_is_closed", "hs_is_closed_won", "hs_is_closed_lost")

COMPUTED_PROPERTIES: Final = (*_CLOSED, _ENTERED, MERGED)
"""The properties of a deal that HubSpot computes; they are read from the API only."""

TASK_PROPERTIES: Final = tuple(
    "hs_task_subject hs_task_status hs_task_completion_date hs_timestamp hubspot_owner_id".split()
)

_OBJECT_TYPE_IDS: Final[Mapping[str, str]] = {"deal": "0-3", "task": "0-27"}
_STAGES: Final[Mapping[str | None, Status]] = {
    "appointmentscheduled": "open",
    "qualifiedtobuy": "open",
    "presentationscheduled": "open",
    "decisionmakerboughtin": "open",
    "contractsent": "open",
    "closedwon": "won",
    "closedlost": "lost",
}
"""The stages of the default pipeline, whose ids HubSpot defines (its guide "Pipelines", "Default pipelines").
Every other stage is the office's own, and its id says nothing."""

_UNASSIGNED: Final = "Unassigned"
"""Stands in `deal_currency_code` where nobody has chosen a currency: the amount is in the account's. Seen in
answers; the vendor's documents do not have it."""

_PORTAL: Final = re.compile(r"[0-9]{1,20}")
_MILLISECONDS: Final = re.compile(r"[0-9]{12,13}")


@dataclass(frozen=True, slots=True)
class Record:
    """A deal or a task.

    Args:
        properties: Those that were sent.
        portal: The id of its HubSpot account, where it is known.
    """

    id: str
    properties: Properties
    portal: str | int | None


def deal_properties(account: Account) -> tuple[str, ...]:
    """The properties of a deal whose changes the account's webhooks tell."""
    return (*DEAL_PROPERTIES, HubSpotOptions.of(account).reason_field)


def reason_id(value: str | None) -> str | None:
    """The id of the loss reason in a property's value: the value itself, which is a choice's internal one;
    None for an empty one."""
    return cleaned(" ".join((value or "").split())[:ID_LENGTH]) or None


def merged_ids(properties: Properties) -> list[str]:
    """The ids of the records that were merged into a record."""
    return [id for id in (properties.get(MERGED) or "").split(";") if id]


def instant_of(milliseconds: int) -> Instant:
    """A moment from unix milliseconds. Raises `ValueError` for one outside the years 2000 to 2100."""
    instant = Instant(milliseconds * (SECOND // 1000))
    if not is_plausible(instant):
        raise ValueError("a time must be in the years 2000 to 2100, in milliseconds")
    return instant


def moment(value: str | None) -> Instant | None:
    """A moment, from unix milliseconds (webhooks) or ISO 8601 (the API). Raises `ValueError`."""
    if not value:
        return None
    return instant_of(int(value)) if _MILLISECONDS.fullmatch(value) else parse_instant(value)


def read_record(
    entity: Literal["deal", "task"], record: Record, version: Instant, account: Account, *, whole: bool
) -> Parsed:
    """The changes in a record's properties; the change of the record itself comes first.

    Args:
        whole: All properties were asked for. False where only the one that changed was sent.
    """
    reader = _Reader(record.properties, _url_field(record.portal, entity, record.id))
    named: tuple[Change, ...] = ()
    if entity == "deal":
        named = _read_deal(reader, record.id, version, account, whole=whole)
    else:
        _read_task(reader, version, whole=whole)
    changes = (Change(entity, record.id, version, reader.fields), *named)
    return Parsed(changes, rejections=tuple(Rejection(0, error) for error in reader.errors))


class _Reader:
    """Reads properties one by one into fields, and collects the errors."""

    def __init__(self, properties: Properties, fields: dict[str, Value]) -> None:
        self.properties = properties
        self.fields = fields
        self.errors: list[str] = []

    def read(self, field_name: str, property_name: str, convert: Callable[[str | None], Value]) -> None:
        """Set a field from a property, if that was sent and can be read."""
        if property_name not in self.properties:
            return
        try:
            self.fields[field_name] = convert(self.properties[property_name])
        except ValueError as error:
            self.errors.append(f"{property_name}: {one_line(error)}")


def _read_deal(
    reader: _Reader, record_id: str, version: Instant, account: Account, *, whole: bool
) -> tuple[Change, ...]:
    """Read a deal's fields. Returns further changes: since when it is lost, and its loss reason's name."""
    properties, fields = reader.properties, reader.fields
    fields["known"] = True
    reader.read("name", "dealname", optional_text)
    _read_money(reader, account, whole=whole)
    if (status := _status(properties)) is not None:
        fields["status"] = status
    reader.read("closed_at", "closedate", lambda value: _closed_at(moment(value), status, version))
    reader.read("manager_id", "hubspot_owner_id", optional_identifier)
    reader.read("pipeline_id", "pipeline", optional_identifier)
    return (*_lost_since(reader, record_id, version), *_read_reason(reader, version, account))


def _read_money(reader: _Reader, account: Account, *, whole: bool) -> None:
    """Read the amount and its currency. An amount that is computed from line items can have any number of
    decimals. One that cannot be read is unknown, and is reported too."""
    sent = reader.properties
    amount = sent.get("amount", UNSET) if whole or not _digits_differ(account) else UNSET
    currency = sent.get("deal_currency_code", UNSET)
    read = money(amount, None if currency == _UNASSIGNED else currency, account.currency, round_amount)
    reader.fields |= read
    if amount and read.get("amount") is None and read.get("currency") != NO_CURRENCY:
        reader.errors.append("amount: it is no number, or is too large")


def _lost_since(reader: _Reader, record_id: str, version: Instant) -> tuple[Change, ...]:
    """The change that made a lost deal lost, dated by when the deal entered its stage. A closing date that
    was planned and never moved can be later (SPEC section 2.5)."""
    if reader.fields.get("status") != "lost":
        return ()
    reader.read(_ENTERED, _ENTERED, moment)
    entered_at = reader.fields.pop(_ENTERED, None)
    if not isinstance(entered_at, int) or entered_at >= version:
        return ()
    return (Change("deal", record_id, Instant(entered_at), {"status": "lost"}),)


def _read_reason(reader: _Reader, version: Instant, account: Account) -> tuple[Change, ...]:
    """Read the loss reason. Only the API tells whether a value of the office's own property is a text or
    stands for a choice's label, so the value is the name where there is no API."""
    options = HubSpotOptions.of(account)
    if options.reason_field not in reader.properties:
        return ()
    value = reader.properties[options.reason_field]
    reason = reader.fields["reason_id"] = reason_id(value)
    if reason is None or (account.api is not None and options.names_reason_field):
        return ()
    return (Change("reason", reason, version, {"name": optional_text(" ".join((value or "").split()))}),)


def _read_task(reader: _Reader, version: Instant, *, whole: bool) -> None:
    properties, fields = reader.properties, reader.fields
    reader.read("text", "hs_task_subject", optional_text)
    reader.read("due_at", "hs_timestamp", moment)
    reader.read("manager_id", "hubspot_owner_id", optional_identifier)
    status = properties.get("hs_task_status")
    if not status:
        return
    completed = fields["completed"] = status == "COMPLETED"
    if not completed:
        fields["completed_at"] = None
    elif not whole:
        fields["completed_at"] = version
    # Only of a completed task: in an open one the property has been seen to hold the due time.
    elif properties.get("hs_task_completion_date"):
        reader.read("completed_at", "hs_task_completion_date", moment)


def _url_field(portal: str | int | None, entity: Literal["deal", "task"], record_id: str) -> dict[str, Value]:
    """The field `url`, the record's page in HubSpot; no field where the portal is not known."""
    if portal is None or not _PORTAL.fullmatch(str(portal)):
        return {}
    return {"url": f"https://app.hubspot.com/contacts/{portal}/record/{_OBJECT_TYPE_IDS[entity]}/{record_id}"}


def _status(properties: Properties) -> Status | None:
    """Whether a deal is open, won or lost; None where neither its flags nor a default stage say it."""
    closed, won, lost = (_flag(properties.get(name)) for name in _CLOSED)
    if won:
        return "won"
    if lost or (closed and won is False):
        return "lost"
    if closed is False or (won is False and lost is False):
        return "open"
    return _STAGES.get(properties.get("dealstage"))


def _flag(value: str | None) -> bool | None:
    return {"true": True, "false": False}.get(value or "")


def _closed_at(closed_at: Instant | None, status: Status | None, version: Instant) -> Instant | None:
    """When a deal was closed; None while it is open.

    In an open deal `closedate` is the day on which somebody hopes to close it. Where the status is not known,
    a day in the future is taken for such a hope.
    """
    if status == "open" or (status is None and closed_at is not None and closed_at > version):
        return None
    return closed_at


def _digits_differ(account: Account) -> bool:
    """Whether the account's currencies differ in their minor units. An amount cannot be read from an event
    then, because the event does not say the currency."""
    return any(minor_digits(currency) != minor_digits(account.currency) for currency in account.rates)
