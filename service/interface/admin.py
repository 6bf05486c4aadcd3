"""The operations of the admin page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from service.interface.operations import PAGE, Operation, Proof, Response, anywhere, busy, problem
from service.interface.parameters import (
    ACCOUNT,
    AFTER,
    AFTER_ACCOUNT,
    AFTER_SCREEN,
    NUMBER,
    RETRIED,
    SKIP,
    UPTO,
    Parameter,
)
from service.interface.schemas import Schema, reference
from service.live.http.files.encoding import JSON
from service.live.http.forms import FORM, MAX_BODY

ADMINS: Final[Sequence[Proof]] = (("admin",), ("adminCookie",), ("adminLink",))
"""What opens the admin page."""

_SIGN_IN: Final = problem(
    "There is no token, or it is wrong. A browser gets a form for it.", WWW_Authenticate="`Bearer`."
)
_GUARDED: Final[Mapping[int, Response]] = {
    **anywhere(),
    303: Response(
        "The same page at an address without the token, which a cookie replaces.",
        headers={"Location": "Relative to this address."},
    ),
    401: _SIGN_IN,
    404: problem("There is no such account, or the configuration has no `admin_token`."),
    429: busy("Too many wrong tokens came from this address."),
    503: busy("The database is away."),
}
_POSTED: Final[Mapping[int, Response]] = {
    403: problem("A page of another site sent the request."),
    408: problem("The body was not complete within 10 seconds."),
    413: problem(f"The body is over {MAX_BODY // 1024} KiB."),
    415: problem("The body is no form."),
}
_DONE: Final = Response("The page to go on to.", headers={"Location": "Relative to this address."})


def _page(path: str, id: str, summary: str, *taken: Parameter) -> Operation:
    return Operation(
        f"/admin{path}",
        "get",
        id,
        "admin",
        f"A page: {summary}",
        {**_GUARDED, 200: Response("It shows no secret.", PAGE)},
        parameters=((ACCOUNT, *taken) if path else taken),
        proofs=ADMINS,
    )


def _form(
    path: str, id: str, summary: str, body: Mapping[str, Schema], refused: Mapping[int, Response]
) -> Operation:
    return Operation(
        f"/admin/{{account}}/{path}",
        "post",
        id,
        "admin",
        summary,
        {**_GUARDED, **_POSTED, 303: _DONE, **refused},
        parameters=(ACCOUNT,),
        body=body,
        proofs=ADMINS,
    )


ADMIN: Final[Sequence[Operation]] = (
    _page("", "showAccounts", "every account, and how its feed is", AFTER_ACCOUNT),
    Operation(
        "/admin",
        "post",
        "signIn",
        "admin",
        "Sign in by a form, or out",
        {
            **{status: response for status, response in _GUARDED.items() if status != 503},
            **_POSTED,
            303: _DONE,
        },
        body={FORM: reference("SignIn")},
    ),
    _page("/{account}", "showHealth", "how an account's feed is, and which requests were refused"),
    _page(
        "/{account}/deliveries",
        "showDeliveries",
        "deliveries with what they changed, newest first",
        UPTO,
        NUMBER,
    ),
    _page(
        "/{account}/quarantine",
        "showQuarantine",
        "deliveries that could not be used, oldest first",
        AFTER,
        RETRIED,
    ),
    _form(
        "quarantine",
        "releaseDelivery",
        "Try a delivery in quarantine again, or drop it",
        {FORM: reference("Release")},
        {
            404: problem("There is no such account or delivery, or the configuration has no `admin_token`."),
            409: problem("It cannot be tried now; `detail` says why."),
        },
    ),
    _page(
        "/{account}/reasons",
        "showAllReasons",
        "reasons of the last year that are in no list, what was classified by hand, and the lists",
        SKIP,
    ),
    _form(
        "reasons",
        "classifyAsAdmin",
        "Classify a reason by hand",
        {JSON: reference("Classification"), FORM: reference("Classification")},
        {
            409: problem("The configuration lists the reason, and it wins; or 1 000 reasons are classified."),
            415: problem("The body is neither a form nor JSON."),
        },
    ),
    _page("/{account}/screens", "showScreens", "named screens, by name", AFTER_SCREEN),
    _form(
        "screens",
        "changeScreens",
        "Add a named screen, or revoke one",
        {FORM: reference("ScreenForm")},
        {
            200: Response("It was added: the page has its link, which nothing shows again.", PAGE),
            404: problem("There is no such account or screen, or the configuration has no `admin_token`."),
            409: problem("The name cannot be used or is taken, or the view cannot be kept."),
        },
    ),
)
"""The operations, in the order in which a reader meets them."""
