"""The lists of Bitrix24's API: methods, fields and parameters. Pure.

Source: apidocs.bitrix24.com: the page of each method, retrieving large volumes of data, and batch. Long lists
are read by keyset (`>id`, `start: -1`), as the vendor advises, because a list that is read by offset skips
entries when others leave it meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from service.adapters.api import Call
from service.adapters.bitrix24.answers import BATCH, RESOURCES
from service.adapters.bitrix24.options import Bitrix24Options
from service.adapters.bitrix24.values import Json
from service.config import Account

PAGE: Final = 50
"""Entries on a full page of every method. The size cannot be chosen."""


@dataclass(frozen=True, slots=True)
class KeysetList:
    """A method that lists by keyset.

    Args:
        id: The id's name in a filter.
        any_of: The name in a filter that takes several ids.
        fields: The fields that are read, separated by spaces.
        sweep_fields: The fewest fields that identify an object.
        fixed: Parameters of every call.
    """

    method: str
    id: str
    any_of: str
    fields: str
    sweep_fields: str = ""
    fixed: Json = field(default_factory=dict)


_RECORD_FIELDS: Final = (
    "id title stageId stageSemanticId createdTime movedTime opportunity currencyId assignedById contactId"
    " companyId updatedTime"
)

LISTS: Final[Mapping[str, KeysetList]] = {
    "deals": KeysetList(
        "crm.item.list",
        "id",
        "@id",
        f"{_RECORD_FIELDS} categoryId isRecurring",
        "id isRecurring",
        {"entityTypeId": 2},
    ),
    "leads": KeysetList("crm.item.list", "id", "@id", _RECORD_FIELDS, "id", {"entityTypeId": 1}),
    "moves": KeysetList(
        "crm.stagehistory.list",
        "ID",
        "@OWNER_ID",
        "ID OWNER_ID CREATED_TIME CATEGORY_ID STAGE_ID STAGE_SEMANTIC_ID",
        fixed={"entityTypeId": 2},
    ),
    "lead_moves": KeysetList(
        "crm.stagehistory.list",
        "ID",
        "@OWNER_ID",
        "ID OWNER_ID CREATED_TIME STATUS_ID STATUS_SEMANTIC_ID",
        fixed={"entityTypeId": 1},
    ),
    "activities": KeysetList(
        "crm.activity.list",
        "ID",
        "@ID",
        "ID TYPE_ID PROVIDER_ID ORIGIN_ID IS_INCOMING_CHANNEL OWNER_TYPE_ID OWNER_ID BINDINGS SUBJECT"
        " DEADLINE COMPLETED RESPONSIBLE_ID CREATED LAST_UPDATED",
        "ID TYPE_ID PROVIDER_ID",
    ),
    "tasks": KeysetList(
        "tasks.task.list",
        "ID",
        "ID",
        "ID TITLE DEADLINE STATUS CLOSED_DATE RESPONSIBLE_ID CHANGED_DATE UF_CRM_TASK",
        "ID",
    ),
    "contacts": KeysetList(
        "crm.item.list", "id", "@id", "id name lastName updatedTime fm", fixed={"entityTypeId": 3}
    ),
    "companies": KeysetList(
        "crm.item.list", "id", "@id", "id title updatedTime fm", fixed={"entityTypeId": 4}
    ),
}

_METHODS: Final[Mapping[str, str]] = {
    "users": "user.get",
    "pipelines": "crm.category.list",
    "stages": "crm.status.list",
    "choices": "crm.deal.userfield.list",
    "entries": "crm.status.list",
    BATCH: "batch",
    **{resource: listing.method for resource, listing in LISTS.items()},
}


def call(resource: str, params: Json, asked: tuple[str, ...] = ()) -> Call:
    """The call of a resource's method."""
    body = json.dumps(params, ensure_ascii=False, separators=(",", ":")).encode()
    return Call(resource, f"/{_METHODS[resource]}.json", body=body, asked=asked)


def list_params(resource: str, account: Account, filter: Json, sweep: bool = False) -> Json:
    """The parameters of a list's first page."""
    listing = LISTS[resource]
    fields = (listing.sweep_fields if sweep else listing.fields).split()
    params = {**listing.fixed, "filter": filter, "order": {listing.id: "ASC"}, "select": fields, "start": -1}
    reason_field = Bitrix24Options.of(account).reason_field
    if resource == "deals" and reason_field is not None and not sweep:
        fields.append(reason_field)
        params["useOriginalUfNames"] = "Y"
    return params


def by_ids(resources: Sequence[str], ids: Sequence[str], account: Account) -> Call | None:
    """The call that lists objects by the board's ids: each resource's method for those ids that are its own,
    in a `batch` if several have some; None if none has."""
    params = {
        name: list_params(name, account, {LISTS[name].any_of: vendor_ids})
        for name in resources
        if (vendor_ids := [RESOURCES[name].vendor_id(id) for id in ids if RESOURCES[name].has(id)])
    }
    if len(params) == 1:
        return call(*next(iter(params.items())), tuple(ids))
    return batch(params, tuple(ids)) if params else None


def batch(params: Mapping[str, Json], asked: tuple[str, ...]) -> Call:
    """One call of several resources' methods, each with its parameters."""
    commands = {name: f"{_METHODS[name]}?{urlencode(list(_flat(one)))}" for name, one in params.items()}
    return call(BATCH, {"halt": 0, "cmd": commands}, asked)


def by_owners(resource: str, vendor_ids: Sequence[str]) -> Json:
    """The parameters of a list of the histories of some deals or leads."""
    listing = LISTS[resource]
    wanted = {"filter": {listing.any_of: list(vendor_ids)}, "select": listing.fields.split()}
    return {**listing.fixed, **wanted, "order": {listing.id: "ASC"}, "start": -1}


def _flat(params: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Parameters in the form in which PHP reads them from a query: `filter[ID][0]=42`."""
    if isinstance(params, Mapping | list):
        for name, value in params.items() if isinstance(params, Mapping) else enumerate(params):
            yield from _flat(value, f"{path}[{name}]" if path else str(name))
    else:
        yield path, str(params)
