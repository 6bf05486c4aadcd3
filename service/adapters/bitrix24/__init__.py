"""Bitrix24: its webhooks and its API."""

from service.adapters.bitrix24.adapter import ADAPTER as ADAPTER
