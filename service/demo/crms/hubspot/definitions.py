"""What HubSpot's settings define: pipelines, owners, and the property that holds the loss reason.

Sources: HubSpot's guides to pipelines, owners and properties. A pipeline's stages have ids of their own;
which of them is lost is in their metadata only. A choice has an internal value and a label.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from service.demo.crms.hubspot.records import STAGES, Json, choice_of, name_parts

_LONG_AGO: Final = {
    "createdAt": "2024-01-09T08:00:00.123Z",
    "updatedAt": "2024-01-09T08:00:00.123Z",
    "archived": False,
}


def pipeline_json(pipeline_id: int, label: str, order: int) -> Json:
    """A pipeline and its stages. From the second pipeline on, the open stage has a probability of 0, too."""
    probability = {"open": "0.2" if order == 0 else "0.0", "won": "1.0", "lost": "0.0"}
    stages = [
        {
            "label": name,
            "displayOrder": number,
            "metadata": {"isClosed": str(status != "open").lower(), "probability": probability[status]},
            "id": f"{pipeline_id}{suffix}",
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            **_LONG_AGO,
        }
        for number, (status, suffix, name) in enumerate(STAGES)
    ]
    return {"label": label, "displayOrder": order, "id": str(pipeline_id), "stages": stages, **_LONG_AGO}


def owner_json(id: int, name: str) -> Json:
    """An owner. Its id differs from its user's."""
    first, last = name_parts(name)
    owner: Json = {"id": str(id), "email": f"m{id}@office.example", "type": "PERSON", **_LONG_AGO}
    user = 90_000_000 + id
    return {
        **owner,
        "firstName": first,
        "lastName": last or "",
        "userId": user,
        "userIdIncludingInactive": user,
    }


def property_json(name: str, reasons: Iterable[str]) -> Json | None:
    """The definition of a property of deals that holds the loss reason: of a text, or of checkboxes; None for
    any other name."""
    common: Json = {"name": name, "groupName": "dealinformation", "formField": False, "hasUniqueValue": False}
    if name == "closed_lost_reason":
        text: Json = {"label": "Closed Lost Reason", "type": "string", "fieldType": "textarea"}
        return {**common, **text, "hubspotDefined": True, "options": []}
    if name != "lost_reason":
        return None
    options = [
        {"label": reason, "value": choice_of(reason), "displayOrder": number, "hidden": False}
        for number, reason in enumerate(reasons)
    ]
    choice: Json = {"label": "Причина отказа", "type": "enumeration", "fieldType": "checkbox"}
    return {**common, **choice, "options": options}
