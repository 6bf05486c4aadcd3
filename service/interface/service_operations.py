"""The operations of the service itself: first page, health, metrics, files, description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from service.interface import parameters as names
from service.interface.operations import PAGE, STRING, Operation, Response, anywhere, busy, problem
from service.live.http.files.encoding import JSON
from service.metrics import CONTENT_TYPE

_TEXT: Final = {"text/plain": STRING}
_WRONG: Final = problem("There is no token, or it is wrong.", WWW_Authenticate="`Bearer`.")
_GUESSING: Final = busy("Too many wrong tokens came from this address.")
_FILE_TYPES: Final = "text/css text/javascript text/plain font/woff2 image/svg+xml image/png".split()


def _described(path: str, id: str, form: str) -> Operation:
    return Operation(
        path,
        "get",
        id,
        "service",
        f"This interface as {form}",
        {
            **anywhere(),
            200: Response("It is the same for every installation of a version.", {JSON: {"type": "object"}}),
        },
    )


SERVICE: Final[Sequence[Operation]] = (
    Operation(
        "/healthz",
        "get",
        "getHealth",
        "service",
        "Whether the process is up",
        {**anywhere(), 200: Response("It is.", _TEXT)},
    ),
    Operation(
        "/readyz",
        "get",
        "getReadiness",
        "service",
        "Whether webhooks can be stored and boards read",
        {**anywhere(), 200: Response("They can.", _TEXT), 503: busy("They cannot; `detail` says why.")},
    ),
    Operation(
        "/metrics",
        "get",
        "getMetrics",
        "service",
        "Prometheus metrics",
        {
            **anywhere(),
            200: Response("The text format of Prometheus.", {CONTENT_TYPE.partition(";")[0]: STRING}),
            401: _WRONG,
            404: problem("The configuration has no `metrics_token`."),
            429: _GUESSING,
        },
        proofs=(("metrics",),),
    ),
    _described("/openapi.json", "getOpenapi", "OpenAPI"),
    _described("/asyncapi.json", "getAsyncapi", "AsyncAPI: the streams of events"),
    Operation(
        "/",
        "get",
        "showIndex",
        "pages",
        "A page: the boards that the browser may see, and a place to paste a link",
        {
            **anywhere(),
            200: Response("It names no other account.", PAGE),
            303: Response(
                "With `link`: what the link opens. Cookies replace its token.",
                headers={"Location": "Relative to this address."},
            ),
            401: _WRONG,
            429: _GUESSING,
            503: busy("The database is away."),
        },
        parameters=(names.PASTED,),
    ),
    Operation(
        "/static/{name}",
        "get",
        "getFile",
        "pages",
        "A file of the pages",
        {
            **anywhere(),
            200: Response(
                "The file. Each version of the service has files of its own.",
                dict.fromkeys(_FILE_TYPES, STRING),
                {"ETag": "Names this content."},
            ),
            304: Response("The client has it.", headers={"ETag": "Names this content."}),
            404: problem("There is no such file."),
        },
        parameters=(names.FILE, names.TAG),
    ),
)
"""The operations."""
