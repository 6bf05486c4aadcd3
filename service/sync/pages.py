"""The pages of one list: whether they lead on.

A page that leads to itself, back to an earlier page, or to one that cannot be asked for, or that has the
entries of the page before, proves nothing: a proxy or a broken cursor may have made it. What it leaves out is
unknown, so it must end no list.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TypeAlias

from service.adapters.api import JUNK, Call
from service.model import Decoded, Entity, storable
from service.sync.client import CallResult

_log = logging.getLogger(__name__)

Entries: TypeAlias = tuple[tuple[Entity, str], ...]


class Pages:
    """The pages of one list, as far as they were read."""

    def __init__(self) -> None:
        self._read: set[Call] = set()
        self._last: tuple[Call, Entries] | None = None

    def lead_on(self, call: Call, decoded: Decoded | None, following: Call | None) -> bool:
        """Whether a page is a new one, and leads to a new one or is the last; only then it counts as read.

        Args:
            decoded: What the page says; None for a page that is not stored.
            following: The call for the next page.
        """
        entries = _entries(decoded) if decoded else ()
        if following == call or following in self._read or self._is_repeated(call, entries):
            return False
        if following is not None and not _can_be_sent(following):
            return False
        self._read.add(call)
        self._last = call, entries
        return True

    def _is_repeated(self, call: Call, entries: Entries) -> bool:
        """Whether the page before had the same entries. One that is read again, because it could not be
        stored, has its own."""
        if self._last is None or not entries:
            return False
        last, its_entries = self._last
        return last != call and last.resource == call.resource and its_entries == entries


def _can_be_sent(call: Call) -> bool:
    """Whether a call has no text, made from an answer's link or cursor, that is none in UTF-8 or has a NUL:
    neither an address nor the database could hold it."""
    pairs = (*call.query, *call.left)
    texts = (call.path, *call.asked, *(text for pair in pairs for text in pair))
    return all(storable(text) == text for text in texts)


def misleading(result: CallResult, account_id: str) -> CallResult:
    """The result of a call whose page does not lead on: it is not understood."""
    about = {"account": account_id}
    _log.warning("%s: the CRM's page of %s does not lead on", account_id, result.call.resource, extra=about)
    return replace(result, verdict=JUNK)


def _entries(decoded: Decoded) -> Entries:
    return tuple(
        [(change.entity, change.id) for change in decoded.changes]
        + [(need.entity, need.id) for need in decoded.needs]
    )
