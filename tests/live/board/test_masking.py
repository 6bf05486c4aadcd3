"""Clients' names on walls that strangers can see."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.live.board.masking import masked


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Иван Петров", "Иван П."),
        ("  Мария   Ивановна Седова ", "Мария И. С."),
        ("Ольга", "Ольга"),
        ("ООО «Ромашка»", "ООО"),
        ("+7 912 345-67-89", "…89"),
        ("Иван 89123456789", "…89"),
        ("ivan@example.com", "ivan@…"),
        ("Anna-Maria O'Neil", "Anna-Maria O."),
        ("", ""),
    ],
)
def test_names_are_masked(name: str, shown: str) -> None:
    assert masked(name) == shown


@given(st.lists(st.text("абвгдежз", min_size=2, max_size=12), min_size=2, max_size=5))
def test_nothing_but_the_first_word_is_told(words: list[str]) -> None:
    first, *others = masked(" ".join(words)).split()
    assert first == words[0]
    assert all(len(word) == 2 and word.endswith(".") for word in others)
