"""What a browser needs to install a board: on a phone it then stands among the other programs."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.config import Account
from service.live.board.query import BoardQuery

GROUND: Final = "#0b0f14"
"""The board's background while it begins, as in `board.css`."""


async def manifest(_request: Request, account: Account, query: BoardQuery) -> Response:
    """The manifest of a board. Its addresses are relative, so that it works under a root path."""
    icons = [
        {"src": "../../static/icon.svg", "sizes": "any", "type": "image/svg+xml"},
        {"src": "../../static/icon.png", "sizes": "192x192", "type": "image/png", "purpose": "any maskable"},
    ]
    content = {
        "name": account.title,
        "lang": query.language,
        "start_url": f"../{account.id}",
        "scope": "../../",
        "display": "standalone",
        "background_color": GROUND,
        "theme_color": GROUND,
        "icons": icons,
    }
    return Response(msgspec.json.encode(content), media_type="application/manifest+json")
