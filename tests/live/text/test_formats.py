"""Figures are written as people write them in each language."""

from __future__ import annotations

import pytest

from service.live.text import formats


@pytest.mark.parametrize(
    ("amount", "currency", "ru", "en"),
    [
        ("412560.00", "RUB", "412 560 ₽", "₽412,560"),
        ("0.50", "RUB", "0,50 ₽", "₽0.50"),
        ("-1234.00", "USD", "\N{MINUS SIGN}1 234 $", "\N{MINUS SIGN}$1,234"),
        ("1.250", "KWD", "1,250 KWD", "KWD 1.250"),
        ("1200", "JPY", "1 200 ¥", "¥1,200"),
    ],
)
def test_money_is_written_as_people_write_it(amount: str, currency: str, ru: str, en: str) -> None:
    assert formats.money(amount, currency, "ru") == ru.replace(" ", formats.NO_BREAK)
    assert formats.money(amount, currency, "en") == en.replace(" ", formats.NO_BREAK)
