"""The money of a deal, from what a CRM sent: what is not known is None, and costs the rest nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from service.adapters.fields import money
from service.model import Value
from service.money import NO_CURRENCY, round_amount


@pytest.mark.parametrize(
    ("amount", "currency", "fields"),
    [
        ("5184.50", "RUB", {"amount": 518450, "currency": "RUB"}),
        (100, "JPY", {"amount": 100, "currency": "JPY"}),
        ("5184.50", UNSET, {"amount": 518450}),
        ("5184.50", None, {"amount": 518450, "currency": None}),
        ("5184.50", " ", {"amount": 518450, "currency": None}),
        (UNSET, " EUR ", {"currency": "EUR"}),
        (UNSET, UNSET, {}),
        (None, "RUB", {"amount": None, "currency": "RUB"}),
        ("", UNSET, {"amount": None}),
        ("5184.505", UNSET, {"amount": None}),
        ("1.5", "JPY", {"amount": None, "currency": "JPY"}),
        ("dear", UNSET, {"amount": None}),
        (True, UNSET, {"amount": None}),
        (5184.5, UNSET, {"amount": None}),
        ({"value": "1"}, UNSET, {"amount": None}),
        ("100", "USDT", {"amount": None, "currency": NO_CURRENCY}),
        ("100", "rub", {"amount": None, "currency": NO_CURRENCY}),
        ("100", 643, {"amount": None, "currency": NO_CURRENCY}),
        ("100", [], {"amount": None, "currency": NO_CURRENCY}),
        (UNSET, "₽", {"currency": NO_CURRENCY}),
    ],
)
def test_what_is_not_known_is_none(amount: object, currency: object, fields: Mapping[str, Value]) -> None:
    assert money(amount, currency, "RUB") == fields


def test_a_vendor_that_computes_amounts_has_them_rounded() -> None:
    assert money("333.333333", "USD", "RUB", round_amount) == {"amount": 33333, "currency": "USD"}
    assert money("many", "USD", "RUB", round_amount) == {"amount": None, "currency": "USD"}


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans(), st.text() | st.none())
def test_nothing_that_is_sent_raises(amount: object, currency: object) -> None:
    assert money(amount, currency, "RUB").keys() == {"amount", "currency"}
