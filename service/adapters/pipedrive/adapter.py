"""The `pipedrive` CRM kind: webhooks v2 (`{meta, data, previous}`), and v1 (`{meta, current, previous}`) as
far as it says the same.

Sources: pipedrive.readme.io/docs/guide-for-webhooks-v2 and guide-for-webhooks. They are not signed: HTTP
Basic is all that the vendor offers (SPEC section 6). What is in an object is read in `pipedrive_items`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from service.adapters.fields import digest, one_line, refuse_future
from service.adapters.pipedrive.api import PipedriveApi
from service.adapters.pipedrive.items import ENTITIES, Item, deletion, id_in, origin_of, parse_item
from service.adapters.pipedrive.options import PipedriveOptions
from service.adapters.pipedrive.values import Node, Object, identifier_of, moment, parse
from service.adapters.protocol import Adapter, NotAuthentic, is_secret
from service.config import Account
from service.model import ID_LENGTH, Change, Decoded, Instant, Need, Rejection, Request

_CHANGES: Final = frozenset({"create", "change", "added", "updated", "merged"})
_DELETIONS: Final = frozenset({"delete", "deleted"})
_HOST = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.pipedrive\.com")
_ATTEMPT = re.compile(rb'"(?:attempt|retry)"\s*:\s*[0-9]+')


class _Sender(msgspec.Struct):
    company_id: str | int


class _Sent(msgspec.Struct):
    meta: _Sender


_SENT = msgspec.json.Decoder(_Sent)


class PipedriveAdapter(Adapter):
    """Pipedrive, JSON."""

    kind = "pipedrive"
    content_types = frozenset({"application/json"})
    options = PipedriveOptions
    api = PipedriveApi()

    def steps(self, account: Account, address: str) -> Sequence[str]:
        """See `Adapter`."""
        del account
        return [
            "In Pipedrive, as an administrator: Settings → Tools and apps → Webhooks → Create new webhook.",
            f"One for each event object: {', '.join(ENTITIES)}. Event action: *. Version: 2.",
            f"Endpoint: {address}",
            "HTTP auth username and password: the webhook_secret, before its colon and after it.",
            "User permission level: an administrator, for a webhook tells only of what that user may see.",
        ]

    def authenticate(self, request: Request, account: Account) -> None:
        """See `Adapter`: HTTP Basic's `user:password` is a secret, and `meta.company_id` is the configured
        account where one is configured."""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            raise NotAuthentic("headers")
        try:
            given = base64.b64decode(credentials.strip(" "), validate=True)
        except (binascii.Error, ValueError):
            raise NotAuthentic("headers") from None
        if not is_secret(given, account.webhook_secrets):
            raise NotAuthentic("token")
        wanted = PipedriveOptions.of(account).account
        if wanted is not None and wanted != _sender(request.body):
            raise NotAuthentic("account")

    def check_secret(self, secret: str) -> None:
        """See `Adapter`."""
        if not all(secret.partition(":")):
            raise ValueError("expected user:password, as HTTP Basic sends them")

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Adapter`. A body is about one object."""
        key = digest(_ATTEMPT.sub(b"", request.body))
        try:
            sent = parse(request.body)
            key = _event_id(sent) or key
            facts = list(_facts(sent, request.received_at, account))
        except ValueError as error:
            return Decoded(key, (), (Rejection(0, one_line(error)),))
        changes = tuple(fact for fact in facts if isinstance(fact, Change))
        needs = tuple(fact for fact in facts if isinstance(fact, Need))
        return Decoded(key, changes, (), needs)


def _sender(body: bytes) -> str | None:
    """The company that the body says it comes from."""
    try:
        return str(_SENT.decode(body).meta.company_id)
    except (ValueError, RecursionError):
        return None


def _event_id(sent: Object) -> str | None:
    """The id of a v2 event, which its retries repeat; None where there is none that fits a key. In v1
    `meta.id` is the object's."""
    meta = sent.get("meta")
    event_id = meta.get("id") if isinstance(meta, dict) and "entity" in meta else None
    if isinstance(event_id, str) and 0 < len(event_id) <= ID_LENGTH and event_id.isascii():
        return event_id if event_id.isprintable() else None
    return None


def _facts(sent: Object, received_at: Instant, account: Account) -> Iterator[Change | Need]:
    """What an event says. Raises `ValueError` when it cannot be used; then none of it counts."""
    meta = sent.get("meta")
    if not isinstance(meta, dict):
        raise ValueError("the body is no webhook of Pipedrive: it has no meta")
    kind, action = meta.get("entity", meta.get("object")), meta.get("action")
    if not isinstance(kind, str) or not isinstance(action, str):
        raise ValueError("meta does not say what happened: it has no entity, or no action")
    if kind not in ENTITIES:
        return iter(())
    if action in _DELETIONS:
        return _deleted(kind, meta, sent, received_at)
    if action in _CHANGES:
        return _changed(kind, meta, sent, account, received_at)
    return iter(())


def _deleted(kind: str, meta: Object, sent: Object, received_at: Instant) -> Iterator[Change | Need]:
    item_id = _id(kind, meta, _object(sent.get("previous")))
    deleted_at = moment(meta.get("timestamp_micro")) or moment(meta.get("timestamp"))
    version = refuse_future(received_at if deleted_at is None else deleted_at, received_at)
    return deletion(kind, item_id, version, identifier_of(meta.get("merged_to_id")))


def _changed(
    kind: str, meta: Object, sent: Object, account: Account, received_at: Instant
) -> Iterator[Change | Need]:
    state = _object(sent.get("data", sent.get("current")))
    if state is None:
        raise ValueError(f"{kind}: the body does not hold its state, in data or current")
    item_id = _id(kind, meta, state)
    version = refuse_future(_changed_at(meta, state, received_at), received_at)
    return parse_item(Item(kind, item_id, state, version, account, _origin(account, meta)))


def _changed_at(meta: Object, state: Object, received_at: Instant) -> Instant:
    """When the object became as it is: to the second, for so exact is its `update_time`.

    One that was never changed may have none. Then `add_time` tells; `meta.timestamp`, when the event was made
    up to a second later, would win over a change within that second.
    """
    times = [state.get("update_time"), meta.get("timestamp")]
    if meta.get("action") in ("create", "added"):
        times.insert(1, state.get("add_time"))
    return next((instant for time in times if (instant := moment(time)) is not None), received_at)


def _id(kind: str, meta: Object, state: Object | None) -> str:
    """The object's id. Raises `ValueError` when neither the object nor `meta` has one."""
    found = id_in(state) if state else None
    # In v2 `meta.id` is the event's.
    found = found or identifier_of(meta.get("entity_id") if "entity" in meta else meta.get("id"))
    if found is None:
        raise ValueError(f"{kind}: the id is missing or is not a number")
    return found


def _object(value: Node) -> Object | None:
    """An object; v1 wraps a user in an array."""
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else None


def _origin(account: Account, meta: Object) -> str | None:
    """Where the account's pages are: where its API is, else at `meta.host`, if that is the vendor's."""
    if (origin := origin_of(account)) is not None:
        return origin
    host = meta.get("host")
    return f"https://{host}" if isinstance(host, str) and _HOST.fullmatch(host) else None


ADAPTER: Final[Adapter] = PipedriveAdapter()
