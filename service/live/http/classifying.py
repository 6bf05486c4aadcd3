"""`POST /boards/{account}/reasons`: somebody with an editor's link classifies a reason, or takes that back.

Another site can make a browser send a request with its cookie. So a request counts only if the browser says
that a page of this service sent it, or if it has a bearer token, which no site can make a browser send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal, TypeAlias, get_args
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from service.config import Account
from service.ledger.upkeep.classify import MOST, Classifier, TooMany, Verdict
from service.ledger.upkeep.screens import KnownScreen
from service.live.board.query import BoardQuery, check_parameters
from service.live.http.access import bearer_token
from service.live.http.list_routes import Handler
from service.live.text.i18n import is_no_reason, translations_of
from service.model import TEXT_LENGTH
from service.problems import Problem, RawHeaders
from service.reasons import Kind

MAX_BODY: Final = 16 * 1024
"""Bytes in the largest accepted body: the longest reason, escaped, and what is beside it."""

BODY_SECONDS: Final = 10.0
"""In which a body must be complete."""

Back: TypeAlias = Literal["board", "deals", "reasons"]
"""The page that a browser without a script is led back to."""

_CLOSE: Final[RawHeaders] = ((b"connection", b"close"),)  # some of the body may be unread
_VIEWER: Final = Problem(403, "this link shows the board; an editor's link classifies reasons, too", _CLOSE)
_FOREIGN: Final = Problem(403, "the request does not come from a page of this service", _CLOSE)
_TYPE: Final = Problem(415, "the body must be a form (urlencoded) or JSON", _CLOSE)
_TOO_LARGE: Final = Problem(413, f"the body is larger than {MAX_BODY} bytes", _CLOSE)
_TOO_SLOW: Final = Problem(408, f"the body was not complete within {BODY_SECONDS:.0f} seconds", _CLOSE)
_UNREADABLE: Final = Problem(
    400, f"the body must have a reason, and a kind that is {' or '.join(get_args(Kind))}", _CLOSE
)
_LISTED: Final = Problem(409, "the configuration lists this reason, and it wins: [accounts.reasons]")
_TOO_MANY: Final = Problem(409, f"{MOST} reasons are classified by hand, which is the most")


class _Refused(Exception):
    """The body is not taken; `args` has the response."""


_CONTROL: Final = r"\u0000-\u001f\u007f-\u009f"
Named: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={
            "maxLength": TEXT_LENGTH,
            "pattern": rf"^[^{_CONTROL}]*[^{_CONTROL}\s][^{_CONTROL}]*$",
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
        if not _is_own(request, account):
            return _FOREIGN
        try:
            posted = await _posted(request)
            await self._store(account, posted, by)
        except _Refused as refused:
            problem: Problem = refused.args[0]
            return problem
        if "text/html" in request.headers.get("accept", ""):
            return Response(status_code=303, headers={"location": self._page(request, account, posted)})
        said = translations_of(query.language).verdict(posted.reason, posted.kind)
        told = {"reason": posted.reason, "kind": posted.kind, "said": said}
        return Response(msgspec.json.encode(told), media_type="application/json")

    async def _store(self, account: Account, posted: Classification, by: KnownScreen) -> None:
        is_listed = account.reasons.kind_of(posted.reason, posted.reason) != "unclassified"
        if is_listed and posted.kind != "unclassified":
            raise _Refused(_LISTED)
        try:
            await self._classifier.classify(account.id, Verdict(posted.reason, posted.kind, by.name))
        except TooMany:
            raise _Refused(_TOO_MANY) from None

    def _page(self, request: Request, account: Account, posted: Classification) -> str:
        """Where a browser goes on, relative to this address."""
        page = {"board": f"../{account.id}", "deals": "deals", "reasons": "reasons"}[posted.back]
        return f"{page}{self._kept(request)}"


def _is_own(request: Request, account: Account) -> bool:
    """Whether a request comes from a page of this service, or from no browser at all."""
    if bearer_token(request.headers) is not None:
        return True
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")  # over plain HTTP browsers send only this
    host = request.headers.get("host", "")
    public = urlsplit(account.public_url or "")
    return origin in {
        f"{request.scope['scheme']}://{host}",
        f"https://{host}",  # behind a proxy that is not believed to say so
        f"{public.scheme}://{public.netloc}",
    }


async def _posted(request: Request) -> Classification:
    """What the body says.

    Raises:
        _Refused: It cannot be read, or names no reason.
        QueryError: It has a character that cannot be read, or is too long.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await _body(request)
    try:
        if media_type == "application/json":
            fields = msgspec.json.decode(body, type=dict[str, str])
        elif media_type == "application/x-www-form-urlencoded":
            fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=10))
        else:
            raise _Refused(_TYPE)
        posted = msgspec.convert(fields, Classification)
    except (ValueError, msgspec.DecodeError):
        raise _Refused(_UNREADABLE) from None
    return _checked(posted, fields)


def _checked(posted: Classification, fields: Mapping[str, str]) -> Classification:
    check_parameters(fields.items())
    reason = posted.reason.strip()
    if not reason or is_no_reason(reason):
        raise _Refused(_UNREADABLE)
    return msgspec.structs.replace(posted, reason=reason)


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise _Refused(_TOO_LARGE)
    except TimeoutError:
        raise _Refused(_TOO_SLOW) from None
    except ClientDisconnect:  # nobody reads the response
        raise _Refused(_UNREADABLE) from None
    return bytes(body)
