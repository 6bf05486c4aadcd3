"""The `amocrm` CRM kind: amoCRM and Kommo webhooks, form bodies of lists of items
(`leads[update][0][price]=5184`).

They are not signed: a long secret in the address is all that the vendor offers (SPEC section 6). The items'
fields are read in `amocrm_items`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from service.adapters.amocrm.api import AmoCRMApi
from service.adapters.amocrm.options import AmoCRMOptions
from service.adapters.amocrm.values import origin_of
from service.adapters.amocrm.webhook_items import Item, changes_of, needs_of, vendor_time
from service.adapters.fields import digest, one_line
from service.adapters.forms import Form, FormError, parse_form
from service.adapters.protocol import Adapter, NotAuthentic, is_secret
from service.config import Account
from service.model import Change, Decoded, Rejection, Request

_REQUEST_ID = "x-amocrm-requestid"


class AmoCRMAdapter(Adapter):
    """amoCRM and Kommo, forms."""

    kind = "amocrm"
    content_types = frozenset({"application/x-www-form-urlencoded"})
    kept_headers = frozenset({_REQUEST_ID})
    options = AmoCRMOptions
    api = AmoCRMApi()

    def steps(self, account: Account, address: str) -> Sequence[str]:
        """See `Adapter`."""
        del account
        return [
            "In amoCRM, as an administrator: amoМаркет → ⋯ → WebHooks → «Добавить хук».",
            f"Address: {address}?token=<the webhook_secret of the configuration>",
            "Leads: added, changed, stage changed, responsible changed, deleted, restored.",
            "Tasks: added, changed, responsible changed, deleted.",
            "Contacts and companies: added, changed, deleted.",
        ]

    def authenticate(self, request: Request, account: Account) -> None:
        """See `Adapter`: `?token=` is a secret, and the body names the configured account where one is
        configured."""
        if not is_secret(request.query.get("token", "").encode("utf-8", "replace"), account.webhook_secrets):
            raise NotAuthentic("token")
        wanted = AmoCRMOptions.of(account).account
        if wanted is not None and wanted not in _senders(request.body):
            raise NotAuthentic("account")

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Adapter`. Each item stands alone: what one spoils does not cost the others."""
        try:
            form = parse_form(request.body)
        except FormError as error:
            return Decoded(digest(request.body), (), (Rejection(0, str(error)),))
        changes: list[Change] = []
        rejections: list[Rejection] = []
        timed = True
        origin = origin_of(form)
        part = -1
        for part, (entity, action, fields) in enumerate(_items(form)):
            item = Item(entity, action, fields, account, request.received_at, origin)
            happened_at = vendor_time(item)
            try:
                told = changes_of(item, happened_at)
            except ValueError as error:
                rejections.append(Rejection(part, one_line(error)))
                continue
            changes += told
            timed = timed and (happened_at is not None or not told)
        if part < 0:
            rejections.append(Rejection(0, "the body holds no items, such as leads[update][0][id]=42"))
        return Decoded(_delivery_key(request, timed), tuple(changes), tuple(rejections), needs_of(changes))


def _delivery_key(request: Request, timed: bool) -> str:
    """What makes the delivery unique.

    The vendor gives a delivery no id of its own. Where every change in the body carries the vendor's time, an
    equal body says the same thing again, so the body is the key. A body without a time may be sent twice and
    mean two events (a lead that is moved to a stage, back, and there again), so there the occasion belongs to
    the key: the vendor's id of the request, which may or may not be kept over retries, or else the time
    received. To take a repeat for news sets the same fields once more; to take news for a repeat would lose
    it.
    """
    if timed:
        return digest(request.body)
    return digest(request.body, request.headers.get(_REQUEST_ID) or str(request.received_at))


def _items(form: Form) -> Iterator[tuple[str, str, Form]]:
    """Each item with its entity and action, in the body's order, of whatever entity; the account block is
    none."""
    for entity, actions in form.items():
        if entity == "account" or not isinstance(actions, dict):
            continue
        for action, items in actions.items():
            for item in items.values() if isinstance(items, dict) else ():
                if isinstance(item, dict):
                    yield entity, action, item


def _senders(body: bytes) -> set[str]:
    """What the body says it comes from: the account block's id and subdomain; without such a block, the
    items' word.

    Only the fields that can say it are parsed: this is done for every request, before the body is decoded.
    """
    try:
        form = parse_form(b"&".join(field for field in body.split(b"&") if b"account" in field))
    except FormError:
        return set()
    block = form.get("account")
    if isinstance(block, dict):
        named = {name for key in ("id", "subdomain") if isinstance(name := block.get(key), str)}
        if named:
            return named
    return {name for _, _, fields in _items(form) if isinstance(name := fields.get("account_id"), str)}


ADAPTER: Final[Adapter] = AmoCRMAdapter()
