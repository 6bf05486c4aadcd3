"""The `amocrm` CRM kind: webhooks of amoCRM and Kommo, forms that hold lists of items
(`leads[update][0][price]=5184`).

They are not signed: a long secret in the address is all that the vendor offers (SPEC section 6).
`webhook_items` reads the items' fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from service.adapters.amocrm.api import AmoCRMApi
from service.adapters.amocrm.options import AmoCRMOptions
from service.adapters.amocrm.values import origin_of
from service.adapters.amocrm.webhook_items import Item, parse_item
from service.adapters.fields import digest
from service.adapters.forms import Form, FormError, parse_form
from service.adapters.parsed import parse_body
from service.adapters.protocol import Adapter, NotAuthentic, check_chosen, chosen_secret, is_secret
from service.config import Account, Language
from service.model import Decoded, Head, Instant, Request

_REQUEST_ID = "x-amocrm-requestid"


class AmoCRMAdapter(Adapter):
    """amoCRM and Kommo: form bodies."""

    kind = "amocrm"
    content_types = frozenset({"application/x-www-form-urlencoded"})
    kept_headers = frozenset({_REQUEST_ID})
    options = AmoCRMOptions
    api = AmoCRMApi()

    def posting_address(self, address: str) -> str:
        """See `Adapter`."""
        return f"{address}?token=<webhook_secret>"

    def steps(self, account: Account, language: Language) -> Sequence[str]:
        """See `Adapter`."""
        return _STEPS[language]

    check_secret = staticmethod(check_chosen)
    secret_of = staticmethod(chosen_secret)

    def admit(self, head: Head, account: Account, now: Instant) -> bool:
        """See `Adapter`: `?token=` is one of the secrets."""
        if not is_secret(head.query.get("token", ""), account.webhook_secrets):
            raise NotAuthentic("token")
        return True

    def authenticate(self, request: Request, account: Account) -> None:
        """See `Adapter`: the body names the configured account too, if there is one."""
        self.admit(request, account, request.received_at)
        wanted = AmoCRMOptions.of(account).account
        if wanted is not None and wanted not in _senders(request.body):
            raise NotAuthentic("account")

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Adapter`. Each item stands alone: one that cannot be read costs the others nothing."""
        parsed = parse_body(lambda: _items(request, account), parse_item)
        return parsed.decoded(_delivery_key(request, parsed.is_dated))


_STEPS: Final[Mapping[Language, Sequence[str]]] = {
    "ru": (
        "В amoCRM под администратором: amoМаркет → ⋯ → WebHooks → «Добавить хук».",
        "Вставьте адрес; вместо <webhook_secret> впишите секрет из настроек.",
        "Сделки: добавлена, изменена, сменён этап, сменён ответственный, удалена, восстановлена.",
        "Задачи: добавлена, изменена, сменён ответственный, удалена.",
        "Контакты и компании: добавлены, изменены, удалены, восстановлены.",
        "«Неразобранное»: удалено.",
    ),
    "en": (
        "In amoCRM, as an administrator: amoМаркет → ⋯ → WebHooks → «Добавить хук».",
        "Paste the address; in place of <webhook_secret> put the secret of the configuration.",
        "Leads: added, changed, stage changed, responsible changed, deleted, restored.",
        "Tasks: added, changed, responsible changed, deleted.",
        "Contacts and companies: added, changed, deleted, restored.",
        "Incoming leads («Неразобранное»): deleted.",
    ),
}


def _items(request: Request, account: Account) -> list[Item]:
    """The body's items. Raises `ValueError` if it has none."""
    form = parse_form(request.body)
    origin = origin_of(form, account.api)
    items = [
        Item(entity, action, fields, account, request.received_at, origin)
        for entity, action, fields in _entries(form)
    ]
    if not items:
        raise ValueError("the body holds no items, such as leads[update][0][id]=42")
    return items


def _delivery_key(request: Request, is_dated: bool) -> str:
    """What makes the delivery unique.

    The vendor gives a delivery no id. Where every change in the body carries the vendor's time, an equal body
    says the same thing again, so the body is the key. Two equal bodies without a time may mean two events (a
    lead that is moved to a stage, back, and there again), so there the occasion is part of the key: the
    vendor's id of the request, which a retry may or may not repeat, or else the time received. If a repeat
    counts as news, the same fields are set once more; if news counted as a repeat, it would be lost.
    """
    if is_dated:
        return digest(request.body)
    return digest(request.body, request.headers.get(_REQUEST_ID) or str(request.received_at))


def _entries(form: Form) -> Iterator[tuple[str, str, Form]]:
    """Each item's entity, action and fields, in the body's order. The account block is no item."""
    for entity, actions in form.items():
        if entity == "account" or not isinstance(actions, dict):
            continue
        for action, items in actions.items():
            for item in items.values() if isinstance(items, dict) else ():
                if isinstance(item, dict):
                    yield entity, action, item


def _senders(body: bytes) -> set[str]:
    """The accounts that the body names: the id and subdomain in its account block, or without such a block
    each item's account.

    Only the fields that can name one are parsed, because the whole body is parsed later.
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
    return {name for _, _, fields in _entries(form) if isinstance(name := fields.get("account_id"), str)}


ADAPTER: Final[Adapter] = AmoCRMAdapter()
