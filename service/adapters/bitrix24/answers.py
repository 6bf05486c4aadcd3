"""The answers of Bitrix24's API: their errors, the objects in them, and their changes. Pure.

A method answers `{"result": …, "time": …}` or `{"error": …}`. `batch` answers with the results and the errors
of several methods, each under the name that the call gave to the method: here, its resource.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Final, TypeAlias

from msgspec import UNSET, UnsetType

from service.adapters.api import ASKED, RESOURCE, absent_ids
from service.adapters.bitrix24 import deals, items, tasks
from service.adapters.bitrix24.errors import NamedError
from service.adapters.bitrix24.items import Item
from service.adapters.bitrix24.values import ACTIVITY, COMPANY, CONTACT, LEAD, Json, code, number
from service.adapters.fields import digest
from service.adapters.parsed import Parsed, parse_body, rejected
from service.config import Account
from service.model import Change, Decoded, Entity, Request

BATCH: Final = "batch"
"""The resource of an answer that holds the results of several methods."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object that the API lists.

    Args:
        key: The name of the list in a result; None where the result is the list.
        id: The field that holds the id by which the list is ordered.
        parse: The changes in an object.
        prefix: The prefix of the board's ids.
        read_id: The vendor's id as text; UNSET for a value that is no id.
        about: The field that holds the id of what an entry is about; None: the entry is the object.
    """

    entity: Entity
    key: str | None
    id: str
    parse: Callable[[Item], Parsed]
    prefix: str = ""
    read_id: Callable[[object], str | UnsetType] = number
    about: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether an answer has the whole object, not only its name or its past."""
        return self.entity in ("deal", "task") and self.about is None

    def entity_id(self, sent: object) -> str | None:
        """The board's id of an object; None for one without a usable id."""
        vendor_id = self.read_id(sent.get(self.about or self.id)) if isinstance(sent, dict) else UNSET
        return None if vendor_id is UNSET else self.prefix + vendor_id

    def vendor_id(self, entity_id: str) -> str:
        """The vendor's id, from the board's."""
        return entity_id.removeprefix(self.prefix)

    def has(self, entity_id: str) -> bool:
        """Whether an id of the board belongs to an object of this kind."""
        return entity_id.startswith(self.prefix) and self.read_id(self.vendor_id(entity_id)) is not UNSET


RESOURCES: Final[Mapping[str, Resource]] = {
    "deals": Resource("deal", "items", "id", deals.deal),
    "leads": Resource("deal", "items", "id", deals.lead, LEAD),
    "moves": Resource("deal", "items", "ID", deals.deal_move, about="OWNER_ID"),
    "lead_moves": Resource("deal", "items", "ID", deals.lead_move, LEAD, about="OWNER_ID"),
    "activities": Resource("task", None, "ID", tasks.activity, ACTIVITY),
    "tasks": Resource("task", "tasks", "id", tasks.task),
    "contacts": Resource("client", "items", "id", items.contact, CONTACT),
    "companies": Resource("client", "items", "id", items.company, COMPANY),
    "users": Resource("manager", None, "ID", items.user),
    "pipelines": Resource("pipeline", "categories", "id", items.pipeline),
    "stages": Resource("reason", None, "STATUS_ID", items.stage, read_id=code),
    "choices": Resource("reason", None, "ID", items.choices),
    "entries": Resource("reason", None, "STATUS_ID", items.entry, read_id=code),
}


@dataclass(frozen=True, slots=True)
class AnswerBody:
    """The body of an answer.

    Args:
        results: By resource.
        errors: Those of the methods.
        next: The offset of the next page, in a list that is read by offset.
        wait_seconds: How long a method that was called too often stays blocked.
    """

    results: Mapping[str, object] = field(default_factory=dict)
    errors: tuple[NamedError, ...] = ()
    next: int | None = None
    wait_seconds: float | None = None


def read_body(body: bytes, resource: str) -> AnswerBody | None:
    """The body of an answer; None for one that is not from the API, such as a proxy's page."""
    try:
        # A number with a fraction is kept as text, because it may be money.
        answer: object = json.loads(body, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not answer.keys() & {"result", "error"}:
        return None
    results: Mapping[str, object] = {resource: answer.get("result")}
    failed: Mapping[str, object] = {}
    if resource == BATCH:
        parts = _object(answer.get("result"))
        results, failed = _object(parts.get("result")), _object(parts.get("result_error"))
    if answer.get("error") is not None:
        results, failed = {}, {resource: answer}
    following = answer.get("next")
    return AnswerBody(
        results,
        tuple(_error(name, _object(error)) for name, error in failed.items()),
        following if type(following) is int else None,
        _wait_seconds(_object(answer.get("time"))),
    )


def _error(resource: str, error: Json) -> NamedError:
    code, text = (str(error.get(name) or "") for name in ("error", "error_description"))
    return NamedError(resource, code, text)


def _object(value: object) -> dict[str, object]:
    """An object; PHP writes an empty one as `[]`."""
    return value if isinstance(value, dict) else {}


def _wait_seconds(time: Json) -> float | None:
    """The seconds between the answer and `operating_reset_at`, both by the vendor's clock; None if there is
    no such time, or it is more than a day away."""
    try:
        remaining = Decimal(str(time["operating_reset_at"])) - Decimal(str(time["finish"]))
        within_a_day = 0 < remaining <= 24 * 60 * 60
    except (KeyError, InvalidOperation):
        return None
    return float(remaining.to_integral_value(ROUND_CEILING)) if within_a_day else None


def listed(resource: Resource, result: object) -> list[object]:
    """The objects in a result.

    Raises:
        ValueError: The result has no list where the resource has one.
    """
    objects = result if resource.key is None else _object(result).get(resource.key)
    if not isinstance(objects, list):
        raise ValueError("the result holds no list" + (f" of {resource.key}" if resource.key else ""))
    return objects


def objects(resource: Resource, result: object) -> list[object]:
    """The objects in a result; none in one that has no list."""
    try:
        return listed(resource, result)
    except ValueError:
        return []


_NOTHING: Final = b'{"result":{"items":[]}}'


def decode(request: Request, account: Account) -> Decoded:
    """See `Api.decode`. Each object stands alone. An empty body says that the portal has no such objects."""
    resource = request.headers.get(RESOURCE, "")
    body = read_body(request.body or _NOTHING, resource)
    if body is None or not body.results or not body.results.keys() <= RESOURCES.keys():
        errors = ", ".join(error.code for error in body.errors) if body and body.errors else "no result"
        return rejected(ValueError(f"{resource}: {errors}")).decoded(_key(request, is_dated=True))
    results = body.results
    parsed = parse_body(lambda: _entries(results), lambda entry: _parse(entry, account, request))
    for name, result in results.items():
        parsed += _deletions(RESOURCES[name], result, request)
    return parsed.decoded(_key(request, parsed.is_dated))


_Entry: TypeAlias = tuple[str, object]
"""A resource, and one object in its result; or the `ValueError` of a result that has no list."""


def _entries(results: Mapping[str, object]) -> Iterator[_Entry]:
    for name, result in results.items():
        try:
            yield from [(name, sent) for sent in listed(RESOURCES[name], result)]
        except ValueError as error:
            yield name, error


def _parse(entry: _Entry, account: Account, request: Request) -> Parsed:
    """The changes in an object. Raises `ValueError` that names the resource."""
    name, sent = entry
    try:
        return RESOURCES[name].parse(_item(RESOURCES[name], sent, account, request))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _item(resource: Resource, sent: object, account: Account, request: Request) -> Item:
    if isinstance(sent, ValueError):
        raise sent
    entity_id = resource.entity_id(sent)
    if not isinstance(sent, dict) or entity_id is None:
        raise ValueError(f"an entry without a usable {resource.id}")
    return Item(sent, entity_id, account, request.received_at, is_listed=not request.headers.get(ASKED))


def _deletions(resource: Resource, result: object, request: Request) -> Parsed:
    """The deals or tasks that were asked for and that the result leaves out."""
    try:
        present = {resource.entity_id(sent) for sent in listed(resource, result)}
    except ValueError:
        return Parsed()
    absent = [id for id in absent_ids(request, present) if resource.has(id)] if resource.is_whole else []
    deletions = tuple(Change(resource.entity, id, request.received_at, deleted=True) for id in absent)
    return Parsed(deletions, is_dated=not deletions)


def _key(request: Request, is_dated: bool) -> str:
    """The key of an answer. An equal answer to an equal call is a repeat, but only if its changes carry the
    vendor's own times; otherwise it is true again at a later time."""
    call = "\0".join(request.headers.get(name, "") for name in (RESOURCE, ASKED))
    body = call.encode("utf-8", "replace") + b"\0" + request.body
    return digest(body, "" if is_dated else str(request.received_at))
