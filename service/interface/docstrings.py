"""What docstrings say of a type and of its fields, as texts for who reads no code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_SOURCE: Final = re.compile(r" \(SPEC section [^)]*\)")
"""Where a rule comes from, which tells something to who has the code alone."""

_SECTION: Final = re.compile(r"\n\n(?:Args|Attributes):\n")
_FIELD: Final = re.compile(r"^    (\w+): ", re.MULTILINE)


class Told(NamedTuple):
    """What a docstring tells.

    Args:
        text: In lines as long as they are.
        fields: The text of each field that the docstring tells something of.
    """

    text: str
    fields: Mapping[str, str]


def told(type_: type) -> Told:
    """What the docstring of a type tells."""
    text, *sections = _SECTION.split(_SOURCE.sub("", inspect.cleandoc(type_.__doc__ or "")))
    fields: dict[str, str] = {}
    for section in sections:
        _, *parts = _FIELD.split(f"\n{section}")
        fields |= dict(zip(parts[::2], map(_joined, parts[1::2]), strict=True))
    paragraphs = [_joined(paragraph) for paragraph in text.split("\n\n")]
    return Told("\n\n".join(paragraphs), fields)


def _joined(text: str) -> str:
    return " ".join(text.split())
