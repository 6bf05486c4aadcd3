"""The order of texts by the alphabet."""

from __future__ import annotations

import random

from service.live.text.alphabet import collated, folded


def test_texts_go_by_the_alphabet_of_the_language() -> None:
    russian = ["1", "Ёлкина", "ежов", "Ель", "Иванов", "йод", "Клён", "Яков", "Émile", "Étienne", "Fox"]
    mixed = sorted(russian, key=lambda _: random.Random(7).random())
    assert sorted(mixed, key=lambda name: collated(name, "ru")) == [
        *("1", "ежов", "Ёлкина", "Ель", "Иванов", "йод", "Клён", "Яков", "Émile", "Étienne", "Fox"),
    ]
    english = sorted(mixed, key=lambda name: collated(name, "en"))
    assert english[:4] == ["1", "Émile", "Étienne", "Fox"]


def test_a_text_is_searched_for_whatever_its_case_and_accents() -> None:
    assert folded(" СЕМЁН ") == folded("семен")
    assert folded("Élan") == "elan"
    assert folded("ЙОД") != folded("иод")
