"""What pages of the service post: read within bounds, and taken from no other site's page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated, Final, TypeAlias, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.requests import ClientDisconnect, Request

from service.config import Account
from service.live.board.query import check_parameters
from service.live.http.access import bearer_token
from service.model import TEXT_LENGTH
from service.problems import Problem, RawHeaders

MAX_BODY: Final = 16 * 1024
"""Bytes in the largest accepted body: the longest reason, escaped, and what is beside it."""

MAX_FIELDS: Final = 10
"""Of a form."""

BODY_SECONDS: Final = 10.0
"""In which a body must be complete."""

FORM: Final = "application/x-www-form-urlencoded"
"""The media type of a form."""

CLOSE: Final[RawHeaders] = ((b"connection", b"close"),)
"""Of a refusal: some of the body may be unread."""

FOREIGN: Final = Problem(403, "the request does not come from a page of this service", CLOSE)
TYPE: Final = Problem(415, "the body must be a form (urlencoded) or JSON", CLOSE)
_FORM: Final = Problem(415, "the body must be a form (urlencoded)", CLOSE)
_TOO_LARGE: Final = Problem(413, f"the body is larger than {MAX_BODY} bytes", CLOSE)
_TOO_SLOW: Final = Problem(408, f"the body was not complete within {BODY_SECONDS:.0f} seconds", CLOSE)
_UNREADABLE: Final = Problem(400, "the body cannot be read", CLOSE)


CONTROL: Final = r"\u0000-\u001f\u007f-\u009f"
"""The characters that `check_parameters` lets not pass, for a pattern."""

Text: TypeAlias = Annotated[
    str, msgspec.Meta(extra_json_schema={"maxLength": TEXT_LENGTH, "pattern": f"^[^{CONTROL}]*$"})
]
"""A text that `check_parameters` lets pass."""

Form = TypeVar("Form", bound=msgspec.Struct)


class Refused(Exception):
    """What was posted is not taken; `problem` is the response."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def is_own(request: Request, accounts: Iterable[Account]) -> bool:
    """Whether a request comes from a page of this service, or from no browser at all.

    Args:
        accounts: Those whose public addresses the page may have.
    """
    if bearer_token(request.headers) is not None:
        return True
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")  # over plain HTTP browsers send only this
    host = request.headers.get("host", "")
    public = [urlsplit(account.public_url or "") for account in accounts]
    return origin in {
        f"{request.scope['scheme']}://{host}",
        f"https://{host}",  # behind a proxy that is not believed to say so
        *(f"{address.scheme}://{address.netloc}" for address in public),
    }


async def form_of(request: Request, form: type[Form]) -> Form:
    """What a posted form says.

    Raises:
        Refused: It is no such form, or is too large or slow.
        QueryError: It has a character that cannot be read, or is too long.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise Refused(_FORM)
    fields = fields_of(await body_of(request))
    check_parameters(fields.items())
    try:
        return msgspec.convert(fields, form, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(Problem(400, f"the form cannot be read: {error}", CLOSE)) from None


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of a form.

    Raises:
        Refused: It has bytes that are no text, or too many fields.
    """
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        raise Refused(_UNREADABLE) from None


async def body_of(request: Request) -> bytes:
    """The body of a request.

    Raises:
        Refused: It is too large or slow.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise Refused(_TOO_LARGE)
    except TimeoutError:
        raise Refused(_TOO_SLOW) from None
    except ClientDisconnect:  # nobody reads the response
        raise Refused(_UNREADABLE) from None
    return bytes(body)
