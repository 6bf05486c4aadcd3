"""What a client must do with a JSON patch: the reference, written from SPEC section 5 alone."""

from __future__ import annotations

from typing import Any, Final

_MOMENT: Final = ("seq", "as_of", "last_delivery_at")
_ROW_LISTS: Final = (
    ("list", "clients/", "client_id", "order"),
    ("managers", "managers/", "manager_id", "managers_order"),
)


def apply_patch(snapshot: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A snapshot's decoded JSON after a patch. A patch may come twice, after a reconnection."""
    moment = {name: patch[name] for name in _MOMENT}
    fields = snapshot | {name: part for name, part in patch["set"].items() if "/" not in name} | moment
    fields["at_risk"] = dict(fields["at_risk"])
    orders = {**patch["set"], **({"order": patch["order"]} if "order" in patch else {})}
    for field, prefix, id_field, order in _ROW_LISTS:
        by_id = {row[id_field]: row for row in snapshot["at_risk"][field]}
        ids = orders.get(order, list(by_id))
        rows = ((row_id, f"{prefix}{row_id or ''}") for row_id in ids)
        fields["at_risk"][field] = [patch["set"].get(part, by_id.get(row_id)) for row_id, part in rows]
        fields.pop(order, None)
    return fields
