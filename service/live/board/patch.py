"""What changed between two snapshots of a board, in parts that can be addressed (the JSON form of a patch).

`apply_patch` is the reference of what a screen must do with a patch. Pure.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final, TypeAlias

import msgspec

from service.live.board.snapshot import Snapshot

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""Anything that JSON can say."""

_CLIENT: Final = "clients/"
_MANAGER: Final = "managers/"
_ORDERS: Final = ("order", "managers_order")
_PLAIN: Final = (
    "account",
    "currency",
    "period",
    "sort",
    "losses",
    "warnings",
    "shown",
    "managers",
    "pipelines",
)


def parts(snapshot: Snapshot) -> dict[str, Json]:
    """A snapshot in parts: everything but its moment.

    `clients/<id>` and `managers/<id>` (`managers/` for tasks without one) are rows, `order` and
    `managers_order` the ids of all rows in order, `at_risk` the figures above them; the others are fields of
    the snapshot.
    """
    plain: dict[str, Json] = msgspec.to_builtins(_parts(snapshot))
    return plain


def patch(old: Snapshot, new: Snapshot, closed: AbstractSet[str] = frozenset()) -> dict[str, Json]:
    """What turns `old` into `new`, and nothing else.

    `set` holds the parts that are new or changed, `remove` the names of those that are gone; `order`, the ids
    of all clients in order, is there only if it changed. `closed` names the tasks that left because they
    were completed, for a screen that wants to say so.
    """
    before, after = _parts(old), _parts(new)
    changed = {name: part for name, part in after.items() if name not in before or before[name] != part}
    order = changed.pop("order", None)
    found: dict[str, Json] = {
        "seq": new.seq,
        "as_of": new.as_of,
        "last_delivery_at": new.last_delivery_at,
        "set": msgspec.to_builtins(changed),
        "remove": [name for name in before if name not in after],
    }
    if closed:
        found["closed"] = list[Json](sorted(closed))
    if order is not None:
        found["order"] = msgspec.to_builtins(order)
    return found


def apply_patch(snapshot_json: dict[str, Json], patch: dict[str, Json]) -> dict[str, Json]:
    """The decoded JSON of a snapshot after a patch: that of the snapshot that the patch leads to."""
    held = _parts_of_json(snapshot_json)
    held.update(_object(patch["set"]))
    for name in _array(patch["remove"]):
        held.pop(str(name), None)  # a screen that resumes may be sent a patch twice
    if "order" in patch:
        held["order"] = patch["order"]
    at_risk = dict(_object(held["at_risk"]))
    at_risk["list"] = [held[f"{_CLIENT}{name}"] for name in _array(held["order"])]
    at_risk["managers"] = [held[f"{_MANAGER}{name or ''}"] for name in _array(held["managers_order"])]
    moment = {name: patch[name] for name in ("seq", "as_of", "last_delivery_at")}
    return {**moment, **{name: held[name] for name in _PLAIN}, "at_risk": at_risk}


def _parts(snapshot: Snapshot) -> dict[str, object]:
    """As `parts`, of structures: comparing those is much cheaper than making JSON of them."""
    risk = snapshot.at_risk
    found: dict[str, object] = {name: getattr(snapshot, name) for name in _PLAIN}
    found["at_risk"] = {
        "clients": risk.clients,
        "amount": risk.amount,
        "tasks": risk.tasks,
        "no_next_step": risk.no_next_step,
        "saved_today": risk.saved_today,
    }
    found["order"] = [client.client_id for client in risk.list]
    found["managers_order"] = [manager.manager_id for manager in risk.managers]
    found.update((f"{_CLIENT}{client.client_id}", client) for client in risk.list)
    found.update((f"{_MANAGER}{manager.manager_id or ''}", manager) for manager in risk.managers)
    return found


def _parts_of_json(snapshot: dict[str, Json]) -> dict[str, Json]:
    at_risk = dict(_object(snapshot["at_risk"]))
    clients = {str(_object(row)["client_id"]): row for row in _array(at_risk.pop("list"))}
    managers = {_object(row)["manager_id"]: row for row in _array(at_risk.pop("managers"))}
    return {
        **{name: snapshot[name] for name in _PLAIN},
        "at_risk": at_risk,
        **dict(zip(_ORDERS, (list(clients), list(managers)), strict=True)),
        **{f"{_CLIENT}{name}": row for name, row in clients.items()},
        **{f"{_MANAGER}{name or ''}": row for name, row in managers.items()},
    }


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise TypeError("a JSON object is needed here")
    return value


def _array(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError("a JSON array is needed here")
    return value
