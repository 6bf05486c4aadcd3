"""The parts of requests to HubSpot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request

from service.demo.crms.hubspot.records import AnyType, type_named


class Invalid(Exception):
    """A request that HubSpot answers 400 with this message."""


def only_known(request: Request, known: Iterable[str]) -> None:
    """Raise `Invalid` for an unknown parameter."""
    if unknown := set(request.query_params) - set(known):
        raise Invalid(f"Unknown parameters: {sorted(unknown)}")


def type_in(request: Request, part: str = "type") -> AnyType:
    """The type that a part of the path names."""
    name = request.path_params[part]
    kind = type_named(name)
    if kind is None:
        raise Invalid(f"Unable to infer object type from: {name}")
    return kind


def number_in(request: Request, name: str, otherwise: int, largest: int | None = None) -> int:
    """A parameter that is a number, at most `largest`."""
    text = request.query_params.get(name, str(otherwise))
    if not text.isdigit() or (largest is not None and not 1 <= int(text) <= largest):
        raise Invalid(f"{name}: {text!r} is no number, or is not between 1 and {largest}")
    return int(text)


def wants_archived(request: Request) -> bool:
    """Whether the request is for archived records, and for no others."""
    return request.query_params.get("archived") == "true"


def by_id(unique: object) -> None:
    """Raise `Invalid` for a request by another property than the id."""
    if unique not in (None, "hs_object_id"):
        raise Invalid(f"{unique} is not a property with unique values")


async def body_of(request: Request) -> Mapping[str, Any]:
    """A body's object."""
    try:
        body = await request.json()
    except ValueError:
        raise Invalid("Invalid input JSON on line 1, column 1") from None
    if not isinstance(body, dict):
        raise Invalid("Invalid input JSON: no object")
    return body


def inputs_in(body: Mapping[str, Any], most: int) -> list[str]:
    """The ids of a batch, without repeats."""
    inputs = [str(given["id"]) for given in body.get("inputs") or []]
    if not 1 <= len(inputs) <= most:
        raise Invalid(f"The number of inputs is not between 1 and {most}")
    return list(dict.fromkeys(inputs))


def names_in(text: str | None) -> list[str]:
    """The parts of a comma-separated list."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]
