"""HubSpot's records: the properties of deals, tasks, contacts and companies, and how the API and webhooks
write their values.

Sources: HubSpot's OpenAPI of CRM v3 objects, and its guides to deals, tasks, pipelines and associations. An
open deal's `closedate` is when it is expected to close; its article "Set defaults for creating deals" says
when HubSpot itself sets it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar
from zlib import crc32

from service.demo.office import Client, Deal, Office, OfficeRecord, Second, Task

PropertyValue: TypeAlias = str | int | None
"""A property's value: text (numbers too are text), milliseconds since 1970 for a moment, or none."""

Json: TypeAlias = dict[str, object]
_R = TypeVar("_R", Deal, Task, Client)

PORTAL: Final = 62515

_MONTH: Final = 30 * 86_400
_YEAR: Final = 365 * 86_400
_IMPORTS: Final = 3
STAGES: Final = (("open", "01", "В работе"), ("won", "98", "Успешно"), ("lost", "99", "Отказ"))
"""The stages of every pipeline: the status of their deals, how their ids end, and their names."""


@dataclass(frozen=True)
class ObjectType(Generic[_R]):
    """A type of records.

    Args:
        plural: Its name in addresses.
        singular: Its name in webhooks and associations.
        id: Its `objectTypeId`.
        properties: Reads every property from a record.
        created, modified: The properties that say when a record was made and last changed.
        defaults: The properties of an answer to a request without any, besides `created`, `modified` and
            `hs_object_id`, which always are.
        subscribed: The properties whose changes the app has subscribed to.
        records: All records of the type, by id, in the order of their ids.
    """

    plural: str
    singular: str
    id: str
    properties: Mapping[str, Callable[[_R], PropertyValue]]
    created: str
    modified: str
    defaults: tuple[str, ...]
    subscribed: tuple[str, ...]
    records: Callable[[Office], Mapping[int, _R]]

    def value(self, record: _R, name: str) -> PropertyValue:
        """A property's value; None for an unknown property."""
        read = self.properties.get(name)
        return None if read is None else read(record)

    def as_json(self, record: _R, names: list[str], portal: int) -> Json:
        """A record as the API answers it, with these properties, or with the default ones.

        A property without a value is null; one that does not exist is left out.
        """
        wanted = [*(names or self.defaults), self.created, self.modified, "hs_object_id"]
        answer: Json = {
            "id": str(record.id),
            "properties": {
                name: as_api_text(self.properties[name](record)) for name in wanted if name in self.properties
            },
            "createdAt": iso(record.created_at),
            "updatedAt": iso(record.updated_at),
            "archived": is_archived(record),
            "url": f"https://app.hubspot.com/contacts/{portal}/record/{self.id}/{record.id}",
        }
        return {**answer, "archivedAt": iso(record.updated_at)} if is_archived(record) else answer


def is_archived(record: OfficeRecord) -> bool:
    """Whether a record is in the recycling bin; clients never are."""
    return not isinstance(record, Client) and record.deleted


def iso(moment: Second) -> str:
    """A moment in the API."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_api_text(value: PropertyValue) -> str | None:
    """A property's value in the API: moments in ISO 8601, all else as text."""
    return iso(value // 1000) if isinstance(value, int) else value


def as_webhook_text(value: PropertyValue) -> str:
    """A property's value in a webhook: text, with milliseconds for a moment and "" for none."""
    return "" if value is None else str(value)


def stage_id(pipeline_id: int, status: Literal["open", "won", "lost"]) -> str:
    """The id of a pipeline's stage for deals of this status."""
    return next(f"{pipeline_id}{suffix}" for stage, suffix, _ in STAGES if stage == status)


def links_of(office: Office, kind: AnyType, record: OfficeRecord, names: list[str]) -> Json:
    """A record's field `associations`, with records of those other types; nothing where it has none."""
    links: Json = {}
    for to in filter(None, map(type_named, names)):
        end = linked(office, record, to)
        if end is not None:
            link = f"{kind.singular}_to_{to.singular}"
            kinds = [link, f"{link}_unlabeled"] if to is COMPANIES else [link]
            links[to.plural] = {"results": [{"id": str(end), "type": name} for name in kinds]}
    return {"associations": links} if links else {}


def amount_text(amount: int) -> str:
    """Minor units as HubSpot's number, without trailing zeros."""
    return f"{(Decimal(amount) / 100).normalize():f}"


def choice_of(reason: str) -> str:
    """The internal value of the choice whose label is a reason."""
    return f"reason_{crc32(reason.encode()):08x}"


def name_parts(name: str) -> tuple[str, str | None]:
    """A person's first name, and the rest."""
    first, _, rest = name.partition(" ")
    return first, rest or None


def _ms(moment: Second | None) -> int | None:
    return None if moment is None else moment * 1000


def _close_date(deal: Deal) -> Second:
    """An open deal's planned date, or when it was closed. HubSpot sets the latter if a person closes the
    deal; every third deal is closed by an import, and keeps the date that was planned."""
    if deal.id % _IMPORTS == 0:
        return deal.created_at + _YEAR
    return deal.closed_at or deal.created_at + _MONTH


def _text(value: bool | int) -> str:
    return str(value).lower()


DEALS: Final = ObjectType[Deal](
    plural="deals",
    singular="deal",
    id="0-3",
    properties={
        "hs_object_id": lambda deal: str(deal.id),
        "dealname": lambda deal: deal.name,
        "amount": lambda deal: amount_text(deal.amount),
        "deal_currency_code": lambda deal: "RUB",
        "dealstage": lambda deal: stage_id(deal.pipeline_id, deal.status),
        "pipeline": lambda deal: str(deal.pipeline_id),
        "closedate": lambda deal: _ms(_close_date(deal)),
        "closed_lost_reason": lambda deal: deal.reason,
        "lost_reason": lambda deal: deal.reason and choice_of(deal.reason),
        "hubspot_owner_id": lambda deal: str(deal.manager_id),
        "hs_is_closed": lambda deal: _text(deal.status != "open"),
        "hs_is_closed_won": lambda deal: _text(deal.status == "won"),
        "hs_is_closed_lost": lambda deal: _text(deal.status == "lost"),
        "hs_v2_date_entered_current_stage": lambda deal: _ms(deal.closed_at or deal.created_at),
        "createdate": lambda deal: _ms(deal.created_at),
        "hs_lastmodifieddate": lambda deal: _ms(deal.updated_at),
    },
    created="createdate",
    modified="hs_lastmodifieddate",
    defaults=("amount", "closedate", "dealname", "dealstage", "pipeline"),
    subscribed=(
        "dealname",
        "amount",
        "dealstage",
        "pipeline",
        "closedate",
        "closed_lost_reason",
        "lost_reason",
        "hubspot_owner_id",
    ),
    records=lambda office: office.deals,
)

TASKS: Final = ObjectType[Task](
    plural="tasks",
    singular="task",
    id="0-27",
    properties={
        "hs_object_id": lambda task: str(task.id),
        "hs_task_subject": lambda task: task.text,
        "hs_task_body": lambda task: None,
        "hs_task_status": lambda task: "COMPLETED" if task.completed else "NOT_STARTED",
        "hs_task_priority": lambda task: "NONE",
        "hs_task_type": lambda task: "TODO",
        "hs_task_completion_date": lambda task: _ms(task.completed_at),
        "hs_timestamp": lambda task: _ms(task.due_at),
        "hubspot_owner_id": lambda task: str(task.manager_id),
        "hs_createdate": lambda task: _ms(task.created_at),
        "hs_lastmodifieddate": lambda task: _ms(task.updated_at),
    },
    created="hs_createdate",
    modified="hs_lastmodifieddate",
    defaults=(),
    subscribed=("hs_task_subject", "hs_task_status", "hs_timestamp", "hubspot_owner_id"),
    records=lambda office: office.tasks,
)

CONTACTS: Final = ObjectType[Client](
    plural="contacts",
    singular="contact",
    id="0-1",
    properties={
        "hs_object_id": lambda client: str(client.id),
        "firstname": lambda client: name_parts(client.name)[0],
        "lastname": lambda client: name_parts(client.name)[1],
        "email": lambda client: None,
        "phone": lambda client: client.phone,
        "mobilephone": lambda client: None,
        "createdate": lambda client: _ms(client.created_at),
        "lastmodifieddate": lambda client: _ms(client.updated_at),
    },
    created="createdate",
    modified="lastmodifieddate",
    defaults=("email", "firstname", "lastname"),
    subscribed=("firstname", "lastname"),
    records=lambda office: {id: client for id, client in office.clients.items() if not client.company},
)

COMPANIES: Final = ObjectType[Client](
    plural="companies",
    singular="company",
    id="0-2",
    properties={
        "hs_object_id": lambda client: str(client.id),
        "name": lambda client: client.name,
        "domain": lambda client: None,
        "phone": lambda client: client.phone,
        "createdate": lambda client: _ms(client.created_at),
        "hs_lastmodifieddate": lambda client: _ms(client.updated_at),
    },
    created="createdate",
    modified="hs_lastmodifieddate",
    defaults=("domain", "name"),
    subscribed=("name",),
    records=lambda office: {id: client for id, client in office.clients.items() if client.company},
)

AnyType: TypeAlias = ObjectType[Any]  # of deals, tasks or clients: which, its records say
TYPES: Final[tuple[AnyType, ...]] = (DEALS, TASKS, CONTACTS, COMPANIES)

LABELS: Final[Mapping[tuple[str, str], tuple[tuple[int, str | None], ...]]] = {
    ("deal", "contact"): ((3, None),),
    ("deal", "company"): ((341, None), (5, "Primary")),
    ("task", "deal"): ((216, None),),
    ("task", "contact"): ((204, None),),
    ("task", "company"): ((192, None),),
}
"""The types, id and label, of an association between a record of one type and one of another."""


def type_named(name: str) -> AnyType | None:
    """The type with this name or id."""
    return next((kind for kind in TYPES if name in (kind.plural, kind.singular, kind.id)), None)


def type_of(record: OfficeRecord) -> AnyType:
    """The type of a record."""
    if isinstance(record, Client):
        return COMPANIES if record.company else CONTACTS
    return DEALS if isinstance(record, Deal) else TASKS


def linked(office: Office, record: OfficeRecord, to: AnyType) -> int | None:
    """The id of the associated record of another type; None where there is none."""
    if isinstance(record, Client):
        return None
    if to is DEALS:
        return record.deal_id if isinstance(record, Task) else None
    return record.client_id if record.client_id in to.records(office) else None
