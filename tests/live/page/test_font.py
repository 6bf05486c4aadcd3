"""The page's fonts have what its texts are made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from scripts.font import FILES, FOLDER, characters_of, make
from service.live.text.formats import MINUS, money
from tests.live.screens import opened

PARTS = Path(__file__).parents[3] / "service/live"


def test_the_fonts_have_every_character_that_the_page_can_show_by_itself() -> None:
    shown = {
        MINUS,
        *(
            sign
            for code in ("RUB", "KZT", "UAH", "EUR", "USD", "GBP", "INR")
            for sign in money("1", code, "ru")
        ),
    }
    for file in (*PARTS.glob("catalogue/*.po"), *PARTS.glob("templates/*.html")):
        shown |= set(file.read_text(encoding="utf-8"))
    drawn = frozenset().union(*(characters_of(FOLDER / name) for name in FILES))
    assert {sign for sign in shown if sign.isprintable() and ord(sign) not in drawn} == set()


@pytest.mark.parametrize("name", FILES)
def test_a_font_is_what_the_script_makes_of_its_source(name: str, tmp_path: Path) -> None:
    source, characters = FILES[name]
    make(source, characters, tmp_path / name)
    assert characters_of(tmp_path / name) == characters_of(FOLDER / name)


def test_the_page_is_drawn_in_its_own_fonts(browser: Browser) -> None:
    with opened(browser) as screen:
        loaded = "[...document.fonts].filter((font) => font.status === 'loaded').map((font) => font.family)"
        assert screen.page.evaluate(f"document.fonts.ready.then(() => {loaded})").count("Board") == 2
