"""Pipedrive: its webhooks and its API."""

from service.adapters.pipedrive.adapter import ADAPTER as ADAPTER
