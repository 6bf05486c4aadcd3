"""The webhooks of a Bitrix24 portal about an event: a name, an id, and the sender.

Source: bitrix24/b24restdocs: events/index.md, crm/deals/events, crm/leads/events, tasks/events-tasks,
crm/timeline/activities/events, and a delivery that was captured in 2026.
"""

from __future__ import annotations

from typing import Final

from service.demo.crms.bitrix24.records import Renderer
from service.demo.crms.php import Node
from service.demo.office import Client, Deal, Event, Task

EVENTS: Final = tuple(
    f"{prefix}{action}"
    for prefix in ("ONCRMDEAL", "ONCRMLEAD", "ONCRMCONTACT", "ONCRMCOMPANY", "ONCRMACTIVITY", "ONTASK")
    for action in ("ADD", "UPDATE", "DELETE")
)
"""The events to subscribe to, of those that this office has."""


def notices(renderer: Renderer, event: Event) -> list[tuple[str, Node]]:
    """The names and the data of the webhooks about an event; names are spelt as in the documents."""
    gone, new = event.kind == "deleted", event.kind == "added"
    action = "Delete" if gone else "Add" if new else "Update"
    match event.after:
        case Deal() as deal:
            assert event.kind != "restored", "a deal that leaves the portal's bin has another id"
            record = "LEAD" if renderer.is_lead(deal) else "DEAL"
            return [(f"ONCRM{record}{action.upper()}", _fields(deal.id))]
        case Client() as client:
            entity = "COMPANY" if client.company else "CONTACT"
            return [(f"ONCRM{entity}{action.upper()}", _fields(client.id))]
        case Task() as task:
            activity = (f"onCrmActivity{action}", _fields(renderer.activity_id(task)))
            if renderer.is_todo(task):
                return [activity]
            of_task: tuple[str, Node] = (f"ONTASK{action.upper()}", _sides(task.id, gone, new))
            return [of_task, activity] if renderer.bindings(task) else [of_task]


def sender(domain: str, application_token: str) -> Node:
    """The block `auth`, by which a portal proves itself."""
    return {
        "domain": domain,
        "client_endpoint": f"https://{domain}/rest/",
        "server_endpoint": "https://oauth.bitrix.info/rest/",
        "member_id": "d897063e1ce7c5eb9f04b9751eef5915",
        "application_token": application_token,
    }


def _fields(id: int) -> Node:
    return {"FIELDS": {"ID": str(id)}}


def _sides(id: int, gone: bool, new: bool) -> Node:
    """A task before and after a change; a missing side is the word `undefined`."""
    side: Node = {"ID": str(id)}
    return {
        "FIELDS_BEFORE": "undefined" if new else side,
        "FIELDS_AFTER": "undefined" if gone else side,
        "IS_ACCESSIBLE_BEFORE": "N" if new else "undefined",
        "IS_ACCESSIBLE_AFTER": "N" if gone else "undefined",
    }
