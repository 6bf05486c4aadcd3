"""HubSpot: its webhooks and its API."""

from service.adapters.hubspot.adapter import ADAPTER as ADAPTER
