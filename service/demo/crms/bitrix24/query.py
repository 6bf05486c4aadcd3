"""The parameters of Bitrix24's lists: `filter` with its prefixes, `order`, `select`, `start`.

Source: bitrix24/b24restdocs: crm/universal/crm-item-list.md, tasks/tasks-task-list.md,
settings/performance/huge-data.md. Some methods ignore what they do not know; these refuse it, so that a
misspelt field is noticed. Searches by a part of a text (`%`) are not simulated.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import Final, TypeAlias

from service.demo.crms.php import Node, values

Json: TypeAlias = "str | int | float | bool | None | list[Json] | dict[str, Json]"
Object: TypeAlias = dict[str, Json]

PAGE: Final = 50
PORTAL: Final = timezone(timedelta(hours=3))
"""The portal's time zone."""

_KEY: Final = re.compile(r"(!@|!=|>=|<=|[@!=<>])?(\w+)")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_DATED: Final = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")


class CallError(Exception):
    """A method answers with an error."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


@dataclass(frozen=True)
class Answer:
    """What a method answers: `result`, and for a list `total` and `next`."""

    result: Json
    total: int | None = None
    next: int | None = None


class Params:
    """A call's parameters. Their names are case-insensitive."""

    def __init__(self, tree: Mapping[str, Node]) -> None:
        self._tree = {name.lower(): value for name, value in tree.items()}

    def get(self, name: str) -> Node:
        """A parameter; None where it is missing."""
        return self._tree.get(name.lower())

    def mapping(self, name: str) -> Mapping[str, Node]:
        """A parameter that is an object; PHP writes an empty one as an array."""
        value = self.get(name)
        if value is None or value == []:
            return {}
        if not isinstance(value, Mapping):
            raise CallError("", f"Parameter '{name}' must be array.")
        return value

    def whole(self, name: str) -> int | None:
        """A parameter that is a number; None where it is missing or no number."""
        text = str(self.get(name))
        return int(text) if re.fullmatch(r"-?\d+", text) else None


@dataclass(frozen=True)
class Wording:
    """The errors and the order of a list's method.

    Args:
        unknown_filter, unknown_order: Make the error for a field that does not exist.
        order: The default order: the field, and whether it is descending.
        upper: Directions are written `ASC` and `DESC`.
    """

    unknown_filter: Callable[[str], CallError]
    unknown_order: Callable[[str], CallError]
    order: tuple[str, bool]
    upper: bool


def listed(
    params: Params, records: Sequence[Object], wording: Wording, always: str, hidden: Sequence[str] = ()
) -> tuple[list[Object], int | None, int | None]:
    """One page of the records that `params` ask for, with the fields that they select; the total; where the
    next page begins.

    Args:
        records: In the order of their ids. All have the same fields.
        always: The id's field, which is always selected.
        hidden: Fields that are selected only by name.
    """
    names = set(records[0]) if records else set()
    holds = _filter(params.mapping("filter"), names, wording) if records else None
    by, backwards = _order(params, names, wording)
    start = params.whole("start") or 0
    matching = filter(holds, records) if holds else iter(records)
    if start < 0 and (by, backwards) == (always, False):
        chosen = list(islice(matching, PAGE))  # without a total, the rest need not be looked at
    else:
        chosen = list(matching)
        if by != always:
            chosen.sort(key=lambda record: _sortable(record[by]))
        if backwards:
            chosen.reverse()
    page = chosen[max(start, 0) : max(start, 0) + PAGE]
    selected = {str(name) for name in values(params.get("select"))}
    if not selected or "*" in selected:
        selected |= names - set(hidden)
    rows: list[Object] = [
        {name: record[name] for name in record if name in selected | {always}} for record in page
    ]
    if start < 0:
        return rows, 0, None
    return rows, len(chosen), start + PAGE if start + PAGE < len(chosen) else None


def _order(params: Params, names: set[str], wording: Wording) -> tuple[str, bool]:
    asked = params.mapping("order")
    if len(asked) > 1:
        raise NotImplementedError("the simulator orders by one field")
    if not asked:
        return wording.order
    by, way = next(iter(asked.items()))
    direction = str(way)
    allowed = ("ASC", "DESC") if wording.upper else ("asc", "desc", "ASC", "DESC")
    if names and by not in names:
        raise wording.unknown_order(by)
    if direction not in allowed:
        raise CallError(
            "INVALID_ARG_VALUE",
            f"Invalid order: allowed sort directions are `ASC, DESC`. But got '{direction}' for field '{by}'",
        )
    return by, direction.upper() == "DESC"


def _filter(wanted: Mapping[str, Node], names: set[str], wording: Wording) -> Callable[[Object], bool] | None:
    """A filter's condition; None for an empty filter."""
    tests: list[Callable[[Object], bool]] = []
    for key, value in wanted.items():
        if key == "logic":
            continue
        if key.isdecimal() and isinstance(value, Mapping):
            inner = _filter(value, names, wording)
            tests += [] if inner is None else [inner]
            continue
        match = _KEY.fullmatch(key)
        if match is None or match[2] not in names:
            raise wording.unknown_filter(key if match is None else match[2])
        tests.append(_test(match[2], match[1] or "=", value))
    if not tests:
        return None
    if str(wanted.get("logic", "AND")).upper() == "OR":
        return lambda record: any(test(record) for test in tests)
    return lambda record: all(test(record) for test in tests)


def _test(name: str, prefix: str, asked: Node) -> Callable[[Object], bool]:
    """One condition. A list matches where one of its members does."""
    if prefix in ("@", "=", "!@", "!=", "!"):
        given = {_known(value) for value in values(asked) or [None]}
        wanted = prefix in ("@", "=")

        def among(record: Object) -> bool:
            value = record[name]
            mine = value if isinstance(value, list) else [value]
            return any(_known(member) in given for member in mine) == wanted

        return among
    limit = _comparable(asked)
    compare = _COMPARE[prefix]

    def beyond(record: Object) -> bool:
        value = _comparable(record[name])
        return value is not None and limit is not None and compare(value, limit)

    return beyond


_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _known(value: Json | Node) -> float | str:
    """The value in comparisons: a number or a moment where it is one, else its text; none is empty."""
    number = _comparable(value)
    return number if number is not None else "" if value is None or value is False else str(value)


def _comparable(value: Json | Node) -> float | None:
    """A number, or a moment in seconds; None for what is neither."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    text = str(value)
    if _NUMBER.fullmatch(text):
        return float(text)
    return moment(text) if _DATED.fullmatch(text) else None


def moment(text: str) -> float:
    """The moment that ISO 8601 names; without an offset, in the portal's zone."""
    given = datetime.fromisoformat(text)
    return (given if given.tzinfo else given.replace(tzinfo=PORTAL)).timestamp()


def _sortable(value: Json) -> tuple[bool, float, str]:
    number = _comparable(value)
    return number is not None, number or 0.0, str(value)


def iso(second: float | None) -> str | None:
    """A moment as the portal writes it."""
    return None if second is None else datetime.fromtimestamp(second, UTC).astimezone(PORTAL).isoformat()


def upper(field: str) -> CallError:
    """The error of methods whose fields are in upper case."""
    return CallError("", f"Field '{field}' is not allowed.")


CRM_ITEMS: Final = Wording(
    lambda field: CallError("INVALID_ARG_VALUE", f"Invalid filter: field '{field}' is not allowed in filter"),
    lambda field: CallError("INVALID_ARG_VALUE", f"Invalid order: field '{field}' is not allowed in order"),
    ("id", False),
    upper=True,
)
HISTORY: Final = replace(CRM_ITEMS, order=("ID", False))
TASKS: Final = Wording(
    lambda field: CallError("100", f"Invalid filter field {field} (internal error)"),
    lambda _: CallError("0", "Invalid sorting key (internal error)"),
    ("ID", True),
    upper=False,
)
CRM: Final = Wording(upper, upper, ("ID", False), upper=False)
ACTIVITIES: Final = Wording(upper, upper, ("START_TIME", False), upper=False)
