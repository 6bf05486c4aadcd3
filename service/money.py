"""Money: integers in the currency's minor unit inside the service, decimal strings outside; never floats.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from service.model import AMOUNT_LIMIT

_DIGITS: Final[Mapping[str, int]] = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}
"""The number of decimals of each currency that has not two."""

_CODE: Final = re.compile(r"[A-Z]{3}")
_NUMBER: Final = re.compile(r"-?\d{1,15}(\.\d{1,40})?([eE][+-]?\d{1,2})?", re.ASCII)
_PLAIN: Final = {
    0: re.compile(r"\d{1,14}", re.ASCII),
    2: re.compile(r"\d{1,12}\.\d\d", re.ASCII),
    3: re.compile(r"\d{1,11}\.\d{3}", re.ASCII),
}
"""By the number of a currency's decimals, an amount with all of them, as almost all are: its digits are its
minor units, below `AMOUNT_LIMIT`."""

_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


NO_CURRENCY: Final = "XXX"
"""ISO 4217's code for "no currency". It stands for a currency that is no code: an amount in it is unknown."""


def currency_code(value: object) -> str | None:
    """The value if it has the form of an ISO 4217 code, such as RUB; else None."""
    is_code = isinstance(value, str) and _CODE.fullmatch(value) and value != NO_CURRENCY
    return str(value) if is_code else None


def minor_digits(currency: str) -> int:
    """The number of decimals of a currency (ISO 4217)."""
    return _DIGITS.get(currency, 2)


def parse_amount(value: object, currency: str) -> int:
    """Converts an amount in major units, a decimal string or an integer, to minor units.

    Raises:
        ValueError: It is no number, it is too large, or it has more decimals than the currency has.
    """
    digits = minor_digits(currency)
    if isinstance(value, str) and _PLAIN[digits].fullmatch(value):
        return int(value.replace(".", ""))
    exact = _minor_units(value, currency)
    if exact != exact.to_integral_value(context=_EXACT):
        raise ValueError(f"an amount in {currency} has at most {digits} decimals")
    return int(exact)


def round_amount(value: object, currency: str) -> int:
    """As `parse_amount`, for a vendor that computes amounts (from line items, with floats): surplus decimals
    are rounded, once, half to even."""
    return _rounded(_minor_units(value, currency))


def _minor_units(value: object, currency: str) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= AMOUNT_LIMIT:
        value = str(value)
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise ValueError("an amount must be a decimal string such as 5184.00, or an integer")
    exact = Decimal(value).scaleb(minor_digits(currency), _EXACT)
    if abs(exact) > AMOUNT_LIMIT:
        raise ValueError(f"an amount must be at most {decimal_string(AMOUNT_LIMIT, currency)} {currency}")
    return exact


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
