"""Who may see a board: loopback alone, or whoever has the account's viewer token (SPEC section 5).

The token comes once, in a link; a cookie takes its place and it leaves the address. The cookie holds a
digest keyed by the token, so that it is worth nothing elsewhere, and a new token ends every cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final, Literal

from service.config import Account

COOKIE_DAYS: Final = 400
"""How long a browser keeps the cookie: the longest that browsers allow."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What a request shows for itself.

    Args:
        client: The address that it comes from; behind a proxy, the one that the proxy forwards.
        headers: Names in lower case.
        token: `?token=`, if given.
    """

    client: str | None
    headers: Mapping[str, str]
    token: str | None


Answer = Literal["granted", "welcome", "no_token", "wrong_token", "not_loopback"]
"""`welcome`: granted by the link's token, which a cookie is to take the place of."""


def answer(account: Account, asking: Asking) -> Answer:
    """Whether a request may see the board."""
    if account.viewer_token is None:
        local = _is_loopback(asking.client) and _is_loopback(_host(asking.headers.get("host", "")))
        return "granted" if local else "not_loopback"
    secret = account.viewer_token.value
    if asking.token is not None:
        return "welcome" if _same(asking.token, secret) else "wrong_token"
    scheme, _, bearer = asking.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return "granted" if _same(bearer.strip(), secret) else "wrong_token"
    shown = _cookie(asking.headers.get("cookie", ""), cookie_name(account))
    if shown is None:
        return "no_token"
    return "granted" if _same(shown, cookie_value(account.id, secret)) else "wrong_token"


def cookie_name(account: Account) -> str:
    """What the account's cookie is called."""
    return f"lossboard_{account.id}"


def cookie_value(account_id: str, token: str) -> str:
    """What the cookie holds in place of the token."""
    return hmac.new(token.encode(), f"screen of {account_id}".encode(), hashlib.sha256).hexdigest()


def set_cookie(account: Account, *, secure: bool) -> str:
    """The Set-Cookie header of a welcome."""
    token = account.viewer_token.value if account.viewer_token is not None else ""
    attributes = f"Path=/boards/{account.id}; Max-Age={COOKIE_DAYS * 86_400}; HttpOnly; SameSite=Strict"
    value = cookie_value(account.id, token)
    return f"{cookie_name(account)}={value}; {attributes}" + ("; Secure" if secure else "")


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _cookie(header: str, name: str) -> str | None:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return None if found is None else found.value


def _host(header: str) -> str:
    """The host of a Host header. Checked too: a name that leads to loopback can be anybody's (DNS
    rebinding)."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
