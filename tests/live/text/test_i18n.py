"""Plural forms, signs, shares and exact amounts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from service.live.text import formats
from service.live.text.i18n import translations_of


@pytest.mark.parametrize(
    ("count", "ru", "en"),
    [
        (0, "0 дней", "0 days"),
        (1, "1 день", "1 day"),
        (2, "2 дня", "2 days"),
        (5, "5 дней", "5 days"),
        (11, "11 дней", "11 days"),
        (12, "12 дней", "12 days"),
        (21, "21 день", "21 days"),
        (102, "102 дня", "102 days"),
        (111, "111 дней", "111 days"),
    ],
)
def test_a_number_asks_for_its_plural_form(count: int, ru: str, en: str) -> None:
    assert translations_of("ru").ngettext("%(num)s day", "%(num)s days", count) == ru
    assert translations_of("en").ngettext("%(num)s day", "%(num)s days", count) == en


def test_the_script_has_the_plural_forms_of_its_language() -> None:
    assert translations_of("ru").script()["day"] == ["%(num)s день", "%(num)s дня", "%(num)s дней"]
    english = translations_of("en").script()["day"]
    assert (english[0], english[-1]) == ("%(num)s day", "%(num)s days")


def test_the_largest_sum_of_a_board_is_written_to_the_kopeck() -> None:
    grouped = "90\u00a0000\u00a0000\u00a0000\u00a0000,99\u00a0₽"
    assert formats.money("90000000000000.99", "RUB", "ru") == grouped
    assert formats.money("90000000000000.99", "RUB", "en") == "₽90,000,000,000,000.99"


def test_a_difference_has_its_sign_in_both_directions() -> None:
    assert formats.signed_money(Decimal(5), "RUB", "ru") == "+5\u00a0₽"
    assert formats.signed_money(Decimal(-5), "RUB", "ru") == "\u22125\u00a0₽"
    assert [formats.signed_number(number, "en") for number in (1200, 0, -3)] == ["+1,200", "0", "\u22123"]


@pytest.mark.parametrize(
    ("share", "ru", "en"),
    [
        ("0", "0\u00a0%", "0%"),
        ("0.004", "<1\u00a0%", "<1%"),
        ("0.006", "1\u00a0%", "1%"),
        ("1", "100\u00a0%", "100%"),
    ],
)
def test_a_share_is_in_whole_percent_and_a_small_one_is_not_nothing(share: str, ru: str, en: str) -> None:
    assert (formats.percent(Decimal(share), "ru"), formats.percent(Decimal(share), "en")) == (ru, en)
