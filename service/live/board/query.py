"""The query of a board's address (SPEC section 5), parsed and checked. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args
from urllib.parse import parse_qsl, urlencode

from service.calendar import parse_period
from service.config import Account, Language
from service.live.board.rotation import EVERY, SECONDS, parse_rotation
from service.live.board.snapshot import Sort
from service.model import ID_LENGTH, TEXT_LENGTH, Day

Form: TypeAlias = Literal["json", "html"]
Mode: TypeAlias = Literal["desk", "wall"]
"""`wall`: a board that is read from afar; nobody clicks on it."""
Theme: TypeAlias = Literal["auto", "dark", "light"]
"""`auto`: a desk follows the system's setting, a wall is dark."""


DISTANCE: Final = 5.0
"""Metres from which a wall is read, unless its address says otherwise."""

INCHES: Final = 55.0
"""The diagonal of a wall's screen, unless its address says otherwise."""

NONE: Final = "-"
"""In an address: what has no manager, or is in no pipeline."""

KEPT: Final = frozenset(
    "period sort mode lang theme manager pipeline distance inches sound flash quiet rotate every".split()
)
"""The parameters that a named screen can keep as its view."""

DISTANCES: Final = range(1, 21)
"""Metres."""

SIZES: Final = range(10, 151)
"""Inches."""

SUM: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,3})?")
_TIME: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
QUIET: Final = re.compile(f"(?!(.{{5}})-\\1){_TIME}-{_TIME}")
"""Two different times of day."""

_UNREADABLE: Final = frozenset({"Cc", "Cs"})
"""The Unicode categories of control characters (NUL is one) and of lone surrogates. No id, name or period has
them, and a database may refuse a statement because of them."""


class QueryError(ValueError):
    """A parameter has a value that the board does not know. The message is for the person who wrote the
    address."""


class BoardQuery(NamedTuple):
    """Which board a page or a stream shows, and how.

    Args:
        period: As in the address; `calendar.parse_period` reads it.
        form: Whether the stream carries JSON, or HTML fragments of the page.
        manager: Show only what is this manager's; None for everybody's, empty for nobody's.
        pipeline: Show only what is in this pipeline; None for all, empty for what is in none.
        distance: Metres from which a wall is read.
        inches: The diagonal of the wall's screen.
        sound: The amount at stake from which a new client is heard; None: nothing is heard.
        flash: The same for what is seen.
        quiet: The local time in which neither is, such as `20:00-08:00`.
        rotate: The boards that a wall shows in turns; see `rotation`.
        every: For how many seconds each.
        view: The parameters that the address has by default, as a named screen keeps them.
        editor: Whether the page has the controls of somebody who may classify reasons.
    """

    account: str
    period: str
    sort: Sort
    form: Form
    language: Language
    mode: Mode = "desk"
    theme: Theme = "auto"
    manager: str | None = None
    pipeline: str | None = None
    distance: float = DISTANCE
    inches: float = INCHES
    sound: str | None = None
    flash: str | None = None
    quiet: str | None = None
    rotate: str = ""
    every: int = EVERY
    view: str = ""
    editor: bool = False

    @property
    def is_filtered(self) -> bool:
        """Whether the board is of one manager or pipeline."""
        return self.manager is not None or self.pipeline is not None

    @property
    def light_where(self) -> str:
        """The media query under which the page is light."""
        if self.theme == "auto" and self.mode == "desk":
            return "(prefers-color-scheme: light)"
        return "all" if self.theme == "light" else "not all"

    def urlencoded(self, **changes: str | None) -> str:
        """The parameters of the page's address, with some changed, added, or (None) left out. One that is
        left out is empty where the screen would put its own in its place."""
        return urlencode(self.parameters(**changes))

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """The same, by name: what the forms of the page carry along."""
        parameters: dict[str, str | None] = {
            "period": self.period,
            "sort": self.sort,
            "lang": self.language,
            "mode": "wall" if self.mode == "wall" else None,
            "theme": None if self.theme == "auto" else self.theme,
            "manager": self.manager,
            "pipeline": self.pipeline,
            "distance": None if self.distance == DISTANCE else f"{self.distance:g}",
            "inches": None if self.inches == INCHES else f"{self.inches:g}",
            "sound": self.sound,
            "flash": self.flash,
            "quiet": self.quiet,
            "rotate": self.rotate or None,
            "every": None if self.every == EVERY else str(self.every),
            **changes,
        }
        told = {name: value or NONE for name, value in parameters.items() if value is not None}
        return {**told, **{name: "" for name in view_of(self.view) if name not in told}}


def check_parameters(parameters: Iterable[tuple[str, str]]) -> None:
    """Return if a page, stream or list may read the parameters of its address, known and unknown ones, by
    name and value.

    Raises:
        QueryError: One has a control character or a lone surrogate, or is longer than any text on a board.
    """
    for name, value in parameters:
        for text in (name, value):
            if len(text) > TEXT_LENGTH:
                raise QueryError(f"{name[:ID_LENGTH]!a} has at most {TEXT_LENGTH} characters")
            if any(unicodedata.category(character) in _UNREADABLE for character in text):
                raise QueryError(f"{name!a} has a character that cannot be read")


def view_of(text: str) -> dict[str, str]:
    """The parameters of a view that a named screen keeps."""
    return dict(parse_qsl(text, keep_blank_values=True))


def parse_view(text: str, account: Account, today: Day) -> str:
    """A view that a named screen can keep, in one spelling.

    Args:
        text: As in an address: `mode=wall&period=week`.

    Raises:
        QueryError: A parameter is unknown, is there twice, or has an unknown value.
        PeriodError: The period cannot be read.
    """
    parameters = parse_qsl(text.strip().removeprefix("?"), keep_blank_values=True)
    check_parameters([("view", text), *parameters])
    for name, _ in parameters:
        if name not in KEPT:
            raise QueryError(f"a view has no {name!a}; it has {', '.join(sorted(KEPT))}")
    view = dict(parameters)
    if len(view) < len(parameters):
        raise QueryError("a view has each parameter once")
    parse_query(view, account, today)
    return urlencode(view, safe=",:@/")


def parse_query(parameters: Mapping[str, str], account: Account, today: Day, view: str = "") -> BoardQuery:
    """The board that the parameters of an address ask for. An empty one counts as left out. Defaults: this
    month, in the account's language.

    Args:
        view: The parameters that a named screen keeps, for those that the address does not name.

    Raises:
        QueryError: A parameter has an unknown value.
        PeriodError: The period cannot be read.
    """
    parameters = {**view_of(view), **parameters}
    period = _period(parameters)
    parse_period(period, today)
    return BoardQuery(
        account.id,
        period,
        sort=_choice(parameters, "sort", "amount", Sort),
        form=_choice(parameters, "form", "json", Form),
        language=_choice(parameters, "lang", account.language, Language),
        mode=_choice(parameters, "mode", "desk", Mode),
        theme=_choice(parameters, "theme", "auto", Theme),
        manager=_parse_id(parameters, "manager"),
        pipeline=_parse_id(parameters, "pipeline"),
        distance=_number(parameters, "distance", DISTANCE, DISTANCES),
        inches=_number(parameters, "inches", INCHES, SIZES),
        sound=_matching(parameters, "sound", SUM, "an amount such as 100000"),
        flash=_matching(parameters, "flash", SUM, "an amount such as 100000"),
        quiet=_matching(parameters, "quiet", QUIET, "such as 20:00-08:00"),
        rotate=_rotation(parameters),
        every=int(_number(parameters, "every", EVERY, SECONDS)),
        view=view,
    )


def _period(parameters: Mapping[str, str]) -> str:
    """The period, by its name, or by the dates of a form (`from`, `to`), whichever of them is the first day.

    Raises:
        QueryError: One of the two dates is missing.
    """
    dates = [date for name in ("from", "to") if (date := parameters.get(name))]
    if len(dates) == 1:
        raise QueryError("from and to are both needed")
    return "..".join(sorted(dates)) or parameters.get("period") or "month"


def _choice(parameters: Mapping[str, str], name: str, default: str, type_: Any) -> Any:
    """One of the values of a `Literal` type."""
    value = parameters.get(name)
    if not value:
        return default
    choices = get_args(type_)
    if value not in choices:
        raise QueryError(f"{name} must be {' or '.join(choices)}")
    return value


def parse_flag(parameters: Mapping[str, str], name: str) -> bool:
    """Whether a parameter is `1`; an empty one, or none, is not.

    Raises:
        QueryError: It has another value.
    """
    value = parameters.get(name, "")
    if value not in ("", "1"):
        raise QueryError(f"{name} is 1, or left out")
    return value == "1"


def _matching(parameters: Mapping[str, str], name: str, form: re.Pattern[str], expected: str) -> str | None:
    """A text of a form; None for an empty one."""
    value = parameters.get(name) or None
    if value is not None and not form.fullmatch(value):
        raise QueryError(f"{name} must be {expected}")
    return value


def _rotation(parameters: Mapping[str, str]) -> str:
    value = parameters.get("rotate", "")
    try:
        parse_rotation(value)
    except ValueError as error:
        raise QueryError(str(error)) from None
    return value


def _number(parameters: Mapping[str, str], name: str, default: float, bounds: range) -> float:
    """A number between two bounds, in plain decimal notation with a point or a comma."""
    text = parameters.get(name)
    if not text:
        return default
    value = float(text.replace(",", ".")) if re.fullmatch(r"[0-9]{1,4}([.,][0-9]{1,2})?", text) else 0.0
    if not bounds.start <= value <= bounds.stop - 1:
        raise QueryError(f"{name} must be a number from {bounds.start} to {bounds.stop - 1}")
    return value


def _parse_id(parameters: Mapping[str, str], name: str) -> str | None:
    """An id; None for an empty parameter, as a form sends it; empty for `-` (what has none)."""
    value = parameters.get(name, "")
    if len(value) > ID_LENGTH:
        raise QueryError(f"{name} must have at most {ID_LENGTH} characters")
    return "" if value == NONE else value or None
