"""The configuration reference is what the code says, in both languages."""

from __future__ import annotations

import re
from typing import Final, get_type_hints

import msgspec
import pytest

from scripts.configuration_reference import DOCUMENTS, document, meanings, russian, tables, translation
from service.config_file.words import fields

ROWS: Final = re.findall(r"^\| `(\w+)` \|.* (\S.*) \| (yes|no) \|$", document(str), re.MULTILINE)
"""Of each key its name, where its value may stand, and whether a reload takes it."""


def test_the_pages_are_what_make_reference_writes() -> None:
    assert DOCUMENTS["en"].read_text("utf-8") == document(str)
    assert DOCUMENTS["ru"].read_text("utf-8") == document(translation())


def test_the_catalogue_has_what_the_page_says_and_nothing_else() -> None:
    said: set[str] = set()

    def note(message: str) -> str:
        said.add(message)
        return message

    document(note)
    messages = {str(message.id): message for message in russian() if message.id}
    assert messages.keys() == said
    for text, message in messages.items():
        assert message.string, text
        assert not message.fuzzy, text
        assert text.count("{}") == str(message.string).count("{}"), text


def test_every_key_is_there_with_its_meaning() -> None:
    known = [name for table in tables().values() for name in fields(table)]
    assert [name for name, _, _ in ROWS] == known
    for table in tables().values():
        assert meanings(table).keys() == fields(table).keys(), table


def test_a_key_that_takes_no_reference_refuses_a_text() -> None:
    keys = [(table, name) for table in tables().values() for name in fields(table)]
    refusing = [key for key, (_, where, _) in zip(keys, ROWS, strict=True) if where == "no"]
    assert len(refusing) >= 8
    for table, name in refusing:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert("a text", get_type_hints(table, include_extras=True)[name])


def test_a_reload_takes_the_accounts_the_log_and_the_tokens() -> None:
    fixed = {name for name, _, reloaded in ROWS if reloaded == "no"}
    assert fixed == {
        "database_url",
        "listen_url",
        "sharded",
        "keep_bodies_days",
        "root_path",
        "trusted_proxies",
    }
