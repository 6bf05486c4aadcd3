"""What the cells of a CSV file say: amounts, times, statuses, as CRMs' exports and Excel write them. Pure.

Each function raises `ValueError` with one line for a person. What can be read in two ways is an error, and
never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from service.calendar import parse_instant
from service.model import Instant, Status
from service.reasons import reason_key

_STATUSES: Final[Mapping[str, Status]] = {
    **dict.fromkeys(
        (
            "won",
            "успешно реализовано",
            "сделка успешна",
            "closed won",
            "closed - won",
            "deal won",
            "выиграна",
        ),
        "won",
    ),
    **dict.fromkeys(
        (
            "lost",
            "закрыто и не реализовано",
            "сделка проиграна",
            "сделка провалена",
            "анализ причины провала",
            "closed lost",
            "closed - lost",
            "deal lost",
            "analyze failure",
            "проиграна",
            "проиграно",
            "отказ",
        ),
        "lost",
    ),
}
"""Other statuses are stages of open deals."""

_COMPLETED: Final[Mapping[str, bool]] = {
    **dict.fromkeys(
        ("да", "yes", "true", "1", "+", "done", "completed", "closed", "y"),
        True,
    ),
    **dict.fromkeys(("выполнена", "выполнено", "завершена", "завершено", "закрыта"), True),
    **dict.fromkeys(
        ("нет", "no", "false", "0", "-", "", "n", "open", "to do", "не выполнена", "не завершена"), False
    ),
}

_CURRENCIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("₽", "р", "руб", "рубль", "рубли", "рублей", "российский рубль"), "RUB"),
    **dict.fromkeys(("$", "доллар", "доллар сша", "us dollar"), "USD"),
    **dict.fromkeys(("€", "евро", "euro"), "EUR"),
    **dict.fromkeys(("₸", "тенге", "казахстанский тенге"), "KZT"),
    **dict.fromkeys(("белорусский рубль",), "BYN"),
}

_NONE: Final = frozenset({"", "-", "–", "—", "нет", "не указано", "не указана", "не указан", "не закрыта"})
"""What exports write where there is no date."""

_SPACES: Final = re.compile(r"[\s\u00a0\u2007\u2009\u202f'’]+")
_SUM: Final = re.compile(r"([^\d\s.,+-]*)([+-]?\d[\d.,]*)([^\d\s,+-]*)")
_DOTTED: Final = re.compile(
    r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?", re.ASCII
)
_ROUNDED: Final = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE | re.ASCII)


def status(text: str) -> tuple[Status, bool]:
    """A deal's status, and whether the word for it is known: any other word is a stage of open deals."""
    key = reason_key(text)
    if not key:
        raise ValueError("it is empty")
    return _STATUSES.get(key, "open"), key in _STATUSES or key == "open"


def completed(text: str) -> tuple[bool, bool]:
    """Whether a task is completed, and whether the word for it is known: any other is one of open tasks."""
    key = reason_key(text)
    return _COMPLETED.get(key, False), key in _COMPLETED


def currency(text: str) -> str:
    """A currency's code, of its code, sign or name."""
    key = reason_key(text).rstrip(".")
    if (known := _CURRENCIES.get(key)) is not None:
        return known
    if re.fullmatch(r"[a-z]{3}", key):
        return key.upper()
    raise ValueError("no currency is called so: write its code, such as RUB")


def amount(text: str) -> tuple[str, str | None]:
    """A decimal number such as `money.parse_amount` takes, and the currency that is written with it."""
    found = _SUM.fullmatch(_SPACES.sub("", text))
    if found is None:
        raise ValueError("it is no amount")
    before, digits, after = found.groups()
    sign = before or after
    return _decimal(digits), currency(sign) if sign else None


def _decimal(digits: str) -> str:
    """Digits with a decimal point, of digits with separators in any fashion."""
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
    if len(groups) > 1 and (any(len(each) != 3 for each in groups[1:]) or len(groups[0].lstrip("+-")) > 3):
        raise ValueError("it is no amount")
    joined = "".join(groups).removeprefix("+")
    return f"{joined}.{fraction}" if fraction else joined


def moment(text: str, zone: ZoneInfo, *, ends: bool = False) -> Instant | None:
    """The moment that a time names: `23.11.2026 15:00`, or ISO 8601; without an offset, in a zone. A day is
    its beginning, or with `ends` its last second."""
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
    """A time, and whether it is a day alone."""
    if found := _DOTTED.fullmatch(text):
        day, month, year, hour, minute, second = (int(each or 0) for each in found.groups())
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=zone), found[4] is None
        except ValueError:
            raise ValueError("there is no such time") from None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("it is no time: write 23.11.2026 15:00, or 2026-11-23 15:00") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=zone), len(text) <= len("2026-11-23")


def refuse_rounded(text: str) -> str:
    """An id. Raises `ValueError` for one that Excel has turned into 1,67E+07."""
    if _ROUNDED.fullmatch(text):
        raise ValueError("Excel has rounded this id: format the column as text, and export again")
    return text
