"""The values in a CSV file's cells: amounts, times, statuses, as CRMs' exports and Excel write them. Pure.

Each function raises `ValueError` with one line for a person. A value that can be read in two ways is an
error; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from service.calendar import parse_instant
from service.model import Instant, Status
from service.reasons import reason_key

_T = TypeVar("_T")


def _words(text: str, meaning: _T) -> dict[str, _T]:
    return dict.fromkeys(text.split(", "), meaning)


_STATUSES: Final[Mapping[str, Status]] = {
    **_words("won, успешно реализовано, сделка успешна, closed won, closed - won, deal won, выиграна", "won"),
    **_words(
        "lost, закрыто и не реализовано, сделка проиграна, сделка провалена, анализ причины провала, "
        "closed lost, closed - lost, deal lost, analyze failure, проиграна, проиграно, отказ",
        "lost",
    ),
}
"""Other statuses are stages of open deals."""

_COMPLETED: Final[Mapping[str, bool]] = {
    "": False,
    **_words(
        "да, yes, true, 1, +, done, completed, closed, y, выполнена, выполнено, завершена, завершено, "
        "закрыта",
        True,
    ),
    **_words("нет, no, false, 0, -, n, open, to do, не выполнена, не завершена", False),
}

_CURRENCIES: Final[Mapping[str, str]] = {
    **_words("₽, р, руб, рубль, рубли, рублей, российский рубль", "RUB"),
    **_words("$, доллар, доллар сша, us dollar", "USD"),
    **_words("€, евро, euro", "EUR"),
    **_words("₸, тенге, казахстанский тенге", "KZT"),
    **_words("белорусский рубль", "BYN"),
}

_NONE: Final = frozenset({"", "-", "–", "—", "нет", "не указано", "не указана", "не указан", "не закрыта"})
"""Written by exports where there is no date."""

_SPACES: Final = re.compile(r"[\s\u00a0\u2007\u2009\u202f'’]+")
_SUM: Final = re.compile(r"([^\d\s.,+-]*)([+-]?\d[\d.,]*)([^\d\s,+-]*)")
_DOTTED: Final = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})(?:,?\s+(\d\d?):(\d\d)(?::(\d\d))?)?", re.ASCII)
_ROUNDED: Final = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE | re.ASCII)


def status(text: str) -> tuple[Status, bool]:
    """A deal's status, and whether its word is known: any other word is a stage of open deals."""
    key = reason_key(text)
    if not key:
        raise ValueError("it is empty")
    return _STATUSES.get(key, "open"), key in _STATUSES or key == "open"


def completed(text: str) -> tuple[bool, bool]:
    """Whether a task is completed, and whether the word is known: any other word means an open task."""
    key = reason_key(text)
    return _COMPLETED.get(key, False), key in _COMPLETED


def currency(text: str) -> str:
    """A currency's code, from its code, sign or name."""
    key = reason_key(text).rstrip(".")
    if (known := _CURRENCIES.get(key)) is not None:
        return known
    if re.fullmatch(r"[a-z]{3}", key):
        return key.upper()
    raise ValueError("it is no known currency: write its code, such as RUB")


def amount(text: str) -> tuple[str, str | None]:
    """A decimal number in the form of `money.parse_amount`, and the currency that is written with it."""
    match = _SUM.fullmatch(_SPACES.sub("", text))
    if match is None:
        raise ValueError("it is no amount")
    before, digits, after = match.groups()
    sign = before or after
    return _decimal(digits), currency(sign) if sign else None


def _decimal(digits: str) -> str:
    """Digits with a decimal point, from digits with any separators."""
    separators = re.sub(r"[^.,]", "", digits)
    if not separators:
        return digits.removeprefix("+")
    last = separators[-1]
    if separators.count(last) > 1:  # 1.234.567: separators of thousands alone
        whole, fraction, thousands = digits, "", last
    else:
        whole, _, fraction = digits.rpartition(last)
        thousands = "." if last == "," else ","
        if len(separators) == 1 and len(fraction) == 3:
            raise ValueError(f"{digits} can be read in two ways: write it without a separator of thousands")
    groups = whole.split(thousands)
    if len(groups) > 1 and (any(len(group) != 3 for group in groups[1:]) or len(groups[0].lstrip("+-")) > 3):
        raise ValueError("it is no amount")
    joined = "".join(groups).removeprefix("+")
    return f"{joined}.{fraction}" if fraction else joined


def moment(text: str, zone: ZoneInfo, *, ends: bool = False) -> Instant | None:
    """The moment of a time such as `23.11.2026 15:00`, or in ISO 8601; in `zone` if it has no offset. None
    where there is no date.

    Args:
        ends: Take the last second of a day that has no time, not its first.
    """
    if reason_key(text) in _NONE:
        return None
    try:
        parsed, is_day = _time(text, zone)
        if is_day and ends:
            parsed = parsed.replace(hour=23, minute=59, second=59)
        return parse_instant(parsed.isoformat())
    except OverflowError:
        raise ValueError("it is no time") from None


def _time(text: str, zone: ZoneInfo) -> tuple[datetime, bool]:
    """A time, and whether it is a day without a time."""
    if match := _DOTTED.fullmatch(text):
        day, month, year, hour, minute, second = (int(digits or 0) for digits in match.groups())
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=zone), match[4] is None
        except ValueError:
            raise ValueError("there is no such time") from None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("it is no time: write 23.11.2026 15:00, or 2026-11-23 15:00") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=zone), len(text) <= len("2026-11-23")


def refuse_rounded(text: str) -> str:
    """The same id. Raises `ValueError` for one that Excel has turned into 1,67E+07."""
    if _ROUNDED.fullmatch(text):
        raise ValueError("Excel has rounded this id: format the column as text, and export again")
    return text
