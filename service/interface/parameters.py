"""The parameters of addresses. Names, values and defaults are those of the code that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from service.calendar import PERIODS
from service.config import Language
from service.interface.schemas import Schema
from service.live.board.query import DISTANCE, DISTANCES, INCHES, NONE, QUIET, SIZES, SUM, Form, Mode, Theme
from service.live.board.rotation import EVERY, SECONDS
from service.live.board.snapshot import KINDS, Sort
from service.live.http.channels import MOST
from service.model import ID_LENGTH, TEXT_LENGTH

_READABLE: Final = r"[^\u0000-\u001f\u007f-\u009f]"
_DATE: Final = "(20[0-9]{2}|2100)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an address, or a header.

    Args:
        text: What it means.
        place: Where it stands.
    """

    name: str
    schema: Schema
    text: str
    place: Literal["query", "path", "header"] = "query"
    required: bool = False


def _text(longest: int = TEXT_LENGTH) -> Schema:
    return {"type": "string", "maxLength": longest, "pattern": f"^{_READABLE}*$"}


def _choice(literal: Any, default: str | None = None) -> Schema:
    return _of(get_args(literal), default)


def _of(values: Iterable[str], default: str | None = None) -> Schema:
    chosen = {"type": "string", "enum": list(values)}
    return chosen if default is None else {**chosen, "default": default}


def _matching(pattern: str, title: str) -> Schema:
    return {"type": "string", "pattern": f"^{pattern}$", "title": title}


def _number(bounds: range, default: float) -> Schema:
    return {
        "type": "number",
        "minimum": bounds.start,
        "maximum": bounds.stop - 1,
        "default": default,
        "multipleOf": 0.01,
    }


_ID: Final = _text(ID_LENGTH)
_DAYS: Final = _matching(rf"{_DATE}\.\.{_DATE}", "days")
_AMOUNT: Final = _matching(SUM.pattern, "an amount")
_TIMES: Final = _matching(QUIET.pattern, "two times of day")
_DAY: Final[Schema] = {"type": "string", "format": "date"}

ACCOUNT: Final = Parameter(
    "account",
    {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"},
    "The account's `id`.",
    "path",
    required=True,
)
FILE: Final = Parameter("name", {"type": "string"}, "The file's name.", "path", required=True)

PERIOD: Final = (
    Parameter(
        "period",
        {"anyOf": [_of(PERIODS), _DAYS], "default": "month"},
        "Of which refusals the figures are: a named period, or days such as `2026-11-01..2026-11-30`.",
    ),
    Parameter("from", _DAY, "With `to`: a range of days, which wins over `period`."),
    Parameter("to", _DAY, "With `from`; whichever of the two is earlier is the first day."),
)
SORT: Final = Parameter(
    "sort",
    _choice(Sort, "amount"),
    "The order of clients at risk, descending; `delay`: the longest overdue first.",
)
SCOPE: Final = (
    Parameter("manager", _ID, f"Only what is this manager's, by id; `{NONE}`: only what has none."),
    Parameter("pipeline", _ID, f"Only what is in this pipeline, by id; `{NONE}`: only what is in none."),
)
MODE: Final = Parameter(
    "mode",
    _choice(Mode, "desk"),
    "`wall`: for many to read. Clients' names are masked there if the account says so.",
)
LANGUAGE: Final = Parameter("lang", _choice(Language), "Of texts; without it, the account's.")
THEME: Final = Parameter(
    "theme", _choice(Theme, "auto"), "`auto`: a desk follows the system, a wall is dark."
)

BOARD: Final = (*PERIOD, SORT, *SCOPE, MODE, LANGUAGE)
"""Of a board, in whatever form it is shown."""

WALL: Final = (
    THEME,
    Parameter("distance", _number(DISTANCES, DISTANCE), "Metres from which a wall is read."),
    Parameter("inches", _number(SIZES, INCHES), "The diagonal of a wall's screen."),
    Parameter(
        "sound", _matching(SUM.pattern, "an amount"), "The amount at stake from which a new client is heard."
    ),
    Parameter("flash", _matching(SUM.pattern, "an amount"), "The same for what is seen."),
    Parameter(
        "quiet",
        _matching(QUIET.pattern, "two times of day"),
        "The local time in which neither is, such as `20:00-08:00`.",
    ),
    Parameter(
        "rotate",
        _text(),
        "The boards that a wall shows in turns, such as `all,manager:3,pipeline:1@60,office2/all`.",
    ),
    Parameter("every", _number(SECONDS, EVERY), "For how many seconds a wall shows each."),
)
"""Of a page that hangs on a wall. A named screen can have them as its view."""

LAST_EVENT: Final = Parameter(
    "Last-Event-ID",
    _text(),
    "The `id` of the last event that the client received: it gets what came after, or a snapshot.",
    "header",
)
STREAM: Final = (
    Parameter(
        "form",
        _choice(Form, "json"),
        "`html`: the fragments that this version's own page shows, of no use to other clients.",
    ),
    Parameter("last_event_id", _text(), "As `Last-Event-ID`, for a client that cannot set a header."),
    LAST_EVENT,
)
VIEWS: Final = Parameter(
    "view",
    {
        "type": "array",
        "items": _matching(rf"[a-z0-9-]{{1,40}}(\?{_READABLE}{{0,400}})?", "an account and parameters"),
        "minItems": 1,
        "maxItems": MOST,
    },
    "An account and the parameters of its stream, such as `office?period=month`, escaped; once for each "
    "stream. `last_event_id` is one of them.",
    required=True,
)

_NUMBER: Final = _matching("[0-9]{1,15}", "the number of a delivery")
AFTER_ACCOUNT: Final = Parameter("after", _text(), "Only accounts after this id: the next page.")
UPTO: Final = Parameter("upto", _NUMBER, "The newest delivery of the page; without it, of all.")
NUMBER: Final = Parameter("number", _NUMBER, "Only this delivery, with its headers and its body.")
AFTER: Final = Parameter("after", _NUMBER, "Only deliveries after this one: the next page.")
AFTER_SCREEN: Final = Parameter("after", _text(), "Only screens after this name: the next page.")
SKIP: Final = Parameter("skip", _NUMBER, "Only verdicts after so many newer ones: the next page.")
RETRIED: Final = Parameter("retried", _NUMBER, "The delivery of which the page says what became of it.")

PASTED: Final = Parameter("link", _text(), "A board's link that a person pasted, or only its token.")
TAG: Final = Parameter(
    "If-None-Match", {"type": "string"}, "The `ETag` of the copy that the client has.", "header"
)

REASON: Final = (
    Parameter("reason", _text(), "Only refusals with this reason, by its name on the board in any spelling."),
    Parameter("kind", _of(KINDS), "Only refusals of this kind."),
    Parameter("pending", _of("1"), "`1`: only those whose reason, or its name, is still asked for."),
    Parameter("days", _DAYS, "Days in place of the period."),
)
CURRENCY: Final = Parameter(
    "currency",
    _matching("([A-Z]{3}|-)", "a code"),
    f"Only deals in this currency; `{NONE}`: only those whose amount is not known.",
)
CLIENT: Final = Parameter(
    "client",
    _ID,
    "Only what is about this client, by id; `deal:` and a deal's id where a deal has no client.",
)


def listed(columns: Sequence[str]) -> tuple[Parameter, ...]:
    """The parameters of any list.

    Args:
        columns: The names of its columns.
    """
    return (
        Parameter(
            "order",
            _of(columns),
            "The column that the rows are ordered by; without it, the list's own order.",
        ),
        Parameter("desc", _of("1"), "`1`: descending."),
        Parameter("q", _text(), "Only rows with this text, whatever its case, ё or е."),
    )
