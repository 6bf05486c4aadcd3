"""The page's own files, each compressed once."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from service.live.http.files.encoding import Body, encoded, takes_gzip
from service.live.page import render
from service.problems import Problem

_TYPES: Final = mimetypes.MimeTypes()
_TYPES.add_type("font/woff2", ".woff2")  # Python knows it since 3.13

_SMALLEST: Final = 9
"""The level of zlib: it takes a while, once."""


class _File(NamedTuple):
    plain: Body
    packed: Body

    def body(self, *, gzip: bool) -> Body:
        return self.packed if gzip else self.plain


def static_route() -> Route:
    """The route of the page's files. Browsers keep them and ask each time whether they changed, so that all
    are always of one version."""
    files = {
        path.name: _file(path.name, path.read_bytes()) for path in render.STATIC.iterdir() if path.is_file()
    }

    async def static(request: Request) -> ASGIApp:
        file = files.get(request.path_params["name"])
        if file is None:
            return Problem(404, "there is no such file")
        body = file.body(gzip=takes_gzip(request.headers))
        if request.headers.get("if-none-match") == body.headers["etag"]:
            return Response(status_code=304, headers=body.headers)
        return Response(body.content, headers=body.headers)

    endpoint: Callable[[Request], Awaitable[Response]] = static  # type: ignore[assignment]  # any ASGI app does
    return Route("/static/{name}", endpoint)


def _file(name: str, content: bytes) -> _File:
    media_type = _TYPES.guess_type(name)[0] or "application/octet-stream"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    packed = encoded(content, media_type, gzip=True, level=_SMALLEST)
    return _File(_tagged(encoded(content, media_type, gzip=False)), _tagged(packed))


def _tagged(body: Body) -> Body:
    tag = hashlib.sha256(body.content).hexdigest()[:16]
    return Body(body.content, {**body.headers, "cache-control": "no-cache", "etag": f'"{tag}"'})
