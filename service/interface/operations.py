"""What an operation is: an address with a method, what it takes, and everything that it responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from service.interface.parameters import Parameter
from service.interface.schemas import Schema, reference
from service.live.http.files.encoding import HTML
from service.problems import CONTENT_TYPE

Method: TypeAlias = Literal["get", "post"]
Tag: TypeAlias = Literal["webhooks", "boards", "lists", "pages", "service", "admin"]

Scheme: TypeAlias = Literal[
    "bearer",
    "link",
    "cookie",
    "metrics",
    "admin",
    "adminCookie",
    "adminLink",
    "webhookId",
    "webhookTimestamp",
    "webhookSignature",
    "svixId",
    "svixTimestamp",
    "svixSignature",
    "hubspotSignature",
    "hubspotTimestamp",
    "pipedrive",
    "token",
]
"""A way to prove who asks, or a part of one."""

Proof: TypeAlias = tuple[Scheme, ...]
"""What proves together who asks; nothing: a proof that OpenAPI has no word for, or none."""

PROBLEM: Final = CONTENT_TYPE.decode()
STRING: Final[Schema] = {"type": "string"}
PAGE: Final[Mapping[str, Schema]] = {HTML.partition(";")[0]: STRING}
_PROBLEM: Final[Mapping[str, Schema]] = {PROBLEM: reference("Problem")}


@dataclass(frozen=True, slots=True)
class Response:
    """A response.

    Args:
        content: Its body's schema by media type.
        headers: What each header says that it always has.
    """

    text: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """See the module.

    Args:
        path: With `{account}` or `{name}` in it, as the routes have it.
        summary: What it does, in some words.
        text: More of that, in Markdown.
        body: The schema of what it takes, by media type.
        proofs: The ways to prove who asks; one of them is enough.
    """

    path: str
    method: Method
    id: str
    tag: Tag
    summary: str
    responses: Mapping[int, Response]
    text: str = ""
    parameters: Sequence[Parameter] = ()
    body: Mapping[str, Schema] = field(default_factory=dict)
    proofs: Sequence[Proof] = ()


def problem(text: str, *, shown: bool = True, **headers: str) -> Response:
    """A refusal.

    Args:
        shown: Whether a browser gets it as a page.
    """
    named = {name.replace("_", "-"): said for name, said in headers.items()}
    return Response(text, {**_PROBLEM, **(PAGE if shown else {})}, named)


RETRY: Final = "Seconds after which the client may try again."


def busy(text: str, *, shown: bool = True) -> Response:
    """A refusal for a while."""
    return problem(text, shown=shown, Retry_After=RETRY)


def anywhere(*, shown: bool = True) -> dict[int, Response]:
    """What any address responses."""
    return {
        400: problem(
            "The request cannot be read: a parameter has a value that there is not, a control character or "
            "more than 500 characters; there are two tokens, or not exactly one `Host`.",
            shown=shown,
        ),
        414: problem("The query string is over 4 096 bytes or 64 parameters.", shown=shown),
        431: problem("The head is over 16 KiB or 100 fields.", shown=False),
        500: problem("The service has failed; its log says how.", shown=shown),
    }
