"""The pages of deliveries: what each changed, and one as it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from service.adapters.fields import printable
from service.calendar import iso
from service.config import Account, Language
from service.ledger.read.admin.deliveries import MOST_ENTITIES, Told
from service.ledger.read.admin.reader import WholeDelivery
from service.live.page.admin.shown import Shown, rendered
from service.live.text.effects import effects
from service.live.text.i18n import translations_of
from service.model import Source

BODY_SHOWN: Final = 65_536
"""Characters of a raw body that a page shows."""


class Effect(NamedTuple):
    """A delivery, and what it changed, as `lossboard tail` tells; `more` entities are not told of.

    Args:
        received_at: ISO, local.
        nothing: What is said where it changed nothing.
    """

    number: int
    received_at: str
    source: str
    conflicts_with: int | None
    applied: bool
    changes: Sequence[str]
    more: int
    nothing: str


def deliveries_page(page: Sequence[Told], account: Account, shown: Shown) -> str:
    """A page of deliveries, newest first."""
    rows = [_effect(told, account, shown.language) for told in page]
    upto = rows[-1].number - 1 if rows else 0
    return rendered("deliveries.html", shown, account, here="deliveries", rows=rows, upto=upto)


def delivery_page(delivery: WholeDelivery, account: Account, shown: Shown) -> str:
    """The page of a delivery with its headers and its raw body."""
    stored = delivery.told.stored
    bytes_shown = 4 * BODY_SHOWN  # of which a character of UTF-8 has four at most
    body = None if stored.body is None else stored.body[:bytes_shown].decode("utf-8", "replace")
    return rendered(
        "delivery.html",
        shown,
        account,
        here="deliveries",
        row=_effect(delivery.told, account, shown.language),
        held=delivery.held,
        headers=stored.headers,
        body=None if body is None else "\n".join(map(printable, body[:BODY_SHOWN].splitlines())),
        is_cut=len(body or "") > BODY_SHOWN or len(stored.body or b"") > bytes_shown,
    )


def _effect(told: Told, account: Account, language: Language) -> Effect:
    stored = told.stored
    changes = [printable(text) for text in effects(stored.changed, account, told.currencies)]
    return Effect(
        stored.number,
        iso(stored.received_at, account.zone),
        _source(stored.source, language),
        stored.conflicts_with,
        stored.applied,
        changes[:MOST_ENTITIES],
        max(0, len(changes) - MOST_ENTITIES),
        _nothing(told, language),
    )


def _source(source: Source, language: Language) -> str:
    """How a delivery came."""
    _ = translations_of(language).gettext
    named: Mapping[Source, str] = {
        "webhook": _("webhook"),
        "test": _("test"),
        "import": _("import"),
        "forget": _("a person was forgotten"),
    }
    return named.get(source, _("the CRM's API"))


def _nothing(told: Told, language: Language) -> str:
    """What is said of a delivery that changed nothing."""
    _ = translations_of(language).gettext
    if told.ignored:
        return _("ignored: the board has no use for events of this type")
    return _("dropped by retention") if told.stored.body is None else _("changed nothing")
