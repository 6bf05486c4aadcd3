"""What the properties of a HubSpot deal or task say, one at a time in a webhook, all of them in an answer of
the API. Pure.

Every value is a string; null and the empty string are "none". A property that cannot be read costs only
itself. Source: developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/guide and
.../crm/activities/tasks/guide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_05UP, Decimal
from typing import Final, Literal, TypeAlias

from service.adapters.fields import loss_reason, one_line, optional_identifier, optional_text
from service.adapters.hubspot.options import HubSpotOptions
from service.calendar import parse_instant
from service.config import Account
from service.model import SECOND, Change, Instant, Need, Status, Value
from service.money import minor_digits, parse_amount

Properties: TypeAlias = Mapping[str, str | None]

DEAL_PROPERTIES: Final = (
    "dealname",
    "amount",
    "deal_currency_code",
    "dealstage",
    "pipeline",
    "closedate",
    "hubspot_owner_id",
    "hs_is_closed",
    "hs_is_closed_won",
    "hs_is_closed_lost",
)
"""Those that are read, besides the loss reason."""

TASK_PROPERTIES: Final = (
    "hs_task_subject",
    "hs_task_status",
    "hs_task_completion_date",
    "hs_timestamp",
    "hubspot_owner_id",
)

_PAGES: Final[Mapping[str, str]] = {"deal": "0-3", "task": "0-27"}
_NAMED: Final[tuple[Literal["manager", "pipeline"], ...]] = ("manager", "pipeline")
"""What a record links to by an id alone."""

_STAGES: Final[Mapping[str | None, Status]] = {"closedwon": "won", "closedlost": "lost"}
"""The stages whose ids the vendor gave. Every other one is the office's own, whatever it is called."""

_PORTAL: Final = re.compile(r"[0-9]{1,20}")
_MILLISECONDS: Final = re.compile(r"[0-9]{12,13}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,40})?(E\+?[0-9]{1,2})?", re.IGNORECASE)
_LARGEST: Final = Decimal(10**13)
_FOUR_DECIMALS: Final = Decimal("0.0001")
_YEAR_2000: Final = 946_684_800 * SECOND
_YEAR_2100: Final = 4_102_444_800 * SECOND


@dataclass(slots=True)
class Told:
    """What a part of a body says.

    Args:
        errors: What could not be read of it; each goes to quarantine.
    """

    changes: list[Change] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Record:
    """A deal or a task, as far as it was sent.

    Args:
        portal: The HubSpot account that it is in, where it is known.
    """

    id: str
    sent: Properties
    portal: str | int | None


def deal_properties(account: Account) -> tuple[str, ...]:
    """The properties of a deal that are read for this account."""
    return (*DEAL_PROPERTIES, HubSpotOptions.of(account).reason_field)


def instant_of(milliseconds: int) -> Instant:
    """A moment from unix milliseconds. Raises `ValueError` for one outside the years 2000 to 2099."""
    instant = milliseconds * (SECOND // 1000)
    if not _YEAR_2000 <= instant < _YEAR_2100:
        raise ValueError("a time must be in the years 2000 to 2099, in milliseconds")
    return instant


def moment(value: str | None) -> Instant | None:
    """A moment, from unix milliseconds (webhooks) or ISO 8601 (the API). Raises `ValueError`."""
    if not value:
        return None
    return instant_of(int(value)) if _MILLISECONDS.fullmatch(value) else parse_instant(value)


def read_record(
    entity: Literal["deal", "task"], record: Record, version: Instant, account: Account, *, whole: bool
) -> Told:
    """What a record's properties say: its change first.

    Args:
        whole: They are all that were asked for, not the one that changed.
    """
    reading = _Reading(record.sent, _page(record.portal, entity, record.id))
    if entity == "deal":
        _read_deal(reading, version, account, whole=whole)
    else:
        _read_task(reading, version, whole=whole)
    told = reading.told
    told.changes.insert(0, Change(entity, record.id, version, reading.fields))
    for linked in _NAMED:
        linked_id = reading.fields.get(f"{linked}_id")
        if isinstance(linked_id, str):
            told.needs.append(Need(linked, linked_id))
    return told


class _Reading:
    """The fields read so far, and what could not be read."""

    def __init__(self, sent: Properties, fields: dict[str, Value]) -> None:
        self.sent = sent
        self.fields = fields
        self.told = Told()

    def take(self, name: str, sent_as: str, read: Callable[[str | None], Value]) -> None:
        """Set a field, if its property was sent and can be read."""
        if sent_as not in self.sent:
            return
        try:
            self.fields[name] = read(self.sent[sent_as])
        except ValueError as error:
            self.told.errors.append(f"{sent_as}: {one_line(error)}")


def _read_deal(reading: _Reading, version: Instant, account: Account, *, whole: bool) -> None:
    sent, fields = reading.sent, reading.fields
    fields["known"] = True
    reading.take("name", "dealname", optional_text)
    reading.take("currency", "deal_currency_code", _currency)
    if whole or not _digits_differ(account):
        currency = fields.get("currency") or account.currency
        reading.take("amount", "amount", lambda value: _amount(value, str(currency)))
    if (status := _status(sent)) is not None:
        fields["status"] = status
    reading.take("closed_at", "closedate", lambda value: _closed_at(moment(value), status, version))
    reading.take("manager_id", "hubspot_owner_id", optional_identifier)
    reading.take("pipeline_id", "pipeline", optional_identifier)
    reason_field = HubSpotOptions.of(account).reason_field
    if reason_field in sent:
        reason, named = loss_reason(" ".join((sent[reason_field] or "").split()), version)
        fields |= reason
        reading.told.changes += named


def _read_task(reading: _Reading, version: Instant, *, whole: bool) -> None:
    sent, fields = reading.sent, reading.fields
    reading.take("text", "hs_task_subject", optional_text)
    reading.take("due_at", "hs_timestamp", moment)
    reading.take("manager_id", "hubspot_owner_id", optional_identifier)
    status = sent.get("hs_task_status")
    if not status:
        return
    completed = fields["completed"] = status == "COMPLETED"
    if not completed:
        fields["completed_at"] = None
    elif not whole:
        fields["completed_at"] = version
    # Of a completed task only: until then the property is seen to hold the due time.
    elif sent.get("hs_task_completion_date"):
        reading.take("completed_at", "hs_task_completion_date", moment)


def _page(portal: str | int | None, entity: Literal["deal", "task"], record_id: str) -> dict[str, Value]:
    """The field `url`, where the portal is known: the record's page in HubSpot."""
    if portal is None or not _PORTAL.fullmatch(str(portal)):
        return {}
    return {"url": f"https://app.hubspot.com/contacts/{portal}/record/{_PAGES[entity]}/{record_id}"}


def _status(sent: Properties) -> Status | None:
    """Whether a deal is open, won or lost; None where neither the flags nor a default stage say it."""
    closed, won, lost = (
        _flag(sent.get(name)) for name in ("hs_is_closed", "hs_is_closed_won", "hs_is_closed_lost")
    )
    if won:
        return "won"
    if lost or (closed and won is False):
        return "lost"
    if closed is False or (won is False and lost is False):
        return "open"
    return _STAGES.get(sent.get("dealstage"))


def _flag(value: str | None) -> bool | None:
    return {"true": True, "false": False}.get(value or "")


def _closed_at(closed_at: Instant | None, status: Status | None, version: Instant) -> Instant | None:
    """When a deal was closed. Until then the property holds when it is hoped to close, which is no closing:
    neither of an open deal, nor, where the status is not said, in the future."""
    if status == "open" or (status is None and closed_at is not None and closed_at > version):
        return None
    return closed_at


def _currency(value: str | None) -> str | None:
    """An ISO 4217 code; anything else that stands there, such as `Unassigned`, is none."""
    return value if value and _CURRENCY.fullmatch(value) else None


def _digits_differ(account: Account) -> bool:
    """Whether a deal's amount has other minor units in one of the account's currencies than in another: an
    event about an amount does not say its currency."""
    return any(minor_digits(each) != minor_digits(account.currency) for each in account.rates)


def _amount(value: str | None, currency: str) -> int | None:
    """Minor units. Amounts that come from line items have any number of decimals."""
    if not value:
        return None
    exact = Decimal(value) if _NUMBER.fullmatch(value) else _LARGEST
    if abs(exact) >= _LARGEST:
        raise ValueError("not a decimal number of at most 13 digits")
    # This way of rounding leaves the next one, to the currency's decimals, as exact as if it were alone.
    return parse_amount(f"{exact.quantize(_FOUR_DECIMALS, ROUND_05UP):f}", currency)
