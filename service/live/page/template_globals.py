"""The functions that templates can call: formats, names, comparisons, shares, element ids. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final, Literal, TypeAlias

from service.config import Language
from service.live.board.query import NONE, BoardQuery
from service.live.board.snapshot import KINDS, BoardWarning, Losses, Reason, Task, Total
from service.live.page import chart
from service.live.text import formats
from service.live.text.i18n import Translations, is_no_reason, same_reason, translations_of
from service.live.text.warnings import cause_remedy, cause_text, warning_text
from service.reasons import Kind


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between a figure and the same one of the previous period.

    Args:
        text: The difference in money and number.
        amount: The difference in money, a decimal string.
    """

    direction: Literal["more", "less", "same"]
    text: str
    amount: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A reason and its share of all refusals.

    Args:
        share: The share in percent, as text.
        width: The same for the width of an SVG element.
    """

    reason: Reason
    name: str
    share: str
    width: str


@dataclass(frozen=True, slots=True)
class Group:
    """The reasons of one kind."""

    kind: Kind
    total: Total
    bars: tuple[Bar, ...]


_OF_WARNINGS: Final = (warning_text, cause_text, cause_remedy)

Global: TypeAlias = Callable[..., object] | dict[str, str] | str


def template_globals(language: Language) -> dict[str, Global]:
    """The globals of the templates in a language."""
    translations = translations_of(language)
    of_text = (
        formats.money,
        formats.number,
        formats.duration,
        formats.minute,
        formats.moment,
        formats.due,
        formats.days,
        formats.long_day,
    )
    localised: tuple[Callable[..., object], ...] = (*of_text, change, groups, chart.chart, *_OF_WARNINGS)
    return {
        "language": language,
        **{function.__name__: partial(function, language=language) for function in localised},
        "kind_name": translations.kind,
        "kind_meaning": translations.kind_meaning,
        "is_no_reason": is_no_reason,
        "verdict_names": translations.verdicts(),
        **_period_names(translations),
        "about": about,
        "phone_text": formats.phone,
        "size": size,
        "telling_amounts": telling_amounts,
        "element_id": element_id,
        "milliseconds": milliseconds,
    }


def _period_names(translations: Translations) -> dict[str, Global]:
    """The names of the periods that the page has links for. An address can ask for any dates, too."""
    _ = translations.gettext
    return {
        "period_names": {
            "today": _("Today"),
            "week": _("Week"),
            "month": _("Month"),
            "quarter": _("Quarter"),
            "year": _("Year"),
        },
        "earlier_names": {
            "yesterday": _("Yesterday"),
            "last_week": _("Last week"),
            "last_month": _("Last month"),
        },
    }


def change(now: Total, before: Total, currency: str, language: Language) -> Change:
    """How a figure differs from the same one of the previous period."""
    amount = Decimal(now.amount) - Decimal(before.amount)
    count = now.count - before.count
    if not amount and not count:
        return Change("same", translations_of(language).gettext("unchanged"), f"{amount:f}")
    direction: Literal["more", "less"] = "more" if (amount, count) > (0, 0) else "less"
    money = formats.signed_money(amount, currency, language)
    return Change(direction, f"{money} · {formats.signed_number(count, language)}", f"{amount:f}")


def groups(losses: Losses, language: Language) -> list[Group]:
    """The reasons by kind, each with its share of the total amount (of the total number if that is 0)."""
    non_empty = []
    for kind in KINDS:
        reasons = (reason for reason in losses.reasons if reason.kind == kind)
        if bars := tuple(_bars(reasons, losses.total, language)):
            non_empty.append(Group(kind, getattr(losses, kind), bars))
    return non_empty


def _bars(reasons: Iterable[Reason], total: Total, language: Language) -> Iterable[Bar]:
    whole = Decimal(total.amount)
    for reason in reasons:
        part = Decimal(reason.amount) / whole if whole > 0 else Decimal(reason.count) / total.count
        share = min(max(part, Decimal(0)), Decimal(1))
        name = same_reason(reason.reason, language)
        yield Bar(reason, name, formats.percent(share, language), f"{share * 100:.2f}")


def about(warning: BoardWarning, query: BoardQuery) -> str:
    """The address of the list that shows what a warning is about, relative to the account's."""
    match warning.code:
        case "unclassified":
            return f"deals?{query.urlencoded(kind='unclassified')}"
        case "reasons_pending":
            return f"deals?{query.urlencoded(pending='1')}"
        case "amount_unknown" | "unconverted":
            return f"unpriced?{query.urlencoded(currency=warning.currency or NONE)}"
        case _:
            return f"troubles?{query.urlencoded()}"


def size(*texts: str) -> Literal["xl", "l", "m", "s", "xs"]:
    """The font size class of figures: the longer the longest text, the smaller, so that it fits its place."""
    length = max(map(len, texts))
    if length <= 5:
        return "xl"
    if length <= 9:
        return "l"
    if length <= 12:
        return "m"
    return "s" if length <= 16 else "xs"


def telling_amounts(tasks: Iterable[Task]) -> frozenset[str]:
    """The tasks beside which an amount stands, by id: the first one of each deal, for a deal has one amount
    however many tasks it has; and those without a deal."""
    first: dict[tuple[str | None, str | None], str] = {}
    for task in tasks:
        first.setdefault((task.deal_id, None if task.deal_id else task.task_id), task.task_id)
    return frozenset(first.values())


def element_id(client_id: str) -> str:
    """The id of a client's element: a digest, because an id from a CRM can have any length and characters."""
    return "client-" + hashlib.blake2b(client_id.encode(), digest_size=12).hexdigest()


def milliseconds(at: str) -> int:
    """An ISO moment as milliseconds since 1970, the unit of the page's script."""
    return round(datetime.fromisoformat(at).timestamp() * 1000)
