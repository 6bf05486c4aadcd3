"""The catalogues have every message of the source, and no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import service.live
from service.config import Language
from service.live.text.i18n import NO_REASON, PENDING_REASON


def messages() -> Iterator[str | tuple[str, ...]]:
    """Every message in the source."""
    keywords = {
        "_": None,
        "gettext": None,
        "ngettext": (1, 2),
        "_plural_forms": (1, 2),
        "_message": None,
        "_plural": (1, 2),
        "Column": (2,),
    }
    folder = Path(next(iter(service.live.__path__)))
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    for _, _, message, _, _ in extract_from_dir(folder, methods, keywords=keywords):
        yield message
    yield from (NO_REASON, PENDING_REASON)


@pytest.mark.parametrize("language", [language for language in get_args(Language) if language != "en"])
def test_every_message_is_translated_and_every_translation_is_used(language: Language) -> None:
    with (Path(next(iter(service.live.__path__))) / "catalogue" / f"{language}.po").open("rb") as file:
        catalogue: Catalog = read_po(file, locale=language)
    translated = {message.id for message in catalogue if message.id and all(_forms(message.string))}
    assert translated == set(messages())
    assert [error for message in catalogue for error in message.check(catalogue)] == []


def _forms(string: str | Sequence[str] | None) -> Sequence[str]:
    return [string or ""] if isinstance(string, str | None) else string
