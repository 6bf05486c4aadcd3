"""Named screens in a running service: which ones exist, when each was open last, and the end of the stream of
a revoked one.

The screens of an account are read every few seconds at most, so that a thousand screens that come back at
once cost one read. While the database is away the last known ones count: a screen that was let in stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Final

from service.clock import Clock
from service.ledger.database.errors import Unavailable
from service.ledger.upkeep.screens import KnownScreen, Screens
from service.model import Instant

FRESH_SECONDS: Final = 3.0
"""How long the screens that were read count as the current ones."""

NEW_SECONDS: Final = 0.5
"""The same for a request whose token is not known: its link may have been made a moment ago."""

CHECK_SECONDS: Final = 5.0
"""Between two checks whether the screen of an open stream was revoked. After this and `FRESH_SECONDS` it
receives nothing if it was."""

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


class NamedScreens:
    """See the module."""

    def __init__(self, ledger: Screens, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._noted: dict[tuple[str, str], float] = {}
        self._to_note: dict[tuple[str, str], Instant] = {}
        self._noting: asyncio.Task[None] | None = None

    async def known(self, account_id: str, fresh_seconds: float = FRESH_SECONDS) -> Mapping[str, KnownScreen]:
        """An account's screens by digest, at most `fresh_seconds` old while the database answers.

        Raises:
            Unavailable: The database has been away since this process started.
        """
        known = self._known.setdefault(account_id, _Known())
        async with known.reading:
            if not self._is_within(known.tried_at, fresh_seconds):
                try:
                    known.screens = await self._ledger.known(account_id)
                except Unavailable as error:
                    _log.warning("cannot read the screens of %s now: %s", account_id, error)
                known.tried_at = self._clock.monotonic()
        if known.screens is None:
            raise Unavailable("the named screens are not known yet")
        return known.screens

    async def attend(self, account_id: str, digest: str, stream: Coroutine[None, None, None]) -> None:
        """Run the stream of a named screen until it ends, or until the screen is revoked."""
        streaming = asyncio.create_task(stream)
        watching = asyncio.create_task(self._until_revoked(account_id, digest))
        try:
            await asyncio.wait((streaming, watching), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (streaming, watching):
                task.cancel()
            await asyncio.gather(streaming, watching, return_exceptions=True)
        if not streaming.cancelled():
            streaming.result()

    async def _until_revoked(self, account_id: str, digest: str) -> None:
        while digest in await self.known(account_id):
            self._note(account_id, digest)
            await self._clock.wait(CHECK_SECONDS, asyncio.Event())

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
                _log.warning("cannot note that a screen of %s is open", account_id, exc_info=True)

    def _is_within(self, moment: float | None, seconds: float) -> bool:
        """Whether a moment of the monotonic clock lies less than so many seconds back."""
        return moment is not None and self._clock.monotonic() - moment < seconds
