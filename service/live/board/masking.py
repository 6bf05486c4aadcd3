"""Clients' names for a wall that strangers can see (`mask_clients`). Pure."""

from __future__ import annotations

import re
from typing import Final

_MANY_DIGITS: Final = re.compile(r"\d(?:\D?\d){4,}")
"""A phone number, a passport: whatever it is, nobody else's business."""


def masked(name: str) -> str:
    """The first word, and of the others the first letter: `Иван П.`; of a number its last two digits; of an
    address what stands before the @.
    """
    if _MANY_DIGITS.search(name):
        return "…" + "".join(filter(str.isdigit, name))[-2:]
    if "@" in name:
        return name.partition("@")[0].strip() + "@…"
    first, *others = name.split() or [""]
    return " ".join([first, *(f"{word[0]}." for word in others if word[0].isalnum())])
