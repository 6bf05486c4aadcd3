"""What stands before every handler of the admin page: who asks, from which page, about which account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from service.brake import Brake
from service.clock import Clock
from service.config import Account, Secret
from service.ledger.database.errors import Unavailable
from service.live.board.query import QueryError, check_parameters
from service.live.http.admin.admission import Admission
from service.live.http.forms import FOREIGN, Refused, Text, form_of, is_own
from service.live.page.admin.shown import Shown
from service.live.text.i18n import preferred_language
from service.operator_error import OperatorError, Unknown
from service.problems import Problem

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
Handler: TypeAlias = Callable[[Request, Shown], Awaitable[ASGIApp]]
"""Responds to the admin's request."""

AccountHandler: TypeAlias = Callable[[Request, Account, Shown], Awaitable[ASGIApp]]
"""The same, about an account."""

_AWAY: Final = Problem(503, "the database is away", ((b"retry-after", b"5"),))
_NO_ACCOUNT: Final = Problem(404, "there is no such account")


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who signs in, or out.

    Args:
        token: The `admin_token` of the configuration; empty: sign out.
    """

    token: Text


class Guard:
    """Puts handlers behind the checks.

    Args:
        token_now: The `admin_token` that is configured now.
    """

    def __init__(
        self,
        token_now: Callable[[], Secret | None],
        accounts: Mapping[str, Account],
        brake: Brake,
        clock: Clock,
    ) -> None:
        self._admission = Admission(token_now, brake)
        self._accounts = accounts
        self._clock = clock

    def admitted(self, handler: Handler) -> Endpoint:
        """The handler for whom the admin page is open to."""

        async def admitted(request: Request, shown: Shown) -> ASGIApp:
            refusal = self._admission.refusal(request)
            if refusal is not None:
                return refusal
            self._check_own(request)
            return await handler(request, shown)

        return self._checked(admitted)

    def of_account(self, handler: AccountHandler) -> Endpoint:
        """The same for a handler about the account of the address."""

        async def named(request: Request, shown: Shown) -> ASGIApp:
            account = self._accounts.get(request.path_params["account"])
            return _NO_ACCOUNT if account is None else await handler(request, account, shown)

        return self.admitted(named)

    async def _sign(self, request: Request, _shown: Shown) -> ASGIApp:
        self._check_own(request)
        return self._admission.signed(request, (await form_of(request, SignIn)).token)

    @property
    def sign(self) -> Endpoint:
        """Signs in by a form, or out."""
        return self._checked(self._sign)

    def _check_own(self, request: Request) -> None:
        """Raise `Refused` if another site's page posts."""
        if request.method == "POST" and not is_own(request, self._accounts.values()):
            raise Refused(FOREIGN)

    def _checked(self, handler: Handler) -> Endpoint:
        async def checked(request: Request) -> ASGIApp:
            language = preferred_language(request.headers.get("accept-language", ""))
            shown = Shown(language, request.scope["root_path"], self._clock.now())
            try:
                check_parameters(request.query_params.multi_items())
                return await handler(request, shown)
            except QueryError as error:
                return Problem(400, str(error))
            except Refused as refused:
                return refused.problem
            except Unavailable:
                return _AWAY
            except Unknown as error:
                return Problem(404, str(error))
            except OperatorError as error:
                return Problem(409, str(error))

        return checked  # type: ignore[return-value]  # Starlette awaits any ASGI app that comes back
