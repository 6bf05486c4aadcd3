"""The values in an amoCRM webhook. Pure.

All are strings, and some are malformed, even in the vendor's own examples (`date_create=17265663a90`). Each
function returns UNSET or None for what it cannot read, and raises nothing.
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Final
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType

from service.adapters.fields import phone_number
from service.adapters.forms import Form, Node
from service.calendar import is_plausible
from service.config import Api
from service.model import SECOND, Instant, Status, Value
from service.reasons import reason_key

WON: Final = "142"
LOST: Final = "143"
"""Stages that every pipeline has, with these ids (LOST_STATUS_ID, WON_STATUS_ID in the vendor's PHP
library)."""

NONE: Final = frozenset({"", "0"})
"""What the vendor writes for "none" where an id or a time is expected."""

PHONE: Final = "PHONE"
"""The code of the field of telephones, which every account has."""

_ID = re.compile(r"[0-9]{1,20}")
_SECONDS = re.compile(r"[0-9]{9,10}")
_NAIVE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_SUBDOMAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_OWN_DOMAINS: Final = (".amocrm.ru", ".amocrm.com", ".kommo.com")


def linked_id(value: Node | None) -> str | None | UnsetType:
    """An id; None for the vendor's "none"."""
    if not isinstance(value, str):
        return UNSET
    if value in NONE:
        return None
    return value if _ID.fullmatch(value) else UNSET


def moment(value: Node | None, zone: tzinfo) -> Instant | None:
    """A moment from unix seconds, or from a naive time in `zone`; None unless it is plausible."""
    if not isinstance(value, str):
        return None
    if _SECONDS.fullmatch(value):
        instant = Instant(int(value) * SECOND)
    elif _NAIVE_TIME.fullmatch(value):
        try:
            naive = datetime.fromisoformat(value)
            instant = Instant(int(naive.replace(tzinfo=zone).timestamp()) * SECOND)
        except (ValueError, OverflowError):
            return None
    else:
        return None
    return instant if is_plausible(instant) else None


def stage_status(value: Node | None) -> Status | None:
    """The status of a lead in a stage, `status_id`; None for what is no stage."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        return None
    return "won" if value == WON else "lost" if value == LOST else "open"


def completion(completed: bool) -> dict[str, Value]:
    """A task's fields. One that is open has no completion time, so that an earlier one does not stay."""
    return {"completed": True} if completed else {"completed": False, "completed_at": None}


def custom_value(custom_fields: Node | None, wanted: str | None) -> str | None:
    """The value of the custom field with that name or id; empty if the field was sent without a value, None
    if the field was not sent."""
    if wanted is None or not isinstance(custom_fields, dict):
        return None
    wanted_key = reason_key(wanted)
    for custom_field in custom_fields.values():
        if not isinstance(custom_field, dict):
            continue
        name = custom_field.get("name")
        if custom_field.get("id") == wanted or (isinstance(name, str) and reason_key(name) == wanted_key):
            return _first_value(custom_field.get("values"))
    return None


def _first_value(values: Node | None) -> str:
    """The first value, in any of the forms seen: `values[0][value]`, `values[0]`, `values[value]`."""
    if not isinstance(values, dict):
        return values or ""
    for value in (values, *values.values()):
        text = value.get("value") if isinstance(value, dict) else value
        if isinstance(text, str) and text:
            return text
    return ""


def phone(custom_fields: Node | None) -> str | None | UnsetType:
    """The first number in the field of telephones; UNSET if the field was not sent."""
    for custom_field in custom_fields.values() if isinstance(custom_fields, dict) else ():
        if isinstance(custom_field, dict) and custom_field.get("code") == PHONE:
            values = custom_field.get("values")
            parts = values.values() if isinstance(values, dict) else (values,)
            return phone_number(*(part.get("value") if isinstance(part, dict) else part for part in parts))
    return UNSET


def origin_of(form: Form, api: Api | None) -> str | None:
    """The origin of the account's pages: the configured address; else `account[_links][self]`, if its domain
    is the vendor's; else by the subdomain."""
    if api is not None and api.url:
        return api.url
    account = form.get("account")
    if not isinstance(account, dict):
        return None
    links = account.get("_links")
    own = links.get("self") if isinstance(links, dict) else None
    if isinstance(own, str) and (host := _own_host(own)):
        return f"https://{host}"
    subdomain = account.get("subdomain")
    if isinstance(subdomain, str) and _SUBDOMAIN.fullmatch(subdomain):
        return f"https://{subdomain}.amocrm.ru"
    return None


def _own_host(address: str) -> str | None:
    """The address's host, if it is directly below one of the vendor's domains."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return None
    subdomain, dot, domain = host.partition(".")
    return host if _SUBDOMAIN.fullmatch(subdomain) and dot + domain in _OWN_DOMAINS else None
