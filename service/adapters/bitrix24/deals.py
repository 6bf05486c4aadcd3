"""Deals and leads in the answers of Bitrix24's API, and the histories of their stages. Pure.

Source: bitrix24/b24restdocs: crm.item.list, crm/universal/object-fields.md, crm/leads/index.md,
crm-stage-history-list.md.

A deal is in its stage since `movedTime`, and the history of stages dates the earlier ones. Each of these is a
fact with a time of its own, so the day of a loss is the day of the first fact after the last other status
(SPEC section 2.5). The closing date is a day that people set, and is not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET, UnsetType

from service.adapters.api import as_of
from service.adapters.bitrix24.items import Item
from service.adapters.bitrix24.options import Bitrix24Options
from service.adapters.bitrix24.values import (
    COMPANY,
    CONTACT,
    LEAD,
    Json,
    code,
    is_none,
    linked,
    moment,
    number,
    text,
)
from service.adapters.fields import loss_reason, money, refuse_future, sent_fields
from service.adapters.parsed import Parsed
from service.model import SECOND, Change, Instant, Need, Status, Value
from service.money import round_amount

_Fields = dict[str, Value]
_WRITTEN: Final = Instant(946_684_800 * SECOND)
"""2000-01-01: the version of a name that was read from a deal's text. The name that a directory has is newer,
if the text is the code of one of its entries."""

_STATUSES: Final[Mapping[str, Status]] = {"P": "open", "S": "won", "F": "lost"}


def deal(item: Item) -> Parsed:
    """A deal of `crm.item.list`. A template of recurring deals is none: it is not on the board."""
    if item.sent.get("isRecurring") == "Y":
        gone = Change("deal", item.id, item.asked_at, deleted=True)
        return Parsed() if item.is_listed else Parsed((gone,), is_dated=False)
    pipeline_id = number(item.sent.get("categoryId"))  # 0 is a pipeline: the first
    reason_field = Bitrix24Options.of(item.account).reason_field
    if reason_field is None:
        place = sent_fields(pipeline_id=pipeline_id) | _stage("", item.sent.get("stageId"))
        return _record(item, "deal", {}, place)
    reason, named = _reason_of_field(item, reason_field)
    parsed = _record(item, "deal", {**reason, "stage_id": None}, sent_fields(pipeline_id=pipeline_id))
    return parsed + Parsed(named)


def lead(item: Item) -> Parsed:
    """A lead of `crm.item.list`: a deal without a pipeline, whose reason is the status in which it failed. A
    converted one is won."""
    return _record(item, "lead", {}, _stage(LEAD, item.sent.get("stageId")))


def deal_move(item: Item) -> Parsed:
    """An entry of a deal's `crm.stagehistory.list`."""
    place = sent_fields(pipeline_id=number(item.sent.get("CATEGORY_ID")))
    if Bitrix24Options.of(item.account).reason_field is None:
        place |= _stage("", item.sent.get("STAGE_ID"))
    return _move(item, item.sent.get("STAGE_SEMANTIC_ID"), place)


def lead_move(item: Item) -> Parsed:
    """An entry of a lead's `crm.stagehistory.list`."""
    return _move(item, item.sent.get("STATUS_SEMANTIC_ID"), _stage(LEAD, item.sent.get("STATUS_ID")))


def has_past(sent: Json) -> bool:
    """Whether a deal or a lead is lost, and was in another stage before, which may have been one in which it
    was lost as well."""
    created_at, moved_at = moment(sent.get("createdTime")), moment(sent.get("movedTime"))
    if created_at is UNSET or moved_at is UNSET:
        return False
    return sent.get("stageSemanticId") == "F" and created_at < moved_at


def _record(item: Item, page: str, fields: _Fields, place: _Fields) -> Parsed:
    """A deal or a lead.

    Args:
        fields: Those that are its own.
        place: Its pipeline and stage, since `movedTime`.
    """
    version, is_dated = item.version("updatedTime")
    sent = item.sent
    status = _STATUSES.get(str(sent.get("stageSemanticId")), UNSET)
    place = {**sent_fields(status=status), **place}
    whole = sent_fields(
        known=True,
        name=text(sent.get("title", UNSET)),
        **money(
            sent.get("opportunity", UNSET), sent.get("currencyId", UNSET), item.account.currency, round_amount
        ),
        manager_id=linked(sent.get("assignedById", UNSET)),
        client_id=_client_of(sent),
        url=item.url(f"crm/{page}/details/{item.id.removeprefix(LEAD)}"),
    )
    changes = as_of([Change("deal", item.id, version, {**whole, **fields, **place})], item.asked_at)
    moved_at = moment(sent.get("movedTime"))
    if moved_at is not UNSET and moved_at < version:
        changes.append(Change("deal", item.id, moved_at, place))
    past = (Need("deal", item.id),) if item.is_listed and has_past(sent) else ()
    return Parsed(tuple(changes), (*_name_of_reason(place), *past), is_dated=is_dated)


def _move(item: Item, semantics: object, place: _Fields) -> Parsed:
    moved_at, status = moment(item.sent.get("CREATED_TIME")), _STATUSES.get(str(semantics), UNSET)
    if moved_at is UNSET or status is UNSET:
        raise ValueError("an entry without a usable time or stage")
    place = {"status": status, **place}
    change = Change("deal", item.id, refuse_future(moved_at, item.asked_at), place)
    return Parsed((change,), tuple(_name_of_reason(place)))


def _stage(prefix: str, sent: object) -> _Fields:
    stage_id = code(sent)
    return {} if stage_id is UNSET else {"stage_id": prefix + stage_id}


def _name_of_reason(place: _Fields) -> list[Need]:
    """The need for the name of the reason that a stage is. No field of the change links to it."""
    stage_id = place.get("stage_id")
    return [Need("reason", stage_id)] if place.get("status") == "lost" and isinstance(stage_id, str) else []


def _client_of(sent: Json) -> str | None | UnsetType:
    """The client of a deal or a lead: its contact; without one, its company."""
    contact_id, company_id = (linked(sent.get(name, UNSET)) for name in ("contactId", "companyId"))
    if contact_id:
        return CONTACT + contact_id
    if company_id and contact_id is None:
        return COMPANY + company_id
    return None if contact_id is None and company_id is None else UNSET


def _reason_of_field(item: Item, reason_field: str) -> tuple[_Fields, tuple[Change, ...]]:
    """The reason in the configured field: an entry of the field's list, or a text, which is the reason's
    name. Of several values the first counts.

    Returns:
        The deal's field, and the change that names the reason where its name was sent.
    """
    value = item.sent.get(reason_field, UNSET)
    if isinstance(value, list):
        value = next((entry for entry in value if not is_none(entry)), None)
    entry_id = linked(value)
    if entry_id is not UNSET or not isinstance(value, str):
        return sent_fields(reason_id=entry_id), ()
    return loss_reason(value, _WRITTEN)
