"""A CRM's captured bodies, and a plain reading of amoCRM's that shares no code with the adapter.

`LOSSBOARD_CAPTURES` names a folder of captured bodies, which are not ours to hand on. Without it, samples of
the same form are read, which were written for the tests.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from service.model import SECOND, Change, Instant, Value

SAMPLES: Final = Path(__file__).parent / "samples"
_ITEM: Final = re.compile(r"(leads|task)\[(\w+)\]\[0\]\[")


def bodies(crm: str = "amocrm") -> dict[str, bytes]:
    """Each body by its file's name."""
    named = os.environ.get("LOSSBOARD_CAPTURES")
    folder = SAMPLES.parents[1] / crm / "samples"
    if named:
        folder = Path(named) / crm if (Path(named) / crm).is_dir() else Path(named)
    by_name = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.txt"))}
    assert by_name, f"no body is in {folder}"
    return by_name


@dataclass(frozen=True)
class Plain:
    """A body's pairs, and where its first lead or task begins."""

    pairs: dict[str, str]
    entity: str
    action: str

    def get(self, name: str) -> str | None:
        """A field of the item."""
        return self.pairs.get(f"{self.entity}[{self.action}][0][{name}]")


def plain(body: bytes) -> Plain | None:
    """The body, if it is about one lead or one task."""
    pairs = dict(parse_qsl(body.decode(), keep_blank_values=True))
    items = {match.groups() for key in pairs if (match := _ITEM.match(key))}
    second = any(re.match(r"(leads|task)\[\w+\]\[1\]", key) for key in pairs)
    if len(items) != 1 or second:
        return None
    entity, action = next(iter(items))
    return Plain(pairs, entity, action)


def version(item: Plain, received_at: Instant) -> Instant:
    """When it happened: as the vendor says, else when it was received."""
    if item.action in ("delete", "restore"):
        return received_at
    for name in ("updated_at", "last_modified"):
        given = item.get(name)
        if given is not None and given.isdigit():
            return Instant(int(given) * SECOND)
    return received_at


def expected(item: Plain, received_at: Instant) -> Change:
    """The change about the lead or task itself; `url` and the loss reason are left to the samples' golden
    test."""
    entity = "deal" if item.entity == "leads" else "task"
    entity_id = item.get("id")
    assert entity_id is not None
    moment = version(item, received_at)
    if item.action == "delete":
        return Change("deal" if entity == "deal" else "task", entity_id, moment, deleted=True)
    if entity == "deal":
        return Change("deal", entity_id, moment, _lead(item))
    return Change("task", entity_id, moment, _task(item))


def _lead(item: Plain) -> dict[str, Value]:
    fields: dict[str, Value] = {"known": True}
    name, status, price = item.get("name"), item.get("status_id"), item.get("price")
    if name is not None:
        fields["name"] = name.strip() or None
    if status is not None:
        fields["status"] = {"142": "won", "143": "lost"}.get(status, "open")
    if price is not None and re.fullmatch(r"\d*(\.\d{1,2})?", price):
        fields["amount"] = round(float(price or "0") * 100)
    for field, sent in (("manager_id", "responsible_user_id"), ("pipeline_id", "pipeline_id")):
        value = item.get(sent)
        if value is not None and value.isdigit():
            fields[field] = None if value == "0" else value
    return fields


def _task(item: Plain) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    text, status, manager = item.get("text"), item.get("status"), item.get("responsible_user_id")
    due, kind, element = item.get("complete_before"), item.get("element_type"), item.get("element_id")
    if text is not None:
        fields["text"] = text.strip() or None
    if status is not None:
        fields |= {"completed": True} if status == "1" else {"completed": False, "completed_at": None}
    if manager is not None:
        fields["manager_id"] = manager
    if due is not None:
        fields["due_at"] = int(due) * SECOND
    if kind is not None and element is not None:
        linked = None if element in ("", "0") else element
        fields["deal_id"] = linked if kind == "2" else None
        fields["client_id"] = linked if kind in ("1", "3") else None
    return fields
