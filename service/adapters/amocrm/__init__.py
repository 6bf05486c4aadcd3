"""amoCRM: its webhooks and its API."""

from service.adapters.amocrm.adapter import ADAPTER as ADAPTER
