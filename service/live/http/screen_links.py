"""Named screens in a running service: which there are, when each was open last, and the end of the stream of
one that was revoked.

What is known is a few seconds old at most, so that a thousand screens that come back at once cost one read.
With the database away what was known last is good enough: whoever was let in stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Final, Protocol

from service.clock import Clock
from service.ledger.database.errors import Unavailable
from service.model import SECOND, Instant

FRESH: Final = 3 * SECOND
"""How long what was read is taken for true."""

CHECK: Final = 5.0
"""Seconds between two looks whether the screen of an open stream was revoked. It sees nothing more after this
and `FRESH` together."""

NOTED: Final = 60 * SECOND
"""How often it is noted that a screen is open, at most."""

_log = logging.getLogger(__name__)


class ScreenLedger(Protocol):
    """Keeps named screens; `ledger.upkeep.screens.Screens` does. Both calls raise `Unavailable`."""

    async def digests(self, account_id: str) -> frozenset[str]:
        """The digests of an account's screens."""
        ...

    async def seen(self, account_id: str, digest: str, now: Instant) -> None:
        """Note that a screen is open now."""
        ...


@dataclass(slots=True, eq=False)
class _Known:
    """What is known of one account. `tried_at`: when it was last asked for, in vain or not."""

    digests: frozenset[str] | None = None
    tried_at: Instant | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class NamedScreens:
    """See the module."""

    def __init__(self, ledger: ScreenLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._noted: dict[tuple[str, str], Instant] = {}
        self._to_note: dict[tuple[str, str], Instant] = {}
        self._noting: asyncio.Task[None] | None = None

    async def digests(self, account_id: str) -> frozenset[str]:
        """The digests of an account's screens, as they are or were a moment ago.

        Raises:
            Unavailable: The database is away, and has been since this process started.
        """
        known = self._known.setdefault(account_id, _Known())
        async with known.asking:
            if not self._is_within(known.tried_at, FRESH):
                try:
                    known.digests = await self._ledger.digests(account_id)
                except Unavailable as error:
                    _log.warning("the screens of %s are not known anew: %s", account_id, error)
                known.tried_at = self._clock.now()
        if known.digests is None:
            raise Unavailable("the named screens are not known yet")
        return known.digests

    async def attend(self, account_id: str, digest: str, stream: Coroutine[None, None, None]) -> None:
        """Feed the stream of a named screen until it ends, or the screen is revoked."""
        feeding = asyncio.create_task(stream)
        watching = asyncio.create_task(self._until_revoked(account_id, digest))
        try:
            await asyncio.wait((feeding, watching), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (feeding, watching):
                task.cancel()
            await asyncio.gather(feeding, watching, return_exceptions=True)
        if not feeding.cancelled():
            feeding.result()

    async def _until_revoked(self, account_id: str, digest: str) -> None:
        while digest in await self.digests(account_id):
            self._note(account_id, digest)
            await self._clock.wait(CHECK, asyncio.Event())

    def _note(self, account_id: str, digest: str) -> None:
        """Have it noted that a screen is open, unless that was done just now. The stream does not wait."""
        now, screen = self._clock.now(), (account_id, digest)
        if self._is_within(self._noted.get(screen), NOTED):
            return
        self._noted[screen] = self._to_note[screen] = now
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._note_all())

    async def _note_all(self) -> None:
        """Write what is to be noted, one at a time: webhooks need the database more."""
        while self._to_note:
            (account_id, digest), now = self._to_note.popitem()
            try:
                await self._ledger.seen(account_id, digest, now)
            except Exception:  # whatever it is: the next minute tries again
                _log.warning("it is not noted that a screen of %s is open", account_id, exc_info=True)

    def _is_within(self, moment: Instant | None, span: int) -> bool:
        """Whether a moment is so little ago; one that is still to come (the clock was set back) is not."""
        return moment is not None and 0 <= self._clock.now() - moment < span
