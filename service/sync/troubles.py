"""Decides when trouble with an account's CRM is told on the board, and when it is over.

A refusal is told at once: asking again does not mend it. Answers that are not understood, and an API that is
busy or out of reach, pass by themselves as a rule, and are told once they last. What is told stays until a
call of the same kind is answered, in whatever process, or until a run through the whole API is complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from service.adapters.api import Call
from service.clock import Clock
from service.ledger.database.database import Database
from service.ledger.write import troubles
from service.ledger.write.heads import CLOCK_SKEW
from service.model import SECOND, Instant, Micros, TroubleCode, earlier, later
from service.sync.client import CallResult

JUNK_TRIES: Final = 3
"""Answers that are not understood, before that is told: a proxy may have answered in the CRM's place."""

SILENT_SECONDS: Final = 3600.0
"""How long an API may be busy or out of reach before that is told: vendors' maintenance and a limit of calls
are over sooner as a rule, and webhooks keep the board true meanwhile."""

FRESH: Final = Micros(20 * 60 * SECOND)
"""The age up to which a complete run does not end a trouble: longer than between two tries of a call that
fails, so that what still fails does not vanish and come back."""


@dataclass(slots=True)
class _Streak:
    """Failed calls of one kind, without a success between them.

    Args:
        began_at: By the monotonic clock.
    """

    since: Instant
    began_at: float
    tries: int = 0


class Troubles:
    """The troubles of one account."""

    def __init__(self, account_id: str, database: Database, clock: Clock) -> None:
        self._account_id = account_id
        self._write = database.write
        self._clock = clock
        self._streaks: dict[str, _Streak] = {}
        self._well: set[str] = set()
        """The subjects of which no trouble is stored."""

    async def note(self, result: CallResult) -> None:
        """Take note of the result of a call: tell a trouble that is worth telling, or clear one that is
        over."""
        subject = subject_of(result.call)
        if result.is_answer:
            self._streaks.pop(subject, None)
            if subject not in self._well:
                await self.clear(subject)
            return
        streak = self._streaks.setdefault(subject, _Streak(self._clock.now(), self._clock.monotonic()))
        streak.tries += 1
        code = result.verdict.trouble
        if code is not None and self._is_worth_telling(result, streak):
            await self.tell(code, subject, streak.since)

    async def tell(self, code: TroubleCode, subject: str, since: Instant) -> None:
        """Tell a trouble with the API, in the place of another one with the same subject."""
        self._well.discard(subject)
        told = partial(troubles.tell, account=self._account_id, code=code, subject=subject, since=since)
        await self._write(partial(told, at=self._clock.now()))

    async def clear(self, subject: str) -> None:
        """Clear the trouble with the API that has this subject."""
        await self._write(
            lambda connection: troubles.clear(connection, self._account_id, troubles.API_CODES, subject)
        )
        self._well.add(subject)

    async def complete(self) -> None:
        """Clear the troubles with the API that have not come again lately, because a run is complete."""
        now = self._clock.now()
        lately = earlier(now, FRESH), later(now, CLOCK_SKEW)
        await self._write(
            lambda connection: troubles.clear(connection, self._account_id, troubles.API_CODES, spared=lately)
        )

    async def webhook_off(self, *, is_off: bool) -> bool:
        """Tell that the CRM has switched its webhook off, or that it is on; returns whether it was off or is
        now."""
        return await self._state("webhook_off", "" if is_off else None)

    async def missing_field(self, name: str | None) -> bool:
        """Tell that the CRM lacks the field `name`; None: that it lacks none. Returns whether it did or
        does."""
        return await self._state("reason_field", name)

    async def _state(self, code: TroubleCode, subject: str | None) -> bool:
        account_id, now = self._account_id, self._clock.now()
        return await self._write(
            lambda connection: troubles.state(connection, account_id, code, subject, now)
        )

    def _is_worth_telling(self, result: CallResult, streak: _Streak) -> bool:
        if result.meaning == "refused":
            return True
        if result.verdict.trouble == "api_junk":
            return streak.tries >= JUNK_TRIES
        return self._clock.monotonic() - streak.began_at >= SILENT_SECONDS


def subject_of(call: Call) -> str:
    """What a trouble with a call is about. Lists and questions by id are apart: one may work without the
    other."""
    return f"{call.resource} by id" if call.asked else call.resource
