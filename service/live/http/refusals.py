"""What a request gets whose proof failed, and the charge to its address's budget (`brake`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from service.brake import Brake
from service.live.http import access
from service.problems import Problem

_BEARER: Final = ((b"www-authenticate", b"Bearer"),)
_REFUSALS: Final[Mapping[access.Refusal, Problem]] = {
    "no_token": Problem(401, "open the board by its link: the request has no token", _BEARER),
    "wrong_token": Problem(401, "the token is wrong or was revoked", _BEARER),
}


def refused(
    brake: Brake, request: Request, account_id: str, refusal: access.Refusal, cause: str = "wrong_token"
) -> Problem:
    """The response to a request whose proof is missing or failed. One that has none guesses nothing, and is
    not charged.

    Args:
        account_id: As `Brake.failed` wants it; so is `cause`.
    """
    if refusal == "wrong_token":
        address = request.client.host if request.client else ""
        seconds = brake.refusal(address)
        brake.failed(address, account_id, cause)
        if seconds is not None:
            return Problem(429, "too many wrong tokens", ((b"retry-after", b"%d" % seconds),))
    return _REFUSALS[refusal]
