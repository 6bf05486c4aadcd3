"""Amounts: exact, or refused (SPEC section 5, amounts are decimal strings)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import AMOUNT_LIMIT
from service.money import (
    NO_CURRENCY,
    convert,
    currency_code,
    decimal_string,
    minor_digits,
    parse_amount,
    round_amount,
)

CURRENCIES = st.sampled_from(["RUB", "USD", "JPY", "KWD"])


def test_currencies_have_their_decimals() -> None:
    assert [minor_digits(currency) for currency in ("RUB", "USD", "JPY", "KWD", "XXX")] == [2, 2, 0, 3, 2]


@given(st.integers(-AMOUNT_LIMIT, AMOUNT_LIMIT), CURRENCIES)
def test_what_is_shown_is_read_back(minor: int, currency: str) -> None:
    text = decimal_string(minor, currency)
    if len(text.lstrip("-").partition(".")[0]) <= 13:
        assert parse_amount(text, currency) == minor
    assert "E" not in text


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("5184.00", "RUB", 518_400),
        (5184, "RUB", 518_400),
        ("05184", "RUB", 518_400),
        ("-0.01", "RUB", -1),
        ("5184.5000", "RUB", 518_450),
        ("1.5e3", "RUB", 150_000),
        ("10.00", "JPY", 10),
        ("1.015", "KWD", 1015),
    ],
)
def test_amounts_are_exact(value: str | int, currency: str, minor: int) -> None:
    assert parse_amount(value, currency) == minor
    assert round_amount(value, currency) == minor


@pytest.mark.parametrize(
    ("value", "currency", "rounded"),
    [
        ("0.005", "RUB", 0),
        ("0.015", "RUB", 2),
        ("0.0151", "RUB", 2),
        ("0.00500000000001", "RUB", 1),
        ("10.5", "JPY", 10),
        ("11.5", "JPY", 12),
        ("1.0005", "KWD", 1000),
        ("1.0015", "KWD", 1002),
    ],
)
def test_more_decimals_than_the_currency_has_are_refused_or_rounded_half_to_even(
    value: str, currency: str, rounded: int
) -> None:
    assert round_amount(value, currency) == rounded
    with pytest.raises(ValueError, match="decimals"):
        parse_amount(value, currency)


@pytest.mark.parametrize(
    "value",
    [
        *("", " 1", "1 000", "1,5", "1.", ".5", "1e", "NaN", "Infinity", "+1", "٣", "1" * 14, "1e99"),
        *(5.5, True, None, [], 10**30, AMOUNT_LIMIT, -(10**30)),
    ],
)
@pytest.mark.parametrize("read", [parse_amount, round_amount])
def test_what_is_no_amount_is_refused(read: Callable[[object, str], int], value: object) -> None:
    with pytest.raises(ValueError, match="amount"):
        read(value, "RUB")


@pytest.mark.parametrize("value", ["RUR ", "rub", "USDT", "", None, 643, NO_CURRENCY])
def test_what_is_no_code_is_no_currency(value: object) -> None:
    assert currency_code(value) is None


@given(
    st.integers(-AMOUNT_LIMIT, AMOUNT_LIMIT),
    CURRENCIES,
    CURRENCIES,
    st.decimals(Decimal("0.000000001"), Decimal(999_999_999), places=9),
)
def test_a_conversion_is_rounded_once(minor: int, currency: str, to_currency: str, rate: Decimal) -> None:
    converted = convert(minor, currency, to_currency, {currency: rate})
    assert converted is not None
    if currency == to_currency:
        assert converted == minor
        return
    exact = (
        Fraction(minor)
        * Fraction(rate)
        * Fraction(10) ** (minor_digits(to_currency) - minor_digits(currency))
    )
    assert converted == round(exact)  # of a fraction, Python rounds half to even


def test_without_a_rate_there_is_no_amount() -> None:
    assert convert(100, "USD", "RUB", {"EUR": Decimal(90)}) is None
