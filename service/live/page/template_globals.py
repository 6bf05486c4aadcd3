"""What the templates say besides plain messages: names of kinds and periods, changes, shares, links. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final, Literal, TypeAlias

from service.config import Language
from service.live.board.snapshot import KINDS, BoardWarning, Losses, Reason, Total
from service.live.page import chart
from service.live.text import formats
from service.live.text.i18n import Translations, same_reason, translations_of
from service.reasons import Kind

PERIODS: Final = ("today", "week", "month", "quarter", "year")
"""The periods that the page offers; any range of dates can be asked for besides."""


@dataclass(frozen=True, slots=True)
class Change:
    """A figure against the period before: the words for it, and which way it went."""

    way: Literal["more", "less", "same"]
    text: str
    amount: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A reason's line: its share of all refusals' money, in words and as a width in percent."""

    reason: Reason
    name: str
    share: str
    width: str


@dataclass(frozen=True, slots=True)
class Group:
    """The reasons of one kind."""

    kind: Kind
    name: str
    meaning: str
    total: Total
    bars: tuple[Bar, ...]


Global: TypeAlias = Callable[..., object] | tuple[str, ...]


def globals_of(language: Language) -> dict[str, Global]:
    """What the templates of a language can call."""
    translations = translations_of(language)
    return {
        "money": partial(formats.money, language=language),
        "number": partial(formats.number, language=language),
        "duration": partial(formats.duration, language=language),
        "moment": partial(formats.moment, language=language),
        "due": partial(formats.due, language=language),
        "days": partial(formats.days, language=language),
        "change": partial(change, language=language),
        "groups": partial(groups, language=language),
        "chart": partial(chart.chart, language=language),
        "kind_name": translations.kind,
        "kind_meaning": translations.kind_meaning,
        "period_name": partial(_period_name, translations),
        "warning_text": partial(_warning_text, translations),
        "size": size,
        "element_id": element_id,
        "milliseconds": milliseconds,
        "offered": PERIODS,
    }


def change(now: Total, before: Total, currency: str, language: Language) -> Change:
    """What a figure is more or less than it was, in money and number."""
    amount = Decimal(now.amount) - Decimal(before.amount)
    count = now.count - before.count
    if not amount and not count:
        return Change("same", translations_of(language).gettext("unchanged"), f"{amount:f}")
    way: Literal["more", "less"] = "more" if (amount, count) > (0, 0) else "less"
    money = formats.signed_money(amount, currency, language)
    return Change(way, f"{money} · {formats.signed_number(count, language)}", f"{amount:f}")


def groups(losses: Losses, language: Language) -> list[Group]:
    """The reasons by kind, each with its share of the total amount (of the number, where it is nothing)."""
    translations = translations_of(language)
    shown = []
    for kind in KINDS:
        bars = tuple(_bars((each for each in losses.reasons if each.kind == kind), losses.total, language))
        if bars:
            total: Total = getattr(losses, kind)
            shown.append(Group(kind, translations.kind(kind), translations.kind_meaning(kind), total, bars))
    return shown


def _bars(reasons: Iterable[Reason], total: Total, language: Language) -> Iterable[Bar]:
    whole = Decimal(total.amount)
    for reason in reasons:
        part = Decimal(reason.amount) / whole if whole > 0 else Decimal(reason.count) / total.count
        share = min(max(part, Decimal(0)), Decimal(1))
        name = same_reason(reason.reason, language)
        yield Bar(reason, name, formats.percent(share, language), f"{share * 100:.2f}")


def _period_name(translations: Translations, key: str) -> str:
    return {
        "today": translations.gettext("Today"),
        "week": translations.gettext("Week"),
        "month": translations.gettext("Month"),
        "quarter": translations.gettext("Quarter"),
        "year": translations.gettext("Year"),
    }[key]


def _warning_text(translations: Translations, warning: BoardWarning) -> str:
    """A warning in the page's language, which need not be the account's."""
    match warning.code:
        case "unclassified":
            return translations.unclassified(warning.count)
        case "missed":
            return translations.missed(warning.count)
        case "unconverted":
            return translations.unconverted(warning.count, warning.currency or "")
        case problem:
            return translations.sync_problem(problem)


def size(text: str) -> Literal["l", "m", "s", "xs"]:
    """How large a figure can be written: the longer it is, the smaller, so that it fits its place."""
    if len(text) <= 9:
        return "l"
    if len(text) <= 12:
        return "m"
    return "s" if len(text) <= 16 else "xs"


def element_id(client_id: str) -> str:
    """The id of a client's element: of one length and harmless, whatever the CRM calls the client."""
    return "client-" + hashlib.blake2b(client_id.encode(), digest_size=12).hexdigest()


def milliseconds(at: str) -> int:
    """An ISO moment as milliseconds since 1970, which is what the page's script counts in."""
    return round(datetime.fromisoformat(at).timestamp() * 1000)
