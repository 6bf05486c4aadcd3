"""The `pipedrive` CRM kind: webhooks v2 (`{meta, data, previous}`) and v1 (`{meta, current, previous}`).

Sources: pipedrive.readme.io/docs/guide-for-webhooks-v2 and guide-for-webhooks. Webhooks are not signed:
Pipedrive only offers HTTP Basic (SPEC section 6). `items` reads the object in a webhook.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Final

from service.adapters.fields import digest, refuse_future
from service.adapters.parsed import Parsed, rejected
from service.adapters.pipedrive.api import PipedriveApi
from service.adapters.pipedrive.items import ENTITIES, Item, deletion, id_of, merger, origin_of, parse_item
from service.adapters.pipedrive.options import PipedriveOptions
from service.adapters.pipedrive.values import Node, Object, moment, parse
from service.adapters.protocol import Adapter, NotAuthentic, check_chosen, chosen_secret, is_secret
from service.config import Account, Language
from service.model import ID_LENGTH, Decoded, Head, Instant, Request

_CHANGES: Final = frozenset({"create", "change", "added", "updated", "merged"})
_DELETIONS: Final = frozenset({"delete", "deleted"})
_HOST = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.pipedrive\.com")
_OF_THE_ATTEMPT = re.compile(rb'"(?:attempt|retry|webhook_id|webhook_owner_id)"\s*:\s*"?[0-9]+"?')
"""What differs between the attempts of one webhook, and between two webhooks about one event."""


class PipedriveAdapter(Adapter):
    """Pipedrive, JSON."""

    kind = "pipedrive"
    content_types = frozenset({"application/json"})
    options = PipedriveOptions
    api = PipedriveApi()

    def steps(self, account: Account, language: Language) -> Sequence[str]:
        """See `Adapter`."""
        return [step.format(entities=", ".join(ENTITIES)) for step in _STEPS[language]]

    def admit(self, head: Head, account: Account, now: Instant) -> bool:
        """See `Adapter`: HTTP Basic's `user:password` is a secret."""
        scheme, _, credentials = head.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            raise NotAuthentic("headers")
        try:
            given = base64.b64decode(credentials.strip(" "), validate=True)
        except (binascii.Error, ValueError):
            raise NotAuthentic("headers") from None
        if not is_secret(given, account.webhook_secrets):
            raise NotAuthentic("token")
        return True

    def authenticate(self, request: Request, account: Account) -> None:
        """See `Adapter`: `meta.company_id` is the configured account too, if there is one. A body that says
        nothing names no other company: `decode` rejects it."""
        self.admit(request, account, request.received_at)
        company = PipedriveOptions.of(account).account
        if company is not None and company != _sender(request.json, company):
            raise NotAuthentic("account")

    def check_secret(self, secret: str) -> None:
        """See `Adapter`."""
        if not all(secret.partition(":")):
            raise ValueError("expected user:password, as HTTP Basic sends them")
        try:
            check_chosen(secret.partition(":")[2])
        except ValueError as error:
            raise ValueError(f"the password: {error}") from None

    def secret_of(self, chance: bytes) -> str:
        """See `Adapter`."""
        return f"lossboard:{chosen_secret(chance)}"

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Adapter`. A body is about one object."""
        content = digest(_OF_THE_ATTEMPT.sub(b"", request.body))
        event_id: str | None = None
        try:
            body = parse(request.json)
            event_id = _event_id(body)
            parsed = _parse(body, request.received_at, account)
        except ValueError as error:
            parsed = rejected(error)
        return parsed.decoded(event_id or content, content if event_id else "")


_STEPS: Final[Mapping[Language, Sequence[str]]] = {
    "ru": (
        "В Pipedrive под администратором: Settings → Tools and apps → Webhooks → Create new webhook.",
        "По вебхуку на каждый Event object: {entities}. Event action: *. Version: 2.",
        "Endpoint: адрес.",
        "HTTP auth username и password: webhook_secret до двоеточия и после него.",
        "User permission level: администратор, ведь вебхук сообщает только то, что видит этот пользователь.",
    ),
    "en": (
        "In Pipedrive, as an administrator: Settings → Tools and apps → Webhooks → Create new webhook.",
        "One for each event object: {entities}. Event action: *. Version: 2.",
        "Endpoint: the address.",
        "HTTP auth username and password: the webhook_secret, before its colon and after it.",
        "User permission level: an administrator, because a webhook only reports what that user may see.",
    ),
}


def _sender(document: bytes, company: str) -> str | None:
    """The company that a body names as its sender; the given one for a body that cannot be read at all."""
    try:
        meta = _meta(parse(document))
    except ValueError:
        return company
    return str(meta.get("company_id"))


def _meta(body: Object) -> Object:
    """Raises `ValueError` for a body that is no webhook."""
    meta = body.get("meta")
    if not isinstance(meta, dict):
        raise ValueError("the body is no webhook of Pipedrive: it has no meta")
    return meta


def _event_id(body: Object) -> str | None:
    """The id of a v2 event, which its retries repeat; None without one that fits a key. In v1 `meta.id` is
    the object's id."""
    meta = body.get("meta")
    event_id = meta.get("id") if isinstance(meta, dict) and "entity" in meta else None
    if isinstance(event_id, str) and 0 < len(event_id) <= ID_LENGTH and event_id.isascii():
        return event_id if event_id.isprintable() else None
    return None


def _parse(body: Object, received_at: Instant, account: Account) -> Parsed:
    """The changes and needs in an event. Raises `ValueError` for one that cannot be used."""
    meta = _meta(body)
    kind, action = meta.get("entity", meta.get("object")), meta.get("action")
    if not isinstance(kind, str) or not isinstance(action, str):
        raise ValueError("meta does not say what happened: it has no entity, or no action")
    if kind in ENTITIES and action in _DELETIONS:
        return _deleted(kind, meta, body, received_at)
    if kind in ENTITIES and action in _CHANGES:
        return _changed(kind, meta, body, account, received_at)
    return Parsed()


def _deleted(kind: str, meta: Object, body: Object, received_at: Instant) -> Parsed:
    item_id = _id(kind, meta, _object(body.get("previous")))
    version = refuse_future(_happened_at(meta, {}, received_at), received_at)
    kept = id_of(kind, meta.get("merged_to_id"))
    return deletion(kind, item_id, version) if kept is None else merger(kind, item_id, kept, version)


def _changed(kind: str, meta: Object, body: Object, account: Account, received_at: Instant) -> Parsed:
    sent = _object(body.get("data", body.get("current")))
    if sent is None:
        raise ValueError(f"{kind}: the body does not hold its state, in data or current")
    item_id = _id(kind, meta, sent)
    version = refuse_future(_happened_at(meta, sent, received_at), received_at)
    parsed = parse_item(Item(kind, item_id, sent, version, account, _origin(account, meta)))
    merged = id_of(kind, meta.get("merged_from_id"))
    return parsed if merged is None else parsed + merger(kind, merged, item_id, version)


def _happened_at(meta: Object, sent: Object, received_at: Instant) -> Instant:
    """When the event happened, as exactly as the vendor says: `meta.timestamp` has milliseconds in v2, and
    `timestamp_micro` microseconds in v1, while `update_time` has whole seconds."""
    times = (
        meta.get("timestamp_micro"),
        meta.get("timestamp"),
        sent.get("update_time"),
        sent.get("add_time"),
    )
    return next((instant for time in times if (instant := moment(time)) is not None), received_at)


def _id(kind: str, meta: Object, sent: Object | None) -> str:
    """The object's id. Raises `ValueError` if neither the object nor `meta` has one."""
    key = "entity_id" if "entity" in meta else "id"  # in v2 `meta.id` is the event's id
    item_id = (id_of(kind, sent.get("id")) if sent else None) or id_of(kind, meta.get(key))
    if item_id is None:
        raise ValueError(f"{kind}: the id is missing or is not a number")
    return item_id


def _object(value: Node) -> Object | None:
    """An object. v1 wraps a user in an array."""
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else None


def _origin(account: Account, meta: Object) -> str | None:
    """The origin of the account's pages: that of its API, else `meta.host`, if that belongs to Pipedrive."""
    if (origin := origin_of(account)) is not None:
        return origin
    host = meta.get("host")
    return f"https://{host}" if isinstance(host, str) and _HOST.fullmatch(host) else None


ADAPTER: Final[Adapter] = PipedriveAdapter()
