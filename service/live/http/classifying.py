"""`POST /boards/{account}/reasons`: somebody with an editor's link classifies a reason, or takes that back.

Another site can make a browser send a request with its cookie. So a request counts only if the browser says
that a page of this service sent it, or if it has a bearer token, which no site can make a browser send.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal, TypeAlias, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from service.config import Account
from service.ledger.upkeep.classify import MOST, Classifier, TooMany, Verdict
from service.ledger.upkeep.screens import KnownScreen
from service.live.board.query import BoardQuery, check_parameters
from service.live.http.files.encoding import JSON
from service.live.http.forms import CLOSE, CONTROL, FOREIGN, FORM, TYPE, Refused, body_of, fields_of, is_own
from service.live.http.list_routes import Handler
from service.live.text.i18n import is_no_reason, translations_of
from service.model import TEXT_LENGTH
from service.problems import Problem
from service.reasons import Kind

Back: TypeAlias = Literal["board", "deals", "reasons"]
"""The page that a browser without a script is led back to."""

_VIEWER: Final = Problem(403, "this link shows the board; an editor's link classifies reasons, too", CLOSE)
_UNREADABLE: Final = Problem(
    400, f"the body must have a reason, and a kind that is {' or '.join(get_args(Kind))}", CLOSE
)
_LISTED: Final = Problem(409, "the configuration lists this reason, and it wins: [accounts.reasons]")
_TOO_MANY: Final = Problem(409, f"{MOST} reasons are classified by hand, which is the most")


Named: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={
            "maxLength": TEXT_LENGTH,
            "pattern": rf"^[^{CONTROL}]*[^{CONTROL}\s][^{CONTROL}]*$",
        }
    ),
]
"""A text that `check_parameters` lets pass, and that is more than space."""


class Classification(msgspec.Struct, frozen=True):
    """A reason, and what it shall count as.

    Args:
        reason: Its name as the board shows it, in any spelling that compares equal, or the CRM's id where the
            board shows that.
        kind: `unclassified` takes back what was said before.
        back: The page that a browser without a script is led back to.
    """

    reason: Named
    kind: Kind
    back: Back = "board"


class Classifying:
    """The handler.

    Args:
        kept: Gives the query of a request, with its question mark, as a redirect may repeat it.
    """

    def __init__(self, classifier: Classifier, kept: Callable[[Request], str]) -> None:
        self._classifier = classifier
        self._kept = kept

    def beside(self, page: Handler) -> Handler:
        """The handler that classifies by POST, and shows a page by GET."""

        async def respond(request: Request, account: Account, query: BoardQuery) -> ASGIApp:
            if request.method == "POST":
                return await self._classify(request, account, query)
            return await page(request, account, query)

        return respond

    async def _classify(self, request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        by: KnownScreen = request.state.by
        if by.role != "editor":
            return _VIEWER
        if not is_own(request, [account]):
            return FOREIGN
        try:
            posted = await posted_by(request)
            await classify(self._classifier, account, posted, by.name)
        except Refused as refused:
            return refused.problem
        if "text/html" in request.headers.get("accept", ""):
            return Response(status_code=303, headers={"location": self._page(request, account, posted)})
        said = translations_of(query.language).verdict(posted.reason, posted.kind)
        told = {"reason": posted.reason, "kind": posted.kind, "said": said}
        return Response(msgspec.json.encode(told), media_type="application/json")

    def _page(self, request: Request, account: Account, posted: Classification) -> str:
        """Where a browser goes on, relative to this address."""
        page = {"board": f"../{account.id}", "deals": "deals", "reasons": "reasons"}[posted.back]
        return f"{page}{self._kept(request)}"


async def classify(classifier: Classifier, account: Account, posted: Classification, screen: str) -> None:
    """Store what somebody says of a reason.

    Args:
        screen: Where it comes from, by name.

    Raises:
        Refused: The configuration lists the reason, or too many are classified.
        Unavailable: The database is away.
    """
    is_listed = account.reasons.kind_of(posted.reason, posted.reason) != "unclassified"
    if is_listed and posted.kind != "unclassified":
        raise Refused(_LISTED)
    try:
        await classifier.classify(account.id, Verdict(posted.reason, posted.kind, screen))
    except TooMany:
        raise Refused(_TOO_MANY) from None


async def posted_by(request: Request) -> Classification:
    """What the body of a request says.

    Raises:
        Refused: It cannot be read, or names no reason.
        QueryError: It has a character that cannot be read, or is too long.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await body_of(request)
    if media_type not in (JSON, FORM):
        raise Refused(TYPE)
    fields = fields_of(body) if media_type == FORM else _object(body)
    check_parameters(fields.items())
    try:
        posted = msgspec.convert(fields, Classification)
    except msgspec.ValidationError:
        raise Refused(_UNREADABLE) from None
    reason = posted.reason.strip()
    if not reason or is_no_reason(reason):
        raise Refused(_UNREADABLE)
    return msgspec.structs.replace(posted, reason=reason)


def _object(body: bytes) -> dict[str, str]:
    try:
        return msgspec.json.decode(body, type=dict[str, str])
    except (ValueError, msgspec.DecodeError):
        raise Refused(_UNREADABLE) from None
