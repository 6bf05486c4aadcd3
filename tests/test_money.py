"""Amounts: exact, or refused (SPEC section 5, amounts are decimal strings)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import AMOUNT_LIMIT
from service.money import convert, decimal_string, minor_digits, parse_amount

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
        ("0.005", "RUB", 0),
        ("0.015", "RUB", 2),
        ("0.0151", "RUB", 2),
        ("10.5", "JPY", 10),
        ("11.5", "JPY", 12),
        ("1.0005", "KWD", 1000),
        ("1.0015", "KWD", 1002),
    ],
)
def test_amounts_are_read_and_rounded_half_to_even(value: str | int, currency: str, minor: int) -> None:
    assert parse_amount(value, currency) == minor


@pytest.mark.parametrize(
    "value",
    [
        *("", " 1", "1 000", "1,5", "1.", ".5", "1e3", "NaN", "Infinity", "+1", "٣", "1.00001", "1" * 14),
        *(5.5, True, None, 10**30, AMOUNT_LIMIT),
    ],
)
def test_what_is_no_amount_is_refused(value: str | int) -> None:
    with pytest.raises(ValueError, match="amount"):
        parse_amount(value, "RUB")


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
