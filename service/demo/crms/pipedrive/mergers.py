"""Mergers in the simulated Pipedrive.

Sources: Pipedrive's pages "Merging two deals" and "Merging two persons", its tutorial on organizations, and
its guide for webhooks v2: the one record is removed, what is related to it is transferred to the other, and
two webhooks tell of it. The documents do not say that the `update_time` of what is transferred moves, nor
that a webhook tells of it; so here neither does.
"""

from __future__ import annotations

import json
from dataclasses import replace

from service.demo.crms.crm import Webhook
from service.demo.crms.pipedrive.crm import Pipedrive
from service.demo.crms.pipedrive.webhooks import packed
from service.demo.office import Client, Deal, Event, Office


def merge(vendor: Pipedrive, kept: Deal | Client, merged: Deal | Client) -> list[Webhook]:
    """Merge a deal or a client into another one; returns the webhooks about the deletion and the change."""
    gone, changed = (
        _deals(vendor.office, kept, merged.id)
        if isinstance(kept, Deal)
        else _clients(vendor.office, kept, merged.id)
    )
    return [
        *(_with_meta(webhook, merged_to_id=str(kept.id)) for webhook in vendor.webhooks(gone)),
        *(_with_meta(webhook, merged_from_id=str(merged.id)) for webhook in vendor.webhooks(changed)),
    ]


def _deals(office: Office, kept: Deal, merged: int) -> tuple[Event, Event]:
    for task in list(office.tasks.values()):
        if task.deal_id == merged:
            office.tasks[task.id] = replace(task, deal_id=kept.id)
    return office.delete_deal(merged), office.edit_deal(kept.id, name=kept.name)


def _clients(office: Office, kept: Client, merged: int) -> tuple[Event, Event]:
    for deal in list(office.deals.values()):
        if deal.client_id == merged:
            office.deals[deal.id] = replace(deal, client_id=kept.id)
    for task in list(office.tasks.values()):
        if task.client_id == merged:
            office.tasks[task.id] = replace(task, client_id=kept.id)
    changed, last = office.rename_client(kept.id, kept.name), office.clients.pop(merged)
    return replace(changed, kind="deleted", before=last, after=last), changed


def _with_meta(webhook: Webhook, **meta: str) -> Webhook:
    body = json.loads(webhook.body)
    body["meta"] |= meta
    return replace(webhook, body=packed(body))
