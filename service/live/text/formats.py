"""Numbers, money, days and durations in the notation of each language. Pure.

Durations and moments are also formatted by `static/format.js`; `tests/live/text/formats.json` holds what both
must say.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from babel.dates import format_interval, format_skeleton
from babel.numbers import format_decimal, get_currency_symbol

from service.config import Language
from service.live.text.i18n import translations_of
from service.money import minor_digits

NO_BREAK: Final = "\u00a0"
MINUS: Final = "\u2212"


@lru_cache(maxsize=8192)
def money(amount: str, currency: str, language: Language) -> str:
    """An amount (a decimal string) with its currency, without decimals that are zero: `412 560 ₽`."""
    exact = Decimal(amount)
    whole = exact == exact.to_integral_value()
    digits = 0 if whole else minor_digits(currency)
    figure = format_decimal(abs(exact), f"#,##0.{'0' * digits}".rstrip("."), locale=language)
    sign = MINUS if exact < 0 else ""
    if language == "ru":
        return f"{sign}{figure}{NO_BREAK}{_symbol(currency)}"
    symbol = _symbol(currency)
    return f"{sign}{symbol}{NO_BREAK if symbol.isalpha() else ''}{figure}"


@lru_cache(maxsize=512)
def _symbol(currency: str) -> str:
    """The sign of a currency: the shortest that CLDR has, which it may have in one language only."""
    return min((get_currency_symbol(currency, locale=locale) for locale in ("en", "ru")), key=len)


def signed_money(amount: Decimal, currency: str, language: Language) -> str:
    """An amount with its sign, a plus included."""
    return ("+" if amount > 0 else "") + money(f"{amount:f}", currency, language)


def number(value: int, language: Language) -> str:
    """A whole number, grouped."""
    return format_decimal(value, "#,##0", locale=language)


def signed_number(value: int, language: Language) -> str:
    """A whole number with its sign, a plus included."""
    sign = "+" if value > 0 else MINUS if value < 0 else ""
    return sign + number(abs(value), language)


def percent(share: Decimal, language: Language) -> str:
    """A share (0 to 1) in whole percent; a positive one that rounds to zero is `<1 %`."""
    space = NO_BREAK if language == "ru" else ""
    if 0 < share <= Decimal("0.005"):
        return f"<1{space}%"
    return f"{share * 100:.0f}{space}%"


def duration(seconds: float, language: Language) -> str:
    """A duration: minutes below an hour, hours and minutes below a day, else days and hours."""
    translations = translations_of(language)
    hours, minutes = divmod(int(max(0.0, seconds)) // 60, 60)
    days, hours = divmod(hours, 24)
    parts = []
    if days:
        parts.append(translations.ngettext("%(num)s day", "%(num)s days", days))
    if hours:
        parts.append(translations.gettext("%(num)s h", num=hours))
    if minutes and not days:
        parts.append(translations.gettext("%(num)s min", num=minutes))
    if not parts:
        return translations.gettext("less than a minute")
    return " ".join(parts).replace(" ", NO_BREAK)


def phone(number: str) -> str:
    """A telephone number (digits, perhaps after a plus sign), grouped: `+7 900 000-00-00`."""
    grouped = re.fullmatch(r"(.*?)(\d{3})(\d{3})(\d{2})(\d{2})", number)
    if grouped is None:
        return number
    country, area, *local = grouped.groups()
    return NO_BREAK.join(filter(None, [country, area, "\u2011".join(local)]))


def moment(at: str, seen: str, language: Language) -> str:
    """A moment to the second, with its date if that differs from the day of `seen`, and with its year if that
    differs too. Both are ISO, local."""
    return _dated(at, seen, at[11:19], language)


def minute(at: str, seen: str, language: Language) -> str:
    """The same to the minute: for what the CRM tells, which nobody reads to the second."""
    return _dated(at, seen, at[11:16], language)


def _dated(at: str, seen: str, time: str, language: Language) -> str:
    if at[:10] == seen[:10]:
        return time
    skeleton = "MMMd" if at[:4] == seen[:4] else "yMMMd"
    return f"{format_skeleton(skeleton, date.fromisoformat(at[:10]), locale=language)}, {time}"


def due(at: str, language: Language) -> str:
    """The day and time of a due time (ISO, local)."""
    day = format_skeleton("MMMd", date.fromisoformat(at[:10]), locale=language)
    return f"{day}, {at[11:16]}"


def long_day(day: str, seen: str, language: Language) -> str:
    """A day (ISO date) in words, with its year if that is not the year of `seen`: `7 октября`."""
    skeleton = "MMMMd" if day[:4] == seen[:4] else "yMMMMd"
    return format_skeleton(skeleton, date.fromisoformat(day), locale=language)


def days(first: str, last: str, language: Language, *, year: bool = True) -> str:
    """A range of days (ISO dates); what both have in common stands once: `1–30 нояб. 2026 г.`"""
    skeleton = "yMMMd" if year else "MMMd"
    return format_interval(date.fromisoformat(first), date.fromisoformat(last), skeleton, locale=language)
