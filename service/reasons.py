"""The kinds of loss reasons: the department's fault, nobody's fault, or no refusal at all.

Pure. A reason's kind is looked up when figures are read, so that reclassifying a reason recomputes nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from service.model import ID_LENGTH

Kind: TypeAlias = Literal["controllable", "objective", "excluded", "unclassified"]


@lru_cache(maxsize=4096)  # every read of a board asks for the same few names
def reason_key(name: str) -> str:
    """A reason's name in the form used for comparison: NFKC, casefold, ё = е, white space trimmed and
    collapsed."""
    folded = unicodedata.normalize("NFKC", name).casefold().replace("ё", "е")
    return " ".join(unicodedata.normalize("NFKC", folded).split())[:ID_LENGTH].rstrip()


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


_DEFAULT_NAMES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "controllable": ("Не отвечает более 3-х раз", "Выбрал других"),
    "objective": (
        "Хочет, но не сейчас",
        "Нет у нас услуги",
        "Целевой, но нет потребности",
        "Не подходит график",
        "Больше не звонить",
    ),
    "excluded": ("Спам", "Дубль", "Нецелевой"),
}

DEFAULT_REASONS: Final = ReasonTable(
    {reason_key(name): kind for kind, names in _DEFAULT_NAMES.items() for name in names}
)
"""The table for an account whose configuration has none."""
