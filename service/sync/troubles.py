"""Decides when trouble with an account's CRM is told on the board, and when it is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection

from service.clock import Clock
from service.ledger.write import troubles
from service.model import SECOND, Instant, Micros, TroubleCode
from service.sync.client import CallResult

JUNK_TRIES: Final = 3
"""Answers that are not understood, before that is told: a proxy may have answered in the CRM's place."""

SILENT_FOR: Final = Micros(3600 * SECOND)
"""How long an API may be busy or out of reach before that is told."""

_T = TypeVar("_T")


class Write(Protocol):
    """Runs a function in a transaction; see `Database.write`."""

    def __call__(self, work: Callable[[Connection], _T], /) -> Awaitable[_T]:
        """See `Database.write`."""
        ...


@dataclass(slots=True)
class _Streak:
    """Failed calls for one resource, without a success between them."""

    since: Instant
    tries: int = 0


class Troubles:
    """The troubles of one account."""

    def __init__(self, account_id: str, write: Write, clock: Clock) -> None:
        self._account_id = account_id
        self._write = write
        self._clock = clock
        self._streaks: dict[str, _Streak] = {}
        self._well: set[str] = set()
        """The resources of which no trouble is stored."""

    async def note(self, result: CallResult) -> None:
        """Take note of the result of a call: tell a trouble that is worth telling, or clear one that is
        over."""
        resource = result.resource
        if result.meaning in ("answered", "gone"):
            self._streaks.pop(resource, None)
            if resource not in self._well:
                await self._clear(resource)
                self._well.add(resource)
            return
        streak = self._streaks.setdefault(resource, _Streak(self._clock.now()))
        streak.tries += 1
        code = result.verdict.trouble
        if code is not None and self._is_worth_telling(result, streak):
            self._well.discard(resource)
            await self._tell(code, resource, streak.since)

    async def webhook_off(self, *, is_off: bool) -> bool:
        """Tell that the CRM has switched its webhook off, or that it is on; returns whether that is new."""
        if is_off:
            await self._tell("webhook_off", "", self._clock.now())
            return True
        return await self._write(
            lambda connection: troubles.clear(connection, self._account_id, ["webhook_off"])
        )

    def _is_worth_telling(self, result: CallResult, streak: _Streak) -> bool:
        if result.meaning == "refused":
            return True
        if result.verdict.trouble == "api_junk":
            return streak.tries >= JUNK_TRIES
        return self._clock.now() - streak.since >= SILENT_FOR

    async def _tell(self, code: TroubleCode, subject: str, since: Instant) -> None:
        await self._write(
            lambda connection: troubles.tell(connection, self._account_id, code, subject, since)
        )

    async def _clear(self, resource: str) -> None:
        await self._write(
            lambda connection: troubles.clear(connection, self._account_id, troubles.API_CODES, resource)
        )
