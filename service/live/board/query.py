"""What a screen asks for: the query of a board's address (SPEC section 5), checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias, get_args
from urllib.parse import urlencode

import msgspec

from service.calendar import parse_period
from service.config import Account, Language
from service.live.board.snapshot import Sort
from service.model import ID_LENGTH

Form: TypeAlias = Literal["json", "html"]
Mode: TypeAlias = Literal["desk", "wall"]
"""`wall`: read from afar, nobody clicks."""
Theme: TypeAlias = Literal["auto", "dark", "light"]
"""`auto`: as the screen's system asks for; a wall is then dark."""


NONE: Final = "-"
"""In an address: what has no manager, or is in no pipeline."""


class QueryError(ValueError):
    """The query asks for something that there is not; whoever wrote the address mends it."""


class BoardQuery(NamedTuple):
    """What a screen asked for.

    Args:
        period: As in the address; `calendar.parse_period` reads it.
        form: Whether the stream carries JSON, or parts of the page.
        manager: Show what is this manager's alone; None for everybody's, empty for nobody's.
        pipeline: Show what is in this pipeline alone; None for all, empty for what is in none.
    """

    account: str
    period: str
    sort: Sort
    form: Form
    language: Language
    mode: Mode = "desk"
    manager: str | None = None
    pipeline: str | None = None
    theme: Theme = "auto"

    @property
    def light_where(self) -> str:
        """The media query for which the page is light."""
        if self.theme == "auto" and self.mode == "desk":
            return "(prefers-color-scheme: light)"
        return "all" if self.theme == "light" else "not all"

    def urlencoded(self, **other: str | None) -> str:
        """The query of the page's address for this query, or one that differs in something."""
        given: dict[str, str | None] = {
            "period": self.period,
            "sort": self.sort,
            "lang": self.language,
            "mode": "wall" if self.mode == "wall" else None,
            "theme": None if self.theme == "auto" else self.theme,
            "manager": self.manager,
            "pipeline": self.pipeline,
            **other,
        }
        return urlencode({name: value or NONE for name, value in given.items() if value is not None})


_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "sort": get_args(Sort),
    "form": get_args(Form),
    "lang": get_args(Language),
    "mode": get_args(Mode),
    "theme": get_args(Theme),
}


def parse_query(query: Mapping[str, str], account: Account, today: int) -> BoardQuery:
    """The board that the parameters of an address ask for; what they leave out has a default.

    Raises:
        QueryError: See there.
        PeriodError: The period is none.
    """
    chosen = {"sort": "amount", "form": "json", "lang": account.language, "mode": "desk", "theme": "auto"}
    for name, choices in _CHOICES.items():
        chosen[name] = query.get(name, chosen[name])
        if chosen[name] not in choices:
            raise QueryError(f"{name} is {' or '.join(choices)}")
    period = query.get("period", "month")
    parse_period(period, today)
    return msgspec.convert(
        (
            account.id,
            period,
            *(chosen[name] for name in ("sort", "form", "lang", "mode")),
            _chosen(query, "manager"),
            _chosen(query, "pipeline"),
            chosen["theme"],
        ),
        BoardQuery,
    )


def _chosen(query: Mapping[str, str], name: str) -> str | None:
    """An id; None for what is left empty, as a form does; empty for `-`, which asks for those without."""
    given = query.get(name, "")
    if len(given) > ID_LENGTH:
        raise QueryError(f"{name} has at most {ID_LENGTH} characters")
    return "" if given == NONE else given or None
