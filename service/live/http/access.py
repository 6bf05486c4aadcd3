"""Who may see a board: a client with the account's viewer token (SPEC section 5) or the token of a named
screen. Where a request comes from proves nothing. Pure: the caller passes the screens in.

The token comes once, in a link; the response moves it from the address into a cookie. The cookie holds a
digest keyed by the token: it is of no use elsewhere, and a new token ends every cookie.

For a named screen the database holds a digest of the cookie's value. It follows from the token and from the
cookie, and neither can be computed from it: who reads the database or a copy of it cannot open the board.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from service.config import Account, is_one_of

COOKIE_DAYS: Final = 400
"""How long a browser keeps the cookie: the longest time that browsers allow."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request is authenticated by.

    Args:
        headers: Names in lower case.
        token: `?token=`, if given.
    """

    headers: Mapping[str, str]
    token: str | None


@dataclass(frozen=True, slots=True)
class Granted:
    """The request may see the board.

    Args:
        screen: The digest of the named screen that it comes from, if any.
        cookie: The value of the cookie that replaces the token of the link, if the request has that token.
    """

    screen: str | None = None
    cookie: str | None = None


Refusal: TypeAlias = Literal["no_token", "wrong_token"]


def decide(account: Account, credentials: Credentials, screens: Collection[str]) -> Granted | Refusal:
    """Whether a request may see the board.

    Args:
        screens: The digests of the account's named screens.
    """
    if account.invented:
        return Granted()
    proofs = _proofs(account, credentials)
    for proof in proofs:
        if _is_viewers(proof.value, account):
            return Granted(cookie=proof.cookie)
        screen = _screen(proof.value, screens)
        if screen is not None:
            return Granted(screen, proof.cookie)
    return "wrong_token" if proofs else "no_token"


def cookie_name(account: Account) -> str:
    """The name of the account's cookie."""
    return f"lossboard_{account.id}"


def cookie_value(account_id: str, token: str) -> str:
    """The value of the cookie that replaces a token."""
    key = token.encode("utf-8", "replace")
    return hmac.digest(key, f"screen of {account_id}".encode(), "sha256").hex()


def screen_digest(account_id: str, token: str) -> str:
    """The digest of a named screen's token, which the database holds."""
    return _digest(cookie_value(account_id, token))


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """The token of an Authorization header; None without one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def set_cookie(account: Account, value: str, *, secure: bool) -> str:
    """The Set-Cookie header that makes a browser keep `value` in place of the token. The browser sends it to
    every address of the service, because the one without a board lists the boards that are open to it.

    Lax, because with Strict the browser would withhold the cookie after the redirect of a link that is
    followed from another site. What changes something asks for more than a cookie (`classifying`).
    """
    attributes = f"Path={account.root_path}/; Max-Age={COOKIE_DAYS * 86_400}; HttpOnly; SameSite=Lax"
    return f"{cookie_name(account)}={value}; {attributes}" + ("; Secure" if secure else "")


class _Proof(NamedTuple):
    """The value of a cookie, or of the one that would replace a token; `cookie` if it shall replace it."""

    value: str
    cookie: str | None = None


def _proofs(account: Account, credentials: Credentials) -> list[_Proof]:
    """All that a request gives. One that is right is enough: an old link must not lock out a browser that has
    a newer one's cookie, nor must the token that a proxy adds for itself."""
    proofs = []
    if credentials.token is not None:
        value = cookie_value(account.id, credentials.token)
        proofs.append(_Proof(value, value))
    if (bearer := bearer_token(credentials.headers)) is not None:
        proofs.append(_Proof(cookie_value(account.id, bearer)))
    if (cookie := cookie_of(credentials.headers.get("cookie", ""), cookie_name(account))) is not None:
        proofs.append(_Proof(cookie))
    return proofs


def _is_viewers(value: str, account: Account) -> bool:
    token = account.viewer_token
    return token is not None and is_one_of(value, [_viewers_cookie(account.id, token.value)])


_viewers_cookie = lru_cache(maxsize=1024)(cookie_value)  # of the configuration's tokens alone


def _screen(value: str, screens: Collection[str]) -> str | None:
    """The screen that a cookie's value belongs to. Compares all, so that the time tells nothing."""
    digest = _digest(value)
    matching = [screen for screen in screens if is_one_of(digest, [screen])]
    return matching[0] if matching else None


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def cookie_of(header: str, name: str) -> str | None:
    """The value of a cookie; of two, the first, which is the one of the longer path (RFC 6265, section 5.4).

    Not by `http.cookies`, whose parser takes a time that grows with the square of the header.
    """
    if name not in header:
        return None
    found = re.search(rf"(?:^|;) *{re.escape(name)}=([^;]*)", header)
    return found[1].strip() if found else None
