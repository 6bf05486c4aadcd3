"""The `bitrix24` CRM kind: Bitrix24's outgoing webhooks. Each is a form that names an event and an object,
and nothing else (`event=ONCRMDEALUPDATE&data[FIELDS][ID]=42`).

The API must be asked for the object itself, so every event except a deletion is a `Need` without a change.
Webhooks are not signed: each carries the token that Bitrix24 showed when the webhook was made (SPEC section
6).
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus

from service.adapters.bitrix24.api import Bitrix24Api
from service.adapters.bitrix24.options import Bitrix24Options
from service.adapters.bitrix24.values import ACTIVITY, COMPANY, CONTACT, LEAD
from service.adapters.cutting import CUT
from service.adapters.fields import digest
from service.adapters.forms import LONGEST_FIELD, Form, Node, parse_form, value_in
from service.adapters.parsed import rejected
from service.adapters.protocol import Adapter, NotAuthentic, is_secret
from service.config import Account, Language
from service.model import Change, Decoded, Entity, Head, Instant, Need, Request

_SECRET: Final = re.compile("auth|access_token|refresh|application_token|app_sid|member_id", re.IGNORECASE)
"""How the names of fields begin that prove who sends, or open the portal: the block `auth` of every event,
and what other requests of Bitrix24 have outside such a block."""

_NO_SECRETS: Final = frozenset(
    f"auth[{name}]"
    for name in ("client_endpoint", "domain", "expires_in", "scope", "server_endpoint", "status", "user_id")
)
"""The fields of `auth` that are kept. Whatever else it may have, now or later, is cut."""

_ID: Final = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class _Event:
    """A kind of event.

    Args:
        paths: Where the object's id can be below `data`; the first usable one counts.
        prefix: The prefix of the board's id.
    """

    entity: Entity
    paths: tuple[tuple[str, str], ...]
    prefix: str = ""
    deleted: bool = False


_CRM: Final = (("FIELDS", "ID"),)
_TASK: Final = (("FIELDS_AFTER", "ID"), ("FIELDS_BEFORE", "ID"))
"""The side that does not exist comes as the text `undefined`."""
_COMMENT: Final = (("FIELDS_AFTER", "TASK_ID"), ("FIELDS_BEFORE", "TASK_ID"))
"""`ID` itself is the comment's, or 0 where tasks have chats."""

_EVENTS: Final[Mapping[str, _Event]] = {
    "ONCRMDEALADD": _Event("deal", _CRM),
    "ONCRMDEALUPDATE": _Event("deal", _CRM),
    "ONCRMDEALDELETE": _Event("deal", _CRM, deleted=True),
    "ONCRMLEADADD": _Event("deal", _CRM, LEAD),
    "ONCRMLEADUPDATE": _Event("deal", _CRM, LEAD),
    "ONCRMLEADDELETE": _Event("deal", _CRM, LEAD, deleted=True),
    "ONCRMCONTACTDELETE": _Event("client", _CRM, CONTACT, deleted=True),
    "ONCRMCOMPANYDELETE": _Event("client", _CRM, COMPANY, deleted=True),
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
"""By the event's name in capitals. Bitrix24's documents write it in mixed case; its servers send both."""


class Bitrix24Adapter(Adapter):
    """Bitrix24, forms."""

    kind = "bitrix24"
    content_types = frozenset({"application/x-www-form-urlencoded"})
    options = Bitrix24Options
    api = Bitrix24Api()

    def check(self, account: Account) -> None:
        """See `Adapter`: a webhook has nothing but ids, so that without the API nothing would be shown."""
        if account.api is None:
            raise ValueError('crm = "bitrix24" needs [accounts.api]: its webhooks carry nothing but ids')

    def admit(self, head: Head, account: Account, now: Instant) -> bool:
        """See `Adapter`. Bitrix24 puts nothing into the head that could tell."""
        return False

    def authenticate(self, request: Request, account: Account) -> None:
        """See `Adapter`: `auth[application_token]` is a secret, and `auth[domain]` is the configured domain,
        if there is one. The time of sending proves nothing, because nothing protects it."""
        if not is_secret(value_in(request.body, "auth", "application_token"), account.webhook_secrets):
            raise NotAuthentic("token")
        domain = Bitrix24Options.of(account).domain
        if domain is not None and value_in(request.body, "auth", "domain").casefold() != domain.casefold():
            raise NotAuthentic("account")

    def steps(self, account: Account, language: Language) -> Sequence[str]:
        """See `Adapter`. Bitrix24 makes the secret. Comments are left out, because they change nothing
        here."""
        events = ", ".join(name for name in _EVENTS if "COMMENT" not in name)
        return [step.format(events=events) for step in _STEPS[language]]

    def without_secrets(self, body: bytes) -> bytes:
        """See `Adapter`. The tokens of a webhook's `auth` let everybody post events, and those of an
        application's open the portal's API."""
        return b"&".join(_without_secret(field) for field in body.removeprefix(BOM_UTF8).split(b"&"))

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Adapter`. A deletion is dated by its arrival: `ts` is when the event was sent, not when it
        happened."""
        try:
            form = parse_form(request.body)
            event = _event(form)
            object_id = _object_id(form, event) if event else ""
        except ValueError as error:
            return rejected(error).decoded(digest(request.body))
        if event is None:
            return Decoded(digest(request.body))
        entity_id = event.prefix + object_id
        if event.deleted:
            change = Change(event.entity, entity_id, request.received_at, deleted=True)
            return Decoded(_delivery_key(form, object_id), (change,))
        key = _delivery_key(form, object_id, str(request.received_at))
        return Decoded(key, needs=(Need(event.entity, entity_id),))


_STEPS: Final[Mapping[Language, Sequence[str]]] = {
    "ru": (
        "В Битрикс24 под администратором: Разработчикам → Другое → Исходящий вебхук.",
        "«URL вашего обработчика»: адрес.",
        "«Событие», каждое из этих: {events}.",
        "«Токен приложения», который там показан, впишите в настройки как webhook_secret.",
    ),
    "en": (
        "In Bitrix24, as an administrator: Разработчикам → Другое → Исходящий вебхук (an outbound webhook).",
        "URL вашего обработчика (handler): the address.",
        "Событие (event), each of these: {events}.",
        "Токен приложения, which is shown there, is the webhook_secret of the configuration.",
    ),
}


def _delivery_key(form: Form, object_id: str, occasion: str = "") -> str:
    """The delivery's key: portal, event, object, second of sending, and webhook.

    Bitrix24 gives a delivery no id and never repeats one, but it reports several changes of an object within
    one second in equal bodies. If a repeat counts as news, the object is asked for once more; if news counted
    as a repeat, it would be lost. So the key has the time received as its occasion. A deletion has none,
    because a second one says nothing new.
    """
    portal = _text(form.get("auth"), "member_id")
    event, sent_at, webhook = (_text(form, name) for name in ("event", "ts", "event_handler_id"))
    parts = (portal, event.upper(), object_id, sent_at, webhook)
    return digest("\0".join(parts).encode("utf-8", "replace"), occasion)


def _event(form: Form) -> _Event | None:
    """The kind of the event; None for one that the board ignores. Raises `ValueError` without an event."""
    name = _text(form, "event")
    if not name:
        raise ValueError("the body names no event, such as event=ONCRMDEALUPDATE")
    return _EVENTS.get(name.upper())


def _object_id(form: Form, event: _Event) -> str:
    """The id of the event's object. Raises `ValueError` if the body has none."""
    data = form.get("data")
    for side, field in event.paths:
        object_id = _text(data.get(side), field) if isinstance(data, dict) else ""
        if _ID.fullmatch(object_id):
            return object_id
    paths = " or ".join(f"data[{side}][{field}]" for side, field in event.paths)
    raise ValueError(f"{_text(form, 'event').upper()}: {paths} is missing or is not a number")


def _without_secret(field: bytes) -> bytes:
    """A field of a form, `name=value`, whose value is cut if it may be a secret."""
    name, separator, _ = field.partition(b"=")
    written = unquote_plus(name[:LONGEST_FIELD].decode("utf-8", "replace")).strip()
    if not _SECRET.match(written) or written in _NO_SECRETS:
        return field
    return name + separator + CUT if separator else CUT


def _text(node: Node | None, name: str) -> str:
    """The text under a name; empty if there is none."""
    value = node.get(name) if isinstance(node, dict) else None
    return value if isinstance(value, str) else ""


ADAPTER: Final[Adapter] = Bitrix24Adapter()
