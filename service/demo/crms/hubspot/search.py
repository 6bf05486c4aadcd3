"""HubSpot's search: `POST /crm/v3/objects/{type}/search`, by the limits of its guide "Search the CRM"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from service.demo.crms.hubspot.records import AnyType, PropertyValue
from service.demo.crms.hubspot.requests import Invalid

MOST_GROUPS: Final = 5
MOST_FILTERS: Final = 6
MOST_FILTERS_IN_ALL: Final = 18
MOST_RESULTS: Final = 10_000
"""Results that a search can page through; a page behind them is an error."""
MOST_AT_ONCE: Final = 200

_Test = Callable[[PropertyValue, Mapping[str, Any]], bool]


def matching(kind: AnyType, records: list[Any], body: Mapping[str, Any]) -> list[Any]:
    """The records that match a search, in its order; by default in the order of their creation.

    Raises:
        Invalid: The search exceeds a limit, or is no search.
    """
    groups = [group["filters"] for group in body.get("filterGroups") or []]
    most = max(map(len, groups), default=0)
    if len(groups) > MOST_GROUPS or most > MOST_FILTERS or sum(map(len, groups)) > MOST_FILTERS_IN_ALL:
        raise Invalid("There are too many filters or filter groups in this search")
    tests = [[_checked(kind, condition) for condition in filters] for filters in groups]
    those = [
        record
        for record in records
        if not tests or any(all(_passes(kind, record, condition) for condition in group) for group in tests)
    ]
    return _in_order(kind, those, body.get("sorts") or [])


def page(body: Mapping[str, Any]) -> tuple[int, int]:
    """The first index and the length of the requested page.

    Raises:
        Invalid: It is too long, or ends behind the last result that can be reached.
    """
    limit, after = body.get("limit", 10), str(body.get("after") or 0)
    if not isinstance(limit, int) or not 1 <= limit <= MOST_AT_ONCE:
        raise Invalid(f"Search limit must be between 1 and {MOST_AT_ONCE}")
    if not after.isdigit():
        raise Invalid(f"The paging cursor {after!r} is not an integer")
    if int(after) + limit > MOST_RESULTS:
        raise Invalid(f"Paging beyond {MOST_RESULTS} results is not supported")
    return int(after), limit


def _checked(kind: AnyType, one: Mapping[str, Any]) -> Mapping[str, Any]:
    needs = {"BETWEEN": ("value", "highValue"), "IN": ("values",), "NOT_IN": ("values",)}
    operator = one.get("operator", "")
    if operator not in _TESTS or one.get("propertyName") not in kind.properties:
        raise Invalid(f"There is no property {one.get('propertyName')} or no operator {operator}")
    needed = () if operator.endswith("HAS_PROPERTY") else needs.get(operator, ("value",))
    if any(name not in one for name in needed):
        raise Invalid(f"operator {operator} requires {' and '.join(needed)}")
    return one


def _passes(kind: AnyType, record: Any, one: Mapping[str, Any]) -> bool:
    value = kind.value(record, one["propertyName"])
    return _TESTS[one["operator"]](value, one)


def _in_order(kind: AnyType, records: list[Any], sorts: list[Any]) -> list[Any]:
    if len(sorts) > 1:
        raise Invalid("Only one sort is supported")
    name, backwards = kind.created, False
    for sort in sorts:
        name, backwards = sort["propertyName"], sort.get("direction") == "DESCENDING"
    if name not in kind.properties:
        raise Invalid(f"There is no property {name} to sort by")
    return sorted(records, key=lambda record: (_rank(kind.value(record, name)), record.id), reverse=backwards)


def _rank(value: PropertyValue) -> tuple[int, float, str]:
    """The order of values: none first, then moments and numbers, then text."""
    if value is None:
        return (0, 0.0, "")
    try:
        return (1, float(value), "")
    except ValueError:
        return (2, 0.0, str(value).casefold())


def _wanted(value: PropertyValue, asked: Any) -> tuple[int, float, str]:
    """A filter's value in comparisons with a property's; a moment may be in ISO 8601."""
    if isinstance(value, int) and not str(asked).lstrip("-").isdigit():
        try:
            return (1, datetime.fromisoformat(str(asked)).timestamp() * 1000, "")
        except ValueError:
            raise Invalid(f"{asked!r} is not a date") from None
    return _rank(str(asked))


def _ordered(ok: Callable[[Any, Any], bool]) -> _Test:
    return lambda value, one: value is not None and ok(_rank(value), _wanted(value, one["value"]))


def _among(value: PropertyValue, one: Mapping[str, Any]) -> bool:
    return value is not None and any(_rank(value) == _wanted(value, wanted) for wanted in one["values"])


def _between(value: PropertyValue, one: Mapping[str, Any]) -> bool:
    low, high = (_wanted(value, one[name]) for name in ("value", "highValue"))
    return value is not None and low <= _rank(value) <= high


_TESTS: Final[Mapping[str, _Test]] = {
    "EQ": _ordered(lambda one, other: bool(one == other)),
    "NEQ": lambda value, one: value is None or _rank(value) != _wanted(value, one["value"]),
    "LT": _ordered(lambda one, other: bool(one < other)),
    "LTE": _ordered(lambda one, other: bool(one <= other)),
    "GT": _ordered(lambda one, other: bool(one > other)),
    "GTE": _ordered(lambda one, other: bool(one >= other)),
    "BETWEEN": _between,
    "IN": _among,
    "NOT_IN": lambda value, one: not _among(value, one),
    "HAS_PROPERTY": lambda value, one: value is not None,
    "NOT_HAS_PROPERTY": lambda value, one: value is None,
}
