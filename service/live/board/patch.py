"""The JSON patch between two snapshots of a board: the parts that changed, each under an address.

The parts follow from the fields of the structs: a new field of `Snapshot` or `AtRisk` needs no change here.
`apply_patch` is the reference of what a client must do with a patch. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from service.live.board.snapshot import Snapshot

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""Any JSON value."""

_MOMENT: Final = ("seq", "as_of", "last_delivery_at")
"""The fields of a snapshot that every patch carries; no part has them."""


class _RowList(NamedTuple):
    """A list of `at_risk` whose rows are parts of their own.

    Args:
        field: Its name.
        prefix: Begins the name of a row's part; the row's id ends it.
        row_id: The field of a row that has its id.
        order: The part that has the ids of all rows in order.
    """

    field: str
    prefix: str
    row_id: str
    order: str


_ROW_LISTS: Final = (
    _RowList("list", "clients/", "client_id", "order"),
    _RowList("managers", "managers/", "manager_id", "managers_order"),
)


def snapshot_parts(snapshot: Snapshot) -> dict[str, object]:
    """A snapshot in parts: everything but its moment. The values are structs: comparing those is much cheaper
    than encoding them.

    `clients/<id>` and `managers/<id>` (`managers/` for tasks without a manager) are rows, `order` and
    `managers_order` the ids of all rows in order, `at_risk` the figures above them. Every other part is a
    field of the snapshot.
    """
    return _split(snapshot, lambda struct: struct.__struct_fields__, getattr)


def json_patch(old: Snapshot, new: Snapshot, closed: AbstractSet[str] = frozenset()) -> dict[str, Json]:
    """The patch that turns `old` into `new`.

    `set` has the parts that are new or changed, `remove` the names of those that are gone; `order` (the ids
    of all clients in order) is there only if it changed.

    Args:
        closed: The tasks that left because they were completed, for a screen that announces it.
    """
    before, after = snapshot_parts(old), snapshot_parts(new)
    changed = {name: part for name, part in after.items() if name not in before or before[name] != part}
    order = changed.pop("order", None)
    patch: dict[str, Json] = {name: getattr(new, name) for name in _MOMENT}
    patch["set"] = msgspec.to_builtins(changed)
    patch["remove"] = [name for name in before if name not in after]
    if closed:
        patch["closed"] = list[Json](sorted(closed))
    if order is not None:
        patch["order"] = msgspec.to_builtins(order)
    return patch


def apply_patch(snapshot: dict[str, Json], patch: dict[str, Json]) -> dict[str, Json]:
    """A snapshot's decoded JSON after a patch."""
    parts = _split(snapshot, iter, dict.__getitem__)
    parts.update(_object(patch["set"]))
    for name in _array(patch["remove"]):
        parts.pop(str(name), None)  # after a reconnection a patch can come twice
    if "order" in patch:
        parts["order"] = patch["order"]
    at_risk = dict(_object(parts.pop("at_risk")))
    for rows in _ROW_LISTS:
        ids = _array(parts.pop(rows.order))
        at_risk[rows.field] = [parts[f"{rows.prefix}{row_id or ''}"] for row_id in ids]
    fields = {name: part for name, part in parts.items() if "/" not in name}
    return {**{name: patch[name] for name in _MOMENT}, **fields, "at_risk": at_risk}


def _split(
    snapshot: Any, fields: Callable[[Any], Iterable[str]], get: Callable[[Any, str], Any]
) -> dict[str, Any]:
    """The parts of a snapshot, be it structs or decoded JSON."""
    parts = {name: get(snapshot, name) for name in fields(snapshot) if name not in _MOMENT}
    card = parts["at_risk"]
    parts["at_risk"] = {name: get(card, name) for name in fields(card)}
    for rows in _ROW_LISTS:
        by_id = {get(row, rows.row_id): row for row in parts["at_risk"].pop(rows.field)}
        parts[rows.order] = list(by_id)
        parts.update((f"{rows.prefix}{row_id or ''}", row) for row_id, row in by_id.items())
    return parts


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise TypeError("a JSON object is needed here")
    return value


def _array(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError("a JSON array is needed here")
    return value
