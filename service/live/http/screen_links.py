"""Named screens in a running service: which ones exist, when each was open last, and the end of the stream of
a revoked one.

The screens of an account are read every few seconds at most, so that a thousand screens that come back at
once cost one read. While the database is away the last known ones count: a screen that was let in stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from service.clock import Clock
from service.ledger.database.errors import Unavailable
from service.ledger.upkeep.screens import KnownScreen, Screens
from service.model import Instant

FRESH_SECONDS: Final = 3.0
"""How long the screens that were read count as the current ones."""

NEW_SECONDS: Final = 0.5
"""The same for a request whose token is not known: its link may have been made a moment ago."""

CHECK_SECONDS: Final = 5.0
"""Between two checks which screens of open streams were revoked. After this and `FRESH_SECONDS` such a screen
receives nothing."""

NOTE_SECONDS: Final = 60.0
"""How often the ledger notes that a screen is open, at most."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Known:
    """The known screens of one account.

    Args:
        screens: By digest; None until a read has succeeded.
        tried_at: When the last read ended, be it with success or not, by the monotonic clock.
    """

    screens: Mapping[str, KnownScreen] | None = None
    tried_at: float | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Attended(Protocol):
    """What a named screen has open.

    Attributes:
        ended: Whether it has ended.
    """

    ended: bool

    def end(self) -> None:
        """End it."""
        ...


class NamedScreens:
    """See the module. One task looks after all that is open, because a task for each would cost memory."""

    def __init__(self, ledger: Screens, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._attended: dict[tuple[str, str], list[Attended]] = {}
        self._attending: asyncio.Task[None] | None = None
        self._noted: dict[tuple[str, str], float] = {}
        self._to_note: dict[tuple[str, str], Instant] = {}
        self._noting: asyncio.Task[None] | None = None

    async def known(self, account_id: str, fresh_seconds: float = FRESH_SECONDS) -> Mapping[str, KnownScreen]:
        """An account's screens by digest, at most `fresh_seconds` old while the database answers.

        Raises:
            Unavailable: The database has been away since this process started.
        """
        known = self._known.setdefault(account_id, _Known())
        if not self._is_within(known.tried_at, fresh_seconds):
            async with known.reading:
                if not self._is_within(known.tried_at, fresh_seconds):  # nor has another request read them
                    await self._read(account_id, known)
        if known.screens is None:
            raise Unavailable("the named screens are not known yet")
        return known.screens

    def attend(self, account_id: str, digest: str, opened: Attended) -> None:
        """End what a named screen has opened as soon as the screen is revoked."""
        self._attended.setdefault((account_id, digest), []).append(opened)
        self._note(account_id, digest)
        if self._attending is None or self._attending.done():
            self._attending = asyncio.create_task(self._attend_all())

    async def stop(self) -> None:
        """End the tasks."""
        tasks = [task for task in (self._attending, self._noting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, account_id: str, known: _Known) -> None:
        try:
            known.screens = await self._ledger.known(account_id)
        except Unavailable as error:
            _log.warning(
                "cannot read the screens of %s now: %s", account_id, error, extra={"account": account_id}
            )
        known.tried_at = self._clock.monotonic()

    async def _attend_all(self) -> None:
        """Look after all screens until none has anything open."""
        while self._attended:
            await self._clock.wait(CHECK_SECONDS, asyncio.Event())
            for account_id, digest in list(self._attended):
                try:
                    known = await self.known(account_id)
                except Unavailable:
                    continue
                self._look_after(account_id, digest, revoked=digest not in known)

    def _look_after(self, account_id: str, digest: str, *, revoked: bool) -> None:
        still_open = [opened for opened in self._attended.pop((account_id, digest)) if not opened.ended]
        if revoked:
            for opened in still_open:
                opened.end()
        elif still_open:
            self._attended[account_id, digest] = still_open
            self._note(account_id, digest)

    def _note(self, account_id: str, digest: str) -> None:
        """Note in the background that a screen is open, unless that was noted a moment ago."""
        screen = account_id, digest
        if self._is_within(self._noted.get(screen), NOTE_SECONDS):
            return
        self._noted[screen], self._to_note[screen] = self._clock.monotonic(), self._clock.now()
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._note_all())

    async def _note_all(self) -> None:
        """Write the notes one at a time, because webhooks need the database more."""
        while self._to_note:
            (account_id, digest), now = self._to_note.popitem()
            try:
                await self._ledger.seen(account_id, digest, now)
            except Exception:  # any error: the next minute tries again
                _log.warning(
                    "cannot note that a screen of %s is open",
                    account_id,
                    exc_info=True,
                    extra={"account": account_id},
                )

    def _is_within(self, moment: float | None, seconds: float) -> bool:
        """Whether a moment of the monotonic clock lies less than so many seconds back."""
        return moment is not None and self._clock.monotonic() - moment < seconds
