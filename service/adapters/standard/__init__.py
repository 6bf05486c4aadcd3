"""Standard Webhooks: its webhooks and its API."""

from service.adapters.standard.adapter import ADAPTER as ADAPTER
