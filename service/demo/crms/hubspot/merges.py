"""Merged records: what HubSpot keeps of two deals or two clients.

Sources: HubSpot's changelog "Updated merge functionality for contacts and companies" (a merge makes a new
record, with the links of both; the old ids lead to it) and "New subscription types for webhooks" (the event).
A record that was merged is not archived. The new record lists the old ones in `hs_merged_object_ids`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from service.demo.crms.hubspot.records import DEALS, PORTAL, AnyType, Json, type_of
from service.demo.office import Client, Deal, Office

PROPERTY: Final = "hs_merged_object_ids"


@dataclass
class Merges:
    """The merges of an office.

    Args:
        successors: By type and id, the record into which one was merged.
    """

    office: Office
    successors: dict[tuple[str, int], int] = field(default_factory=dict)

    def merge(self, primary: Deal | Client, other: Deal | Client) -> Json:
        """Merge two open deals, or two clients of one type; returns the fields of the event that tells it."""
        office, kind = self.office, type_of(primary)
        if isinstance(primary, Deal):
            made = office.add_deal(
                primary.name, primary.amount, primary.client_id, primary.manager_id, primary.pipeline_id
            ).id
            records: dict[int, Any] = office.deals
        else:
            made = office.add_client(primary.name, primary.company).id
            records = office.clients
        for old in (primary.id, other.id):
            self.successors[kind.plural, old] = made
            del records[old]
            self._relink(kind, old, made)
        return {
            "objectId": made,
            "primaryObjectId": primary.id,
            "mergedObjectIds": [other.id],
            "newObjectId": made,
            "numberOfPropertiesMoved": 3,
        }

    def current(self, kind: AnyType, id: str) -> str:
        """The id of the record to which an id leads."""
        while (successor := self.successors.get((kind.plural, int(id)))) is not None:
            id = str(successor)
        return id

    def as_json(self, kind: AnyType, record: Any, names: list[str]) -> Json:
        """A record as the API answers it, with these properties, or with the default ones."""
        answer = kind.as_json(record, names, PORTAL)
        if PROPERTY not in names:
            return answer
        ids = [old for plural, old in self.successors if plural == kind.plural]
        merged = ";".join(str(old) for old in ids if self.current(kind, str(old)) == str(record.id))
        return {**answer, "properties": {**cast("Json", answer["properties"]), PROPERTY: merged or None}}

    def _relink(self, kind: AnyType, old: int, made: int) -> None:
        link = "deal_id" if kind is DEALS else "client_id"
        of_links: tuple[dict[int, Any], ...] = (self.office.deals, self.office.tasks)
        for records in of_links:
            for record in list(records.values()):
                if getattr(record, link, None) == old:
                    records[record.id] = replace(record, **{link: made})
