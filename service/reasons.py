"""The kinds of loss reasons: the department's fault, nobody's fault, or no refusal at all.

Pure. A reason's kind is looked up when figures are read, so that reclassifying a reason recomputes nothing.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from service.model import ID_LENGTH

Kind: TypeAlias = Literal["controllable", "objective", "excluded", "unclassified"]

_ENTITY: Final = re.compile(r"&(?:#\d+|#x[0-9a-f]+|\w+);")
"""A character as HTML writes it: some CRMs store what was typed into a web form so, such as `&quot;`."""

_ALIKE: Final = str.maketrans(
    dict.fromkeys(map(chr, (*range(0x2010, 0x2016), 0x2212)), "-")  # dashes, and the minus
    | dict.fromkeys("«»“”„‟″", '"')
    | dict.fromkeys("‘’‚‛′`´", "'")
    | {"ё": "е"}
)
"""Characters that people do not tell apart."""


@lru_cache(maxsize=4096)  # every read of a board asks for the same few names
def reason_key(name: str) -> str:
    """A reason's name in the form used for comparison: NFKC, casefold, ё = е, white space trimmed and
    collapsed; dashes and quotes are alike, HTML's entities are read, and what is invisible is left out."""
    folded, before = name, None
    while folded != before:  # one step can make work for another: `＆quot；` is an entity only after NFKC
        before, folded = folded, _folded(folded)
    return " ".join(folded.split())[:ID_LENGTH].rstrip()


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name.translate(_ALIKE)).casefold()
    visible = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), visible)


@dataclass(frozen=True, slots=True)
class ReasonTable:
    """The kind of each listed reason, by `reason_key` of its name or of the CRM's id."""

    kinds: Mapping[str, Kind]

    def kind_of(self, reason_id: str | None, name: str | None) -> Kind:
        """The kind of a reason. A reason in no list, or none at all, is unclassified."""
        for text in (name, reason_id):
            kind = self.kinds.get(reason_key(text)) if text else None
            if kind is not None:
                return kind
        return "unclassified"


_DEFAULT_NAMES: Final[Mapping[str, Mapping[Kind, tuple[str, ...]]]] = {
    "ru": {
        "controllable": ("Не отвечает более 3-х раз", "Выбрал других"),
        "objective": (
            "Хочет, но не сейчас",
            "Нет у нас услуги",
            "Целевой, но нет потребности",
            "Не подходит график",
            "Больше не звонить",
        ),
        "excluded": ("Спам", "Дубль", "Нецелевой"),
    },
    "en": {
        "controllable": ("No response", "Chose a competitor"),
        "objective": (
            "Not now",
            "Service not offered",
            "No need",
            "Schedule does not suit",
            "Do not call",
        ),
        "excluded": ("Spam", "Duplicate", "Not a target lead"),
    },
}

DEFAULT_REASONS: Final[Mapping[str, ReasonTable]] = {
    language: ReasonTable({reason_key(name): kind for kind, names in kinds.items() for name in names})
    for language, kinds in _DEFAULT_NAMES.items()
}
"""By an account's language, the table for one whose configuration has none (SPEC section 2.2)."""
