"""The kinds of loss reasons: the department's fault, nobody's fault, or no refusal at all.

Pure. A reason's kind is looked up when figures are read, so that reclassifying a reason recomputes nothing.
The configuration lists reasons, and people who look at the board may classify by hand what it does not list.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from service.model import ID_LENGTH

Kind: TypeAlias = Literal["controllable", "objective", "excluded", "unclassified"]

LISTED_KINDS: Final[tuple[Kind, ...]] = ("controllable", "objective", "excluded")
"""The kinds that a reason can be given."""

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
    """The kind of each reason that is in a list, by `reason_key` of its name or of the CRM's id.

    Args:
        kinds: What the configuration lists. It wins, by name or id.
        by_hand: What was classified by hand.
        names: What the configuration lists, as it writes it.
    """

    kinds: Mapping[str, Kind]
    by_hand: Mapping[str, Kind] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, lists: Mapping[Kind, Iterable[str]]) -> ReasonTable:
        """The table of the names or ids of each kind."""
        listed = [(reason_key(name), kind, name) for kind, names in lists.items() for name in names]
        return cls({key: kind for key, kind, _ in listed}, names={key: name for key, _, name in listed})

    def listed(self, kind: Kind) -> tuple[str, ...]:
        """What the configuration lists as of a kind, in its order and as it writes it."""
        return tuple(name for key, name in self.names.items() if self.kinds[key] == kind)

    def with_hand(self, by_hand: Mapping[str, Kind]) -> ReasonTable:
        """The table with what was classified by hand, which counts where the configuration lists nothing."""
        return replace(self, by_hand=by_hand) if by_hand else self

    def kind_of(self, reason_id: str | None, name: str | None) -> Kind:
        """The kind of a reason. A reason in no list, or none at all, is unclassified."""
        return (
            _listed(self.kinds, reason_id, name) or _listed(self.by_hand, reason_id, name) or "unclassified"
        )

    def is_by_hand(self, reason_id: str | None, name: str | None) -> bool:
        """Whether a reason has its kind by hand, and can lose it by what it is called: by its name, or by its
        id while it has no name."""
        is_listed = _listed(self.kinds, reason_id, name) is not None
        return not is_listed and reason_key(name or reason_id or "") in self.by_hand


def _listed(kinds: Mapping[str, Kind], reason_id: str | None, name: str | None) -> Kind | None:
    """The kind of a reason in some lists, where its name counts before its id."""
    found = (kinds.get(reason_key(text)) for text in (name, reason_id) if text)
    return next((kind for kind in found if kind is not None), None)


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
    language: ReasonTable.of(lists) for language, lists in _DEFAULT_NAMES.items()
}
"""By an account's language, the table for one whose configuration has none (SPEC section 2.2)."""
