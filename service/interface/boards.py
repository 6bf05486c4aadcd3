"""The operations of boards and their lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from service.interface import parameters as names
from service.interface.operations import (
    PAGE,
    STRING,
    Operation,
    Proof,
    Response,
    anywhere,
    busy,
    problem,
)
from service.interface.parameters import ACCOUNT, Parameter
from service.interface.schemas import reference
from service.live.http.files.encoding import CSV, JSON
from service.live.http.forms import MAX_BODY
from service.live.page.lists import by_hand, clients, refusals, saved, stepless, tasks, troubles, unpriced
from service.live.page.lists.list_page import ROWS_SHOWN
from service.live.page.lists.table import Table

VIEWERS: Final[Sequence[Proof]] = (("bearer",), ("cookie",), ("link",))
"""What opens a board."""

STREAM: Final = "text/event-stream"
"""A body of this type has no schema: AsyncAPI says what each event is."""

_PATH: Final = "/boards/{account}"

GUARDED: Final[Mapping[int, Response]] = {
    **anywhere(),
    303: Response(
        "The same view at an address without the token, which a cookie replaces, or without a trailing "
        "slash.",
        headers={"Location": "Relative to this address."},
    ),
    401: problem("There is no token, or it is wrong or was revoked.", WWW_Authenticate="`Bearer`."),
    404: problem("There is no such account."),
    429: busy("Too many wrong tokens came from this address, or too much of this account is being made."),
    503: busy("The database is away, or there is no room."),
}
"""What any address of a board responses."""


def _board(path: str, id: str, summary: str, response: Response, **more: Any) -> Operation:
    """An operation for who may see a board."""
    taken: Sequence[Parameter] = more.pop("parameters", names.BOARD)
    return Operation(
        f"{_PATH}{path}",
        "get",
        id,
        more.pop("tag", "boards"),
        summary,
        {200: response, **GUARDED},
        parameters=(ACCOUNT, *taken),
        proofs=VIEWERS,
        **more,
    )


_CLASSIFY: Final = Operation(
    f"{_PATH}/reasons",
    "post",
    "classifyReason",
    "boards",
    "Classify a reason by hand",
    {
        **GUARDED,
        200: Response(
            "It is classified; the next patch of every stream has the figures.",
            {JSON: reference("Classified")},
        ),
        303: Response(
            "For a browser's form: the page to go on to.", headers={"Location": "Relative to this address."}
        ),
        403: problem("The token is a viewer's, or a page of another site sent the request."),
        408: problem("The body was not complete within 10 seconds."),
        409: problem("The configuration lists the reason, and it wins; or 1 000 reasons are classified."),
        413: problem(f"The body is over {MAX_BODY // 1024} KiB."),
        415: problem("The body is neither a form nor JSON."),
    },
    "It takes the token of an editor's screen (`lossboard screens add --role editor`). Said again, it "
    "changes nothing.",
    (ACCOUNT, names.LANGUAGE),
    {JSON: reference("Classification"), "application/x-www-form-urlencoded": reference("Classification")},
    VIEWERS,
)

_STREAMED: Final = Response("Server-sent events, as `/asyncapi.json` describes them.", {STREAM: {}})

_LISTS: Final[tuple[tuple[Table[Any], str, str, Sequence[Parameter]], ...]] = (
    (
        refusals.TABLE,
        "Deals",
        "refusals, newest first",
        (*names.PERIOD, *names.SCOPE, names.CLIENT, *names.REASON),
    ),
    (clients.TABLE, "Clients", "clients at risk", (names.SORT, *names.SCOPE, names.CLIENT)),
    (tasks.TABLE, "Tasks", "overdue tasks, longest overdue first", (*names.SCOPE, names.CLIENT)),
    (stepless.TABLE, "NoNextStep", "open deals without an open task, the largest first", names.SCOPE),
    (saved.TABLE, "Saved", "clients that were saved today, with who did what", names.SCOPE),
    (
        unpriced.TABLE,
        "Unpriced",
        "deals that count as 0, because their amount is not known",
        (names.CURRENCY,),
    ),
    (troubles.TABLE, "Troubles", "what is wrong with the CRM, and what could not be read", ()),
    (by_hand.TABLE, "Reasons", "reasons that were classified by hand, newest first", ()),
)
"""Of each list its table, what ends the ids of its operations, what it has, and its own parameters."""

_FILE: Final = Response(
    "UTF-8 with a byte order mark; cells are separated by `;` in Russian and by `,` in English.",
    {CSV.partition(";")[0]: STRING},
    {"Content-Disposition": "The file's name."},
)


def _lists() -> Iterator[Operation]:
    for table, named, rows, own in _LISTS:
        taken = (*names.listed([column.name for column in table.columns]), *own, names.LANGUAGE)
        yield _board(
            f"/{table.name}.csv", f"list{named}", f"A file: {rows}", _FILE, tag="lists", parameters=taken
        )
        shown = Response(f"The first {ROWS_SHOWN} rows, and how many more there are.", PAGE)
        yield _board(
            f"/{table.name}",
            f"show{named}",
            f"A page: {rows}",
            shown,
            tag="lists",
            parameters=(*taken, names.THEME),
        )


BOARDS: Final[Sequence[Operation]] = (
    _board(
        "/snapshot",
        "getSnapshot",
        "The board as JSON",
        Response(
            "The whole board, true at `as_of`, after the commit numbered `seq`.",
            {JSON: reference("Snapshot")},
        ),
    ),
    _board(
        "/events",
        "followBoard",
        "The board as a stream of events",
        _STREAMED,
        parameters=(*names.BOARD, *names.STREAM),
    ),
    Operation(
        "/events",
        "get",
        "followBoards",
        "boards",
        "Several boards as one stream of events",
        {
            **{status: response for status, response in GUARDED.items() if status != 303},
            200: Response(
                "As above; the data of each event begins with a line that has the number of its view, from "
                "0. A view that is refused gets the event `ended`.",
                {STREAM: {}},
            ),
        },
        "A refusal is that of the first view, and comes only if no view could be opened.",
        (names.VIEWS,),
        proofs=VIEWERS[:2],
    ),
    _CLASSIFY,
    *_lists(),
    _board(
        "",
        "showBoard",
        "The page of the board",
        Response("A page that keeps itself up to date.", PAGE),
        tag="pages",
        parameters=(*names.BOARD, *names.WALL),
    ),
    _board(
        "/help",
        "showHelp",
        "A page: what each figure means",
        Response("With the figures of the board in it.", PAGE),
        tag="pages",
        parameters=(*names.BOARD, names.THEME),
    ),
    _board(
        "/manifest.webmanifest",
        "getManifest",
        "What a browser needs to install the board",
        Response("A web application manifest.", {"application/manifest+json": {"type": "object"}}),
        tag="pages",
        parameters=(names.LANGUAGE,),
    ),
    Operation(
        f"{_PATH}/happening",
        "get",
        "getHappening",
        "pages",
        "What the demo's invented office does right now",
        {
            **anywhere(),
            200: Response("In words.", {JSON: reference("Happening")}),
            404: problem(
                "There is no such invented office. Without the demo there is nothing at this address."
            ),
        },
        "Only `lossboard demo` serves it.",
        (ACCOUNT, names.LANGUAGE),
    ),
)
"""The operations, in the order in which a reader meets them."""
