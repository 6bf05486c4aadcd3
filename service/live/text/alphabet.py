"""The order of texts by the alphabet of a language, and the form in which they are searched. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from service.config import Language

_LATIN: Final = range(ord("a"), ord("z") + 1)
_AFTER_CYRILLIC: Final = {letter: 0xE000 + letter for letter in _LATIN}
"""Puts the Latin letters behind the Cyrillic ones, as Russian does."""

_ACCENTED: Final = re.compile("[\u00c0-\u024f\u1e00-\u1eff]")


@lru_cache(maxsize=4096)
def collated(text: str, language: Language) -> str:
    """A text that orders as its language orders `text`: the letters of the language come before those of
    another alphabet."""
    return folded(text).translate(_AFTER_CYRILLIC) if language == "ru" else folded(text)


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """A text without what people do not tell apart: case, ё and е, é and e, white space around it."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").strip()
    return _ACCENTED.sub(lambda letter: unicodedata.normalize("NFD", letter[0])[0], plain)
