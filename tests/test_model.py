"""Text that both databases keep alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import TEXT_LENGTH, cleaned


@given(st.text(st.characters(), max_size=TEXT_LENGTH * 2))
def test_cleaned_text_can_be_stored_and_stays_as_it_is(text: str) -> None:
    kept = cleaned(text)
    assert "\0" not in kept
    assert len(kept) <= TEXT_LENGTH
    kept.encode()
    assert cleaned(kept) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [("  Иван\0 Петров ", "Иван Петров"), ("\ud83d", "?"), ("x" * 501, "x" * 499 + "…"), ("\0", "")],
)
def test_what_is_cut(text: str, kept: str) -> None:
    assert cleaned(text) == kept
