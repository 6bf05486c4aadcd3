"""How many streams and views are open at most: in the process, of an account, and through one screen.

A view is a query that somebody watches; it is read and rendered after each commit, while a stream of a view
that is open costs a few writes. The viewer token counts as one screen, for a token does not tell who has it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final, Literal, Self, TypeAlias

from service.live.board.query import BoardQuery

LEAST: Final = 1_000
"""Streams that one account may have through one screen in any case, as long as the process has them: those of
a big office behind one address."""

VIEWS: Final = 200
"""Views of one account."""

Limit: TypeAlias = Literal["process", "account", "screen", "account_views", "screen_views"]
"""What is full."""

_Holder: TypeAlias = tuple[str, ...]
"""An account, or an account and the digest of a named screen (empty for the viewer token)."""


class Places:
    """Who has which streams open.

    Args:
        total: Streams of the process.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._of_account = max(LEAST, total // 2)
        self._taken: defaultdict[_Holder, Counter[BoardQuery]] = defaultdict(Counter)
        self._streams = 0

    def full(self, query: BoardQuery, screen: str | None) -> Limit | None:
        """What keeps a screen from opening a stream; None: nothing does.

        Args:
            screen: The digest of the named screen; None for the viewer token.
        """
        if self._streams >= self._total:
            return "process"
        account, own = self._holders(query, screen)
        if account.total() >= self._of_account:
            return "account"
        if own.total() >= max(LEAST, share(self._of_account)):
            return "screen"
        if query not in account and len(account) >= VIEWS:
            return "account_views"
        if query not in account and len(own) >= share(VIEWS):
            return "screen_views"
        return None

    def taken(self, query: BoardQuery, screen: str | None) -> Place:
        """Take the place of a stream."""
        self._streams += 1
        for holder in _names(query, screen):
            self._taken[holder][query] += 1
        return Place(self, query, screen)

    def left(self, query: BoardQuery, screen: str | None) -> None:
        """Have the place of a stream back."""
        self._streams -= 1
        for holder in _names(query, screen):
            self._leave(holder, query)

    def _holders(self, query: BoardQuery, screen: str | None) -> list[Counter[BoardQuery]]:
        """What the account and the screen have open."""
        return [self._taken.get(holder, Counter()) for holder in _names(query, screen)]

    def _leave(self, holder: _Holder, query: BoardQuery) -> None:
        open_views = self._taken[holder]
        open_views[query] -= 1
        if not open_views[query]:
            del open_views[query]
        if not open_views:
            del self._taken[holder]


class Place:
    """The place of one stream, until it is left."""

    __slots__ = ("_places", "_query", "_screen")

    def __init__(self, places: Places, query: BoardQuery, screen: str | None) -> None:
        self._places: Places | None = places
        self._query = query
        self._screen = screen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Give it back, once."""
        places, self._places = self._places, None
        if places is not None:
            places.left(self._query, self._screen)


def share(of_account: int) -> int:
    """What one screen may have of what its account may, and at least one: the rest is for the others."""
    return max(1, of_account * 4 // 5)


def _names(query: BoardQuery, screen: str | None) -> tuple[_Holder, _Holder]:
    return (query.account,), (query.account, screen or "")
