"""Money: integers in the currency's minor unit inside the service, decimal strings outside; never floats.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from service.model import AMOUNT_LIMIT

_NO_DIGITS: Final = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
_THREE_DIGITS: Final = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
_CODE: Final = re.compile(r"[A-Z]{3}")
_AMOUNT: Final = re.compile(r"-?\d{1,13}(\.\d{1,4})?", re.ASCII)
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


def currency_code(value: object) -> str | None:
    """The value if it has the form of an ISO 4217 code, such as RUB; else None."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None


def minor_digits(currency: str) -> int:
    """The number of decimals of a currency (ISO 4217)."""
    if currency in _NO_DIGITS:
        return 0
    return 3 if currency in _THREE_DIGITS else 2


def parse_amount(value: str | int, currency: str) -> int:
    """Converts an amount in major units to minor units; surplus decimals are rounded half to even.

    Raises:
        ValueError: It is not a decimal number of at most 13 digits and 4 decimals, or it is too large.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("an amount must be a decimal string or an integer")
    text = str(value) if isinstance(value, str) or abs(value) <= AMOUNT_LIMIT else ""
    if not _AMOUNT.fullmatch(text):
        raise ValueError("an amount must be a decimal string such as 5184.00, or an integer")
    minor = _rounded(Decimal(text).scaleb(minor_digits(currency), _EXACT))
    if abs(minor) > AMOUNT_LIMIT:
        raise ValueError(f"an amount must be at most {decimal_string(AMOUNT_LIMIT, currency)} {currency}")
    return minor


def decimal_string(minor: int, currency: str) -> str:
    """An amount in major units, with all of the currency's decimals: `5184.00`."""
    return f"{Decimal(minor).scaleb(-minor_digits(currency), _EXACT):f}"


def convert(minor: int, currency: str, to_currency: str, rates: Mapping[str, Decimal]) -> int | None:
    """Converts minor units to those of `to_currency`, rounding once, half to even; None if there is no rate.

    Args:
        rates: The value of one unit of each currency in `to_currency`.
    """
    if currency == to_currency:
        return minor
    rate = rates.get(currency)
    if rate is None:
        return None
    shift = minor_digits(to_currency) - minor_digits(currency)
    return _rounded(_EXACT.multiply(Decimal(minor), rate).scaleb(shift, _EXACT))


def _rounded(exact: Decimal) -> int:
    return int(exact.quantize(Decimal(1), context=_EXACT))
