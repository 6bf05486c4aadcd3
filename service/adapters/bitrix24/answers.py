"""An answer of Bitrix24's API: what its errors are, where the objects are in it, and what it all says. Pure.

A method answers `{"result": …, "time": …}` or `{"error": …}`. `batch` answers with the results and the errors
of several methods, each under the name that the call gave it: here, its resource.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Final

from msgspec import UNSET, UnsetType

from service.adapters.api import ASKED, RESOURCE, as_of
from service.adapters.bitrix24 import items
from service.adapters.bitrix24.items import Row, Told
from service.adapters.bitrix24.values import ACTIVITY, COMPANY, CONTACT, Json, code, number
from service.adapters.fields import digest, one_line
from service.config import Account
from service.model import Change, Decoded, Entity, Need, Rejection, Request

BATCH: Final = "batch"
"""The resource of an answer that holds those about several."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object that the API lists.

    Args:
        key: Where in a result the list is; None where the result is the list.
        id: The field that holds an object's id.
        read: What an object says.
        prefix: What the board's id has before the vendor's.
        is_id: The vendor's id, as text; UNSET for what is none.
    """

    entity: Entity
    key: str | None
    id: str
    read: Callable[[Row], Told]
    prefix: str = ""
    is_id: Callable[[object], str | UnsetType] = number

    def vendor_id(self, entity_id: str) -> str:
        """The vendor's id, of the board's."""
        return entity_id.removeprefix(self.prefix)

    def has(self, entity_id: str) -> bool:
        """Whether the board's id is that of an object of this kind."""
        return entity_id.startswith(self.prefix) and self.is_id(self.vendor_id(entity_id)) is not UNSET


RESOURCES: Final[Mapping[str, Resource]] = {
    "deals": Resource("deal", "items", "id", items.deal),
    "activities": Resource("task", None, "ID", items.activity, ACTIVITY),
    "tasks": Resource("task", "tasks", "id", items.task),
    "contacts": Resource("client", "items", "id", items.contact, CONTACT),
    "companies": Resource("client", "items", "id", items.company, COMPANY),
    "users": Resource("manager", None, "ID", items.user),
    "pipelines": Resource("pipeline", "categories", "id", items.pipeline),
    "stages": Resource("reason", None, "STATUS_ID", items.stage, is_id=code),
    "choices": Resource("reason", None, "ID", items.choices),
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """An answer, taken apart.

    Args:
        results: By resource.
        errors: The vendor's codes.
        next: Where the next page starts, in a list that is read by offset.
        wait: Seconds until a method that was asked for too much may be asked again.
    """

    results: Mapping[str, object] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    next: int | None = None
    wait: float | None = None


def parse(body: bytes, resource: str) -> Parsed | None:
    """The answer; None for what is no answer of the API, such as a proxy's page."""
    try:
        # A fraction stays the text that was sent: it may be money.
        answer: object = json.loads(body, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not answer.keys() & {"result", "error"}:
        return None
    results: Mapping[str, object] = {resource: answer.get("result")}
    failed: list[Json] = []
    if resource == BATCH:
        parts = _object(answer.get("result"))
        results = _object(parts.get("result"))
        failed = [_object(each) for each in _object(parts.get("result_error")).values()]
    if answer.get("error") is not None:
        results, failed = {}, [answer]
    following = answer.get("next")
    return Parsed(
        results,
        tuple(str(each.get("error")) for each in failed),
        following if type(following) is int else None,
        _wait(_object(answer.get("time"))),
    )


def _object(value: object) -> dict[str, object]:
    """An object; PHP writes an empty one as `[]`."""
    return value if isinstance(value, dict) else {}


def _wait(time: Json) -> float | None:
    """From the moment of the answer to `operating_reset_at`, both by the vendor's clock; a day at most."""
    try:
        remaining = Decimal(str(time["operating_reset_at"])) - Decimal(str(time["finish"]))
        within_a_day = 0 < remaining <= 24 * 60 * 60
    except (KeyError, InvalidOperation):
        return None
    return float(remaining.to_integral_value(ROUND_CEILING)) if within_a_day else None


def rows(resource: Resource, result: object) -> list[object]:
    """The objects of a result.

    Raises:
        ValueError: It has no list where the resource has one.
    """
    found = result if resource.key is None or result == [] else _object(result).get(resource.key)
    if not isinstance(found, list):
        raise ValueError("the result holds no list" + (f" of {resource.key}" if resource.key else ""))
    return found


def decode(request: Request, account: Account) -> Decoded:
    """See `Api.decode`."""
    resource = request.headers.get(RESOURCE, "")
    parsed = parse(request.body, resource)
    if parsed is None or not parsed.results or not parsed.results.keys() <= RESOURCES.keys():
        said = ", ".join(parsed.errors) if parsed and parsed.errors else "no result"
        return Decoded(
            _key(request, dated=True), (), (Rejection(0, one_line(ValueError(f"{resource}: {said}"))),)
        )
    changes: list[Change] = []
    needs: list[Need] = []
    rejections: list[Rejection] = []
    dated = True
    for name, result in parsed.results.items():
        for told in _told(RESOURCES[name], result, account, request):
            if isinstance(told, ValueError):
                rejections.append(Rejection(len(rejections), f"{name}: {one_line(told)}"))
            else:
                changes += told.changes
                needs += told.needs
                dated = dated and told.dated
    return Decoded(_key(request, dated), tuple(changes), tuple(rejections), tuple(dict.fromkeys(needs)))


def _told(
    resource: Resource, result: object, account: Account, request: Request
) -> Iterator[Told | ValueError]:
    """What each object of a result says, and last, which deals or tasks are gone."""
    try:
        listed = rows(resource, result)
    except ValueError as error:
        yield error
        return
    gone = {each for each in request.headers.get(ASKED, "").split() if resource.has(each)}
    for sent in listed:
        try:
            row = _row(resource, sent, account, request)
        except ValueError as error:
            gone = set()  # it may be any of them
            yield error
            continue
        gone.discard(row.id)
        try:
            told = resource.read(row)
        except ValueError as error:
            yield error
            continue
        whole = resource.entity in ("deal", "task")
        changes = as_of(told.changes, request.received_at) if whole else told.changes
        yield Told(tuple(changes), told.needs, told.dated)
    if gone and resource.entity in ("deal", "task"):
        gone_at = request.received_at
        yield Told(
            tuple(Change(resource.entity, each, gone_at, deleted=True) for each in sorted(gone)), dated=False
        )


def _row(resource: Resource, sent: object, account: Account, request: Request) -> Row:
    vendor_id = resource.is_id(sent.get(resource.id)) if isinstance(sent, dict) else UNSET
    if not isinstance(sent, dict) or vendor_id is UNSET:
        raise ValueError(f"an entry without a usable {resource.id}")
    return Row(sent, resource.prefix + vendor_id, account, request.received_at)


def _key(request: Request, dated: bool) -> str:
    """An equal answer to the same question says the same again; one without times of its own, only then."""
    question = "\0".join(request.headers.get(name, "") for name in (RESOURCE, ASKED))
    body = question.encode("utf-8", "replace") + b"\0" + request.body
    return digest(body, "" if dated else str(request.received_at))
