"""One item of an amoCRM webhook (a lead, a task, a contact, a company, an incoming lead) as changes. Pure.

Source: the vendor's description of webhooks (developers.kommo.com/docs/webhooks-general) and captured
deliveries of 2016 to 2025. An item is read field by field: a value that cannot be read is left unset, and
only an item without a usable id, or dated in the future, is rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final, TypeAlias

from msgspec import UNSET

from service.adapters.amocrm.options import AmoCRMOptions
from service.adapters.amocrm.values import (
    NONE,
    completion,
    custom_value,
    linked_id,
    moment,
    phone,
    stage_status,
)
from service.adapters.fields import loss_reason, money, optional_text, refuse_future, sent_fields
from service.adapters.forms import Form, Node
from service.adapters.parsed import Parsed
from service.config import Account
from service.model import UNDATED, Change, Instant, Need, Value, later

_CONTACT_SHARE: Final = 4
_COMPANY_SHARE: Final = 1_000
"""By how much nearer to the earliest moment the link to a contact, and to a company, is dated."""

_PAGES: Final[Mapping[str, str]] = {"1": "contacts", "2": "leads", "3": "companies"}
"""The page of a task's element, by its `element_type`."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list: `leads[update][0]` is an item of entity `leads` and action `update`.

    Args:
        origin: Of the account's pages, such as `https://example.amocrm.ru`; None if the body does not say.
    """

    entity: str
    action: str
    fields: Form
    account: Account
    received_at: Instant
    origin: str | None

    @property
    def is_deletion(self) -> bool:
        """Whether it only says that the entity was deleted."""
        return self.action == "delete"


def parse_item(item: Item) -> Parsed:
    """What an item says; nothing for an entity or an action that the board has no use for.

    A lead's webhook leaves out its reason, its contacts and, in the SHORT form, all but its stage, and a
    contact's leaves out which one is the main one, so each lead is a need.

    Raises:
        ValueError: It has no usable id, or is dated too far in the future.
    """
    if item.entity == "unsorted":
        return Parsed(needs=tuple(_sorted_leads(item.fields)))
    reader = _READERS.get(item.entity)
    if reader is None or item.action not in _ACTIONS:
        return Parsed()
    entity_id = linked_id(item.fields.get("id"))
    if not isinstance(entity_id, str):
        raise ValueError(f"{item.entity}[{item.action}]: the id is missing or is not a number")
    happened_at = _vendor_time(item)
    version = item.received_at if happened_at is None else refuse_future(happened_at, item.received_at)
    changes = tuple(reader(item, entity_id, version))
    leads = (change.id for change in changes if change.entity == "deal" and not change.deleted)
    needs = tuple(Need("deal", deal_id) for deal_id in leads)
    return Parsed(changes, needs, is_dated=happened_at is not None or not changes)


def _vendor_time(item: Item) -> Instant | None:
    """The vendor's time of the item; None for the SHORT form, which has none, and for a deletion.

    None for a restore too: it need not touch `last_modified`, and must win over the deletion, which is dated
    by its arrival.
    """
    if item.action in ("delete", "restore"):
        return None
    updated_at = moment(item.fields.get("updated_at"), UTC)
    if updated_at is not None:
        return updated_at
    return moment(item.fields.get("last_modified"), AmoCRMOptions.of(item.account).timezone)


def _lead(item: Item, deal_id: str, version: Instant) -> Iterator[Change]:
    if item.is_deletion:
        yield Change("deal", deal_id, version, deleted=True)
        return
    sent = item.fields
    # Where the account has kopecks, `price` is cut off to whole roubles. Older deliveries write no other zero
    # than an empty budget.
    price = sent.get("price", UNSET)
    budget = sent.get("price_with_minor_units") or price
    fields = {"known": True, **money("0" if budget == "" else budget, UNSET, item.account.currency)}
    named: tuple[Change, ...] = ()
    if isinstance(name := sent.get("name"), str):
        fields["name"] = optional_text(name)
    if (status := stage_status(sent.get("status_id"))) is not None:
        fields["status"] = status
    _set_link(fields, "manager_id", sent.get("responsible_user_id"))
    _set_link(fields, "pipeline_id", sent.get("pipeline_id"))
    if item.origin:
        fields["url"] = f"{item.origin}/leads/detail/{deal_id}"
    reason = custom_value(sent.get("custom_fields"), AmoCRMOptions.of(item.account).reason_field)
    if reason is not None:
        reason_fields, named = loss_reason(reason, version)
        fields |= reason_fields
    yield Change("deal", deal_id, version, fields)
    yield from named


def _task(item: Item, task_id: str, version: Instant) -> Iterator[Change]:
    if item.is_deletion:
        yield Change("task", task_id, version, deleted=True)
        return
    sent = item.fields
    fields: dict[str, Value] = {}
    if isinstance(text := sent.get("text"), str):
        fields["text"] = optional_text(text)
    # Not `action_close`: a task completed from the calendar has status 1 and action_close 0.
    if (status := sent.get("status")) in ("0", "1"):
        fields |= completion(status == "1")
    _set_link(fields, "manager_id", sent.get("responsible_user_id"))
    _set_due(fields, sent, AmoCRMOptions.of(item.account).timezone)
    _set_element(fields, sent, item.origin)
    yield Change("task", task_id, version, fields)


def _contact(item: Item, client_id: str, version: Instant) -> Iterator[Change]:
    """A contact or a company, with the leads that it is linked to.

    It does not say whether it is the lead's main contact. So the lead is asked for, and a link is dated so
    far back that what the API says wins; and a company's further than a contact's, because of the two the
    contact is the lead's client, in whichever order they come.
    """
    yield from _client(item, client_id, version)
    linked = item.fields.get("linked_leads_id")
    if item.is_deletion or not isinstance(linked, dict):
        return
    of_company = item.entity == "companies" or item.fields.get("type") == "company"
    linked_at = _dated_back(version, _COMPANY_SHARE if of_company else _CONTACT_SHARE)
    for key, lead in linked.items():
        deal_id = linked_id(lead.get("ID", key) if isinstance(lead, dict) else lead)
        if isinstance(deal_id, str):
            yield Change("deal", deal_id, linked_at, {"client_id": client_id})


def _dated_back(version: Instant, share: int) -> Instant:
    """A moment so much nearer to the earliest one, so that the order of such moments stays."""
    return later(UNDATED, (version - UNDATED) // share)


def _sorted_leads(sent: Form) -> Iterator[Need]:
    """The leads that an incoming lead became when it left «Неразобранное», as `accept_result[leads]` or
    another result lists them. That `leads[add]` follows is not documented, so each is asked for.

    Source: public receivers of this webhook; the vendor's documents list the event without its body.
    """
    for name, result in sent.items():
        leads = result.get("leads") if name.endswith("_result") and isinstance(result, dict) else None
        for lead in leads.values() if isinstance(leads, dict) else ():
            if isinstance(lead_id := linked_id(lead), str):
                yield Need("deal", lead_id)


def _client(item: Item, client_id: str, version: Instant) -> Iterator[Change]:
    if item.is_deletion:
        yield Change("client", client_id, version, deleted=True)
        return
    name = item.fields.get("name")
    told = sent_fields(
        name=optional_text(name) if isinstance(name, str) else UNSET,
        phone=phone(item.fields.get("custom_fields")),
    )
    if told:
        yield Change("client", client_id, version, told)


def _set_link(fields: dict[str, Value], name: str, value: Node | None) -> None:
    linked = linked_id(value)
    if linked is not UNSET:
        fields[name] = linked


def _set_element(fields: dict[str, Value], sent: Form, origin: str | None) -> None:
    """Set what the task is about: a lead; a client, which is a contact or a company; or nothing on the
    board."""
    kind, element = sent.get("element_type"), linked_id(sent.get("element_id"))
    if not isinstance(kind, str) or element is UNSET:
        return
    fields["deal_id"] = element if kind == "2" else None
    fields["client_id"] = element if kind in ("1", "3") else None
    if origin:
        page = _PAGES.get(kind)
        fields["url"] = f"{origin}/{page}/detail/{element}" if page and element else None


def _set_due(fields: dict[str, Value], sent: Form, zone: tzinfo) -> None:
    """Set the due time: `complete_before`, in unix seconds, or else `complete_till`, a naive time."""
    given = [value for name in ("complete_before", "complete_till") if (value := sent.get(name)) is not None]
    due = [instant for value in given if (instant := moment(value, zone)) is not None]
    if due:
        fields["due_at"] = due[0]
    elif given and all(isinstance(value, str) and value in NONE for value in given):
        fields["due_at"] = None


_Reader: TypeAlias = Callable[[Item, str, Instant], Iterator[Change]]
_READERS: Final[Mapping[str, _Reader]] = {
    "leads": _lead,
    "task": _task,  # the vendor sends the singular here, and the plural of every other entity
    "tasks": _task,
    "contacts": _contact,
    "companies": _contact,
}
_ACTIONS: Final = frozenset({"add", "update", "status", "responsible", "restore", "delete"})
