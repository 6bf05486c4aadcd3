"""Who may see a board: loopback alone, or whoever has the account's viewer token (SPEC section 5) or the
token of a named screen. Pure: what screens there are is handed in.

The token comes once, in a link; a cookie takes its place and it leaves the address. The cookie holds a
digest keyed by the token, so that it is worth nothing elsewhere, and a new token ends every cookie.

Of a named screen the database holds a digest of what its cookie holds. That is known from the token and from
the cookie, and neither can be made from it: who reads the database, or a copy, cannot open the board with it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final, Literal, TypeAlias

from service.config import Account, is_one_of

COOKIE_DAYS: Final = 400
"""How long a browser keeps the cookie: the longest that browsers allow."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows for itself.

    Args:
        client: The address that it comes from; behind a proxy, the one that the proxy forwards.
        headers: Names in lower case.
        token: `?token=`, if given.
    """

    client: str | None
    headers: Mapping[str, str]
    token: str | None


@dataclass(frozen=True, slots=True)
class Granted:
    """The request may see the board.

    Args:
        screen: The digest of the named screen that it comes from, if it does.
        cookie: What a cookie is to hold, which is to take the place of the link's token.
    """

    screen: str | None = None
    cookie: str | None = None


Refusal: TypeAlias = Literal["no_token", "wrong_token", "not_loopback"]


def answer(account: Account, asking: Credentials, screens: Collection[str]) -> Granted | Refusal:
    """Whether a request may see the board.

    Args:
        screens: The digests of the account's named screens.
    """
    shown = _shown(account, asking)
    if shown is not None:
        cookie = shown if asking.token is not None else None
        viewer = account.viewer_token
        if viewer is not None and is_one_of(shown, [cookie_value(account.id, viewer.value)]):
            return Granted(cookie=cookie)
        screen = _screen(shown, screens)
        if screen is not None:
            return Granted(screen, cookie)
    if account.viewer_token is None and _is_local(asking):
        return Granted()  # whatever it shows: a link that was revoked closes nobody's own machine
    if shown is not None:
        return "wrong_token"
    return "not_loopback" if account.viewer_token is None and not screens else "no_token"


def cookie_name(account: Account) -> str:
    """What the account's cookie is called."""
    return f"lossboard_{account.id}"


def cookie_value(account_id: str, token: str) -> str:
    """What the cookie holds in place of the token."""
    key = token.encode("utf-8", "replace")
    return hmac.new(key, f"screen of {account_id}".encode(), hashlib.sha256).hexdigest()


def screen_digest(account_id: str, token: str) -> str:
    """What is stored of a named screen's token."""
    return _digest(cookie_value(account_id, token))


def set_cookie(account: Account, value: str, *, secure: bool) -> str:
    """The Set-Cookie header that has a browser keep `value` in place of the token.

    Lax: with Strict, a link that is followed from a message on another site would be refused after its own
    redirect. Nothing that the cookie opens changes anything.
    """
    attributes = f"Path=/boards/{account.id}; Max-Age={COOKIE_DAYS * 86_400}; HttpOnly; SameSite=Lax"
    return f"{cookie_name(account)}={value}; {attributes}" + ("; Secure" if secure else "")


def _shown(account: Account, asking: Credentials) -> str | None:
    """What the cookie of this request holds, or would hold in place of the token that it shows."""
    if asking.token is not None:
        return cookie_value(account.id, asking.token)
    scheme, _, bearer = asking.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return cookie_value(account.id, bearer.strip())
    return _cookie(asking.headers.get("cookie", ""), cookie_name(account))


def _screen(shown: str, screens: Collection[str]) -> str | None:
    """The screen that a cookie's value belongs to. All are compared, so that the time tells nothing."""
    digest = _digest(shown)
    found = [each for each in screens if is_one_of(digest, [each])]
    return found[0] if found else None


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def _cookie(header: str, name: str) -> str | None:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return None if found is None else found.value


def _is_local(asking: Credentials) -> bool:
    """Whether a request comes from this machine, and asks for it by name. A name that leads to loopback can
    be anybody's (DNS rebinding)."""
    return _is_loopback(asking.client) and _is_loopback(_host(asking.headers.get("host", "")))


def _host(header: str) -> str:
    """The host of a Host header."""
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
