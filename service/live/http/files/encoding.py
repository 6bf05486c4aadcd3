"""Compressed responses.

A page holds the office's names beside what its address says (an unknown manager's id, a reason). Somebody
who reads the network and can make a browser open addresses of their choice could guess the names letter by
letter, by the size of compressed responses (BREACH). So what another site leads a browser to is not
compressed. Nothing else that is secret is in any body: tokens are in cookies and links alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

WORTH: Final = 1_000
"""Bytes of the smallest body that is worth compressing: less fits into one packet anyway."""

LEVEL: Final = 5
"""Of zlib, for what is compressed for each request."""

HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json"
CSV: Final = "text/csv; charset=utf-8"

_GZIP: Final = zlib.MAX_WBITS | 16
_OTHER_SITES: Final = frozenset({"cross-site", "same-site"})
_VARY: Final = {"vary": "accept-encoding, sec-fetch-site"}


class Body(NamedTuple):
    """A response's body, and the headers that go with it."""

    content: bytes
    headers: Mapping[str, str]


def takes_gzip(headers: Mapping[str, str]) -> bool:
    """Whether the response to a request may be compressed: its client takes gzip, and no other site made
    the request."""
    if headers.get("sec-fetch-site") in _OTHER_SITES:
        return False
    for coding in headers.get("accept-encoding", "").split(","):
        name, _, quality = coding.replace(" ", "").lower().partition(";q=")
        if name == "gzip":
            return not quality or bool(quality.strip("0."))
    return False


def encoded(content: str | bytes, media_type: str, *, gzip: bool, level: int = LEVEL) -> Body:
    """A body, compressed where that makes it smaller."""
    plain = content.encode() if isinstance(content, str) else content
    headers = {**_VARY, "content-type": media_type}
    if gzip and len(plain) >= WORTH:
        packer = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
        packed = packer.compress(plain) + packer.flush()
        if len(packed) < len(plain):
            return Body(packed, {**headers, "content-encoding": "gzip"})
    return Body(plain, headers)
