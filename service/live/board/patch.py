"""The JSON patch between two snapshots of a board: the parts that changed, each under an address.

The parts follow from the fields of the structs: a new field of `Snapshot` or `AtRisk` needs no change here.
Pure.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple, TypeAlias

import msgspec

from service.live.board.snapshot import Snapshot

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""Any JSON value."""

MOMENT: Final = ("seq", "as_of", "last_delivery_at")
"""The fields of a snapshot that every patch carries; no part has them."""


class RowList(NamedTuple):
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


ROW_LISTS: Final = (
    RowList("list", "clients/", "client_id", "order"),
    RowList("managers", "managers/", "manager_id", "managers_order"),
)


def snapshot_parts(snapshot: Snapshot) -> dict[str, object]:
    """A snapshot in parts: everything but its moment. The values are structs: comparing those is much cheaper
    than encoding them.

    `clients/<id>` and `managers/<id>` (`managers/` for tasks without a manager) are rows, `order` and
    `managers_order` the ids of all rows in order, `at_risk` the figures above them. Every other part is a
    field of the snapshot.
    """
    parts = msgspec.structs.asdict(snapshot)
    for name in MOMENT:
        del parts[name]
    figures = parts["at_risk"] = msgspec.structs.asdict(snapshot.at_risk)
    for rows in ROW_LISTS:
        by_id = {getattr(row, rows.row_id): row for row in figures.pop(rows.field)}
        parts[rows.order] = list(by_id)
        parts.update((f"{rows.prefix}{row_id or ''}", row) for row_id, row in by_id.items())
    return parts


def moment(snapshot: Snapshot) -> dict[str, Json]:
    """The moment of a snapshot, which every frame that follows from it carries."""
    return {name: getattr(snapshot, name) for name in MOMENT}


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
    patch = moment(new)
    patch["set"] = msgspec.to_builtins(changed)
    patch["remove"] = [name for name in before if name not in after]
    if closed:
        patch["closed"] = list[Json](sorted(closed))
    if order is not None:
        patch["order"] = msgspec.to_builtins(order)
    return patch
