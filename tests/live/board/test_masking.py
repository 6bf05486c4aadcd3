"""Clients' names on walls that strangers can see."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.live.board import masking
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
def test_of_the_other_words_only_the_initials_are_shown(words: list[str]) -> None:
    first, *others = masked(" ".join(words)).split()
    assert first == words[0]
    assert all(len(word) == 2 and word.endswith(".") for word in others)


def test_one_module_decides_what_is_masked() -> None:
    own = Path(masking.__file__)
    live = own.parents[1].rglob("*.*")
    sources = {path: path.read_text(encoding="utf-8") for path in live if path.suffix in {".py", ".html"}}
    for decision in ("mask_clients", "masked("):
        assert [path for path, source in sources.items() if decision in source] == [own]
