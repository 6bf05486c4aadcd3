"""The routes of the admin page: accounts, and of each its health, deliveries and quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from service.config import Account
from service.ledger.database.database import in_time
from service.ledger.read.admin.reader import AdminReader
from service.ledger.upkeep.by_hand.quarantine import Quarantine
from service.ledger.upkeep.classify import Classifier
from service.live.board.query import QueryError
from service.live.http.admin.guard import Guard
from service.live.http.admin.screens import AdminScreens
from service.live.http.classifying import classify, posted_by
from service.live.http.forms import form_of
from service.live.page.admin import deliveries as delivery_pages
from service.live.page.admin import feeds, quarantine
from service.live.page.admin.reasons import reasons_page
from service.live.page.admin.shown import Shown
from service.problems import Problem

MOST_DIGITS: Final = 15
"""Digits of the largest number of a delivery."""

ADMIN: Final = "admin"
"""What stands in place of a screen's name beside a verdict."""

_NO_DELIVERY: Final = Problem(404, "there is no such delivery")


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of deliveries in quarantine.

    Args:
        do: `retry`: the delivery is tried again. `retry_page`: so are it and the later ones of its page.
            `drop`: it is taken out without being applied; the log keeps it.
        number: The delivery's.
    """

    do: Literal["retry", "retry_page", "drop"]
    number: Annotated[int, msgspec.Meta(ge=1, lt=10**MOST_DIGITS)]


@dataclass(frozen=True, slots=True)
class Admin:
    """The handlers, and what they work on."""

    reader: AdminReader
    quarantine: Quarantine
    classifier: Classifier
    screens: AdminScreens

    async def index(self, request: Request, shown: Shown) -> ASGIApp:
        """All accounts."""
        page = await in_time(partial(self.reader.accounts, request.query_params.get("after", "")))
        return HTMLResponse(feeds.accounts_page(page, shown))

    async def health(self, _request: Request, account: Account, shown: Shown) -> ASGIApp:
        """The health of an account."""
        health = await in_time(partial(self.reader.account, account.id))
        return HTMLResponse(feeds.health_page(health, shown))

    async def deliveries(self, request: Request, account: Account, shown: Shown) -> ASGIApp:
        """A page of deliveries; or one of them, as it came."""
        number = _number(request.query_params, "number")
        if number is None:
            upto = _number(request.query_params, "upto")
            page = await in_time(partial(self.reader.deliveries, account.id, upto))
            return HTMLResponse(delivery_pages.deliveries_page(page, account, shown))
        delivery = await in_time(partial(self.reader.delivery, account.id, number))
        if delivery is None:
            return _NO_DELIVERY
        return HTMLResponse(delivery_pages.delivery_page(delivery, account, shown))

    async def held(self, request: Request, account: Account, shown: Shown) -> ASGIApp:
        """A page of the quarantine."""
        after = _number(request.query_params, "after") or 0
        retried = _number(request.query_params, "retried")
        page = await in_time(partial(self.reader.quarantine, account.id, after))
        is_held = retried is not None and await in_time(partial(self.reader.is_held, account.id, retried))
        return HTMLResponse(quarantine.quarantine_page(page, retried, account, shown, is_held=is_held))

    async def release(self, request: Request, account: Account, _shown: Shown) -> ASGIApp:
        """Try deliveries again, or drop one."""
        asked = await form_of(request, Release)
        if asked.do == "drop":
            await self.quarantine.drop(account, asked.number)
            return led_to("quarantine")
        if asked.do == "retry":
            await self.quarantine.retry(account, asked.number)
            return led_to(f"quarantine?retried={asked.number}")
        page = await in_time(partial(self.reader.quarantine, account.id, asked.number - 1))
        await self.quarantine.retry_all(account, [held.number for held in page.rows])
        return led_to("quarantine")

    async def reasons(self, request: Request, account: Account, shown: Shown) -> ASGIApp:
        """The reasons, and a page of what was classified by hand."""
        skip = _number(request.query_params, "skip") or 0
        read = await in_time(partial(self.reader.reasons, account.id, skip))
        return HTMLResponse(reasons_page(read, account, shown))

    async def classify(self, request: Request, account: Account, _shown: Shown) -> ASGIApp:
        """Classify a reason."""
        await classify(self.classifier, account, await posted_by(request), ADMIN)
        return led_to("reasons")


def admin_routes(admin: Admin, guard: Guard) -> list[Route]:
    """The routes."""
    one, of = "/admin/{account}", guard.of_account
    return [
        Route("/admin", guard.admitted(admin.index)),
        Route("/admin", guard.sign, methods=["POST"]),
        Route(one, of(admin.health)),
        Route(f"{one}/deliveries", of(admin.deliveries)),
        Route(f"{one}/quarantine", of(admin.held)),
        Route(f"{one}/quarantine", of(admin.release), methods=["POST"]),
        Route(f"{one}/reasons", of(admin.reasons)),
        Route(f"{one}/reasons", of(admin.classify), methods=["POST"]),
        Route(f"{one}/screens", of(admin.screens.shown)),
        Route(f"{one}/screens", of(admin.screens.change), methods=["POST"]),
    ]


def led_to(address: str) -> Response:
    """Lead a browser on, relative to the address of its form."""
    return Response(status_code=303, headers={"location": address})


def _number(given: Mapping[str, str], name: str) -> int | None:
    """The number of a delivery that an address gives; None where it gives none.

    Raises:
        QueryError: It is none.
    """
    text = given.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise QueryError(f"{name} is the number of a delivery")
    return int(text)
