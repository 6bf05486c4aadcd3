"""The `bitrix24` CRM kind: Bitrix24's outgoing webhooks, form bodies that say what happened to which object
and nothing else (`event=ONCRMDEALUPDATE&data[FIELDS][ID]=42`).

What the object is now must be asked for: every event but a deletion is a `Need` and no change. They are not
signed: each carries the token that Bitrix24 showed when the webhook was made (SPEC section 6).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.adapters.bitrix24.api import Bitrix24Api
from service.adapters.bitrix24.options import Bitrix24Options
from service.adapters.bitrix24.values import ACTIVITY
from service.adapters.fields import digest
from service.adapters.forms import Form, FormError, Node, parse_form
from service.adapters.protocol import Adapter, NotAuthentic, is_secret
from service.config import Account
from service.model import Change, Decoded, Entity, Need, Rejection, Request

_ID: Final = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class _Event:
    """What an event is about.

    Args:
        paths: Where the object's id may stand below `data`; the first that holds one counts.
        prefix: What the board's id has before the vendor's.
    """

    entity: Entity
    paths: tuple[tuple[str, str], ...]
    prefix: str = ""
    deleted: bool = False


_CRM: Final = (("FIELDS", "ID"),)
_TASK: Final = (("FIELDS_AFTER", "ID"), ("FIELDS_BEFORE", "ID"))
"""The side that there is not comes as the text `undefined`."""
_COMMENT: Final = (("FIELDS_AFTER", "TASK_ID"), ("FIELDS_BEFORE", "TASK_ID"))
"""Its own `ID` is the comment's, and 0 where tasks have chats."""

_EVENTS: Final[Mapping[str, _Event]] = {
    "ONCRMDEALADD": _Event("deal", _CRM),
    "ONCRMDEALUPDATE": _Event("deal", _CRM),
    "ONCRMDEALDELETE": _Event("deal", _CRM, deleted=True),
    "ONCRMACTIVITYADD": _Event("task", _CRM, ACTIVITY),
    "ONCRMACTIVITYUPDATE": _Event("task", _CRM, ACTIVITY),
    "ONCRMACTIVITYDELETE": _Event("task", _CRM, ACTIVITY, deleted=True),
    "ONTASKADD": _Event("task", _TASK),
    "ONTASKUPDATE": _Event("task", _TASK),
    "ONTASKDELETE": _Event("task", _TASK, deleted=True),
    "ONTASKCOMMENTADD": _Event("task", _COMMENT),
    "ONTASKCOMMENTUPDATE": _Event("task", _COMMENT),
    "ONTASKCOMMENTDELETE": _Event("task", _COMMENT),
}
"""By the event's name in capitals: the vendor's documents print it in mixed case, its servers send both."""


class Bitrix24Adapter(Adapter):
    """Bitrix24, forms."""

    kind = "bitrix24"
    content_types = frozenset({"application/x-www-form-urlencoded"})
    options = Bitrix24Options
    api = Bitrix24Api()

    def authenticate(self, request: Request, account: Account) -> None:
        """See `Adapter`: `auth[application_token]` is a secret, and `auth[domain]` is the configured domain
        where one is configured. The time of sending proves nothing, for nothing protects it."""
        sender = _sender(request.body)
        if not is_secret(_text(sender, "application_token"), account.webhook_secrets):
            raise NotAuthentic("token")
        domain = Bitrix24Options.of(account).domain
        if domain is not None and _text(sender, "domain").casefold() != domain.casefold():
            raise NotAuthentic("account")

    def steps(self, account: Account, address: str) -> Sequence[str]:
        """See `Adapter`. The vendor makes the secret. Comments are left out: they change nothing here."""
        del account
        return [
            "In Bitrix24, as an administrator: Разработчикам → Другое → Исходящий вебхук.",
            f"URL вашего обработчика: {address}",
            f"Событие, each of these: {', '.join(name for name in _EVENTS if 'COMMENT' not in name)}.",
            "Токен приложения, which is shown there, is the webhook_secret of the configuration.",
        ]

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Adapter`. A deletion is dated by its arrival: `ts` is when the event was sent, not when it
        happened."""
        del account
        try:
            form = parse_form(request.body)
        except FormError as error:
            return Decoded(digest(request.body), (), (Rejection(0, str(error)),))
        name = _text(form, "event")
        if not name:
            said = "the body names no event, such as event=ONCRMDEALUPDATE"
            return Decoded(digest(request.body), (), (Rejection(0, said),))
        event = _EVENTS.get(name.upper())
        if event is None:
            return Decoded(digest(request.body))
        object_id = _object_id(form, event)
        if not object_id:
            where = " or ".join(f"data[{side}][{field}]" for side, field in event.paths)
            said = f"{name.upper()}: {where} is missing or is not a number"
            return Decoded(digest(request.body), (), (Rejection(0, said),))
        entity_id = event.prefix + object_id
        if event.deleted:
            change = Change(event.entity, entity_id, request.received_at, deleted=True)
            return Decoded(_delivery_key(form, object_id), (change,))
        key = _delivery_key(form, object_id, str(request.received_at))
        return Decoded(key, needs=(Need(event.entity, entity_id),))


def _delivery_key(form: Form, object_id: str, occasion: str = "") -> str:
    """What makes the delivery unique: portal, event, object, second of sending, and webhook.

    The vendor gives a delivery no id, and sends none twice; but of an object that changes several times in a
    second it tells as often, in equal bodies. To take a repeat for news asks for the object once more; to
    take news for a repeat would lose it. So the occasion belongs to the key, but for a deletion: it is final.
    """
    portal = _text(form.get("auth"), "member_id")
    parts = (
        portal,
        _text(form, "event").upper(),
        object_id,
        _text(form, "ts"),
        _text(form, "event_handler_id"),
    )
    return digest("\0".join(parts).encode("utf-8", "replace"), occasion)


def _object_id(form: Form, event: _Event) -> str:
    """The id of what the event is about; empty when the body has none."""
    data = form.get("data")
    for side, field in event.paths:
        found = _text(data.get(side), field) if isinstance(data, dict) else ""
        if _ID.fullmatch(found):
            return found
    return ""


def _sender(body: bytes) -> Node:
    """The `auth` block. Only its fields are parsed: this is done for every request, before it is decoded."""
    try:
        form = parse_form(b"&".join(field for field in body.split(b"&") if field.startswith(b"auth")))
    except FormError:
        return {}
    return form.get("auth", {})


def _text(node: Node | None, name: str) -> str:
    """The text under a name; empty when there is none."""
    value = node.get(name) if isinstance(node, dict) else None
    return value if isinstance(value, str) else ""


ADAPTER: Final[Adapter] = Bitrix24Adapter()
