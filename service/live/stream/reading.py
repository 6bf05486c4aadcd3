"""Reads a board for all of its feeds, in a thread. A view that cannot be read or rendered fails alone."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from service.calendar import Period
from service.config import Account
from service.ledger.database.errors import CutShort
from service.ledger.read.board import BoardRows, Selection
from service.ledger.read.reader import BoardReader
from service.live.board.build import built
from service.live.board.loss_sums import LossSums
from service.live.board.ranges import Ranges, ranges
from service.live.board.snapshot import Snapshot
from service.live.stream.feed import Feed, Update
from service.model import Day

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """A read of a board.

    Args:
        sums: Of its rows.
        updates: What it means for each feed, but for those that failed.
    """

    sums: LossSums
    updates: Mapping[Feed, Update]


def read(
    reader: BoardReader,
    account: Account,
    feeds: Mapping[Feed, bool],
    since: LossSums | None,
    today: Day,
    *,
    storing: bool,
) -> Reading:
    """Read the board of an account.

    Args:
        feeds: Each with whether a subscriber of it needs the whole board.
        since: Those of the earlier read.
        storing: Whether the service can store what comes in.

    Raises:
        Unavailable: The database is away.
    """
    days = {feed: ranges(feed.query, today) for feed in feeds}
    rows, readable = _rows(reader, account.id, days, None if since is None else since.rows)
    sums = LossSums.of(account, rows, since)
    updates: dict[Feed, Update] = {}
    for feed in readable:
        try:
            board = built(sums, feed.query, days[feed], storing=storing)
        except Exception:  # a bug that one view meets
            _log.exception(
                "a view of the board of %s cannot be made", account.id, extra={"account": account.id}
            )
            continue
        update = updated(feed, board, days[feed].period, rows, whole=feeds[feed])
        if update is not None:
            updates[feed] = update
    return Reading(sums, updates)


def updated(feed: Feed, board: Snapshot, period: Period, rows: BoardRows, *, whole: bool) -> Update | None:
    """What a board means for a feed; None if it cannot be rendered, so that the feed alone fails."""
    try:
        return feed.update(board, period, rows, whole=whole)
    except Exception:  # a bug that one view meets
        _log.exception(
            "a view of the board of %s cannot be shown", rows.account, extra={"account": rows.account}
        )
        return None


def _rows(
    reader: BoardReader, account_id: str, days: Mapping[Feed, Ranges], since: BoardRows | None
) -> tuple[BoardRows, list[Feed]]:
    """The rows of all feeds that can be read, and these feeds.

    Raises:
        Unavailable: The database is away.
    """
    try:
        return reader.read(account_id, _selections(days.values()), since), list(days)
    except Exception as error:  # of the database, or of what one view asks it
        reader.read(account_id, (), since)  # where the database is away, this raises again
        readable = [feed for feed, own in days.items() if _is_readable(reader, account_id, own, since)]
        rows = reader.read(account_id, _selections(days[feed] for feed in readable), since)
        if len(readable) < len(days):  # else the database was away for a moment
            _log.error(
                "a view of the board of %s cannot be read",
                account_id,
                exc_info=error,
                extra={"account": account_id},
            )
    return rows, readable


def _is_readable(reader: BoardReader, account_id: str, days: Ranges, since: BoardRows | None) -> bool:
    try:
        reader.read(account_id, days.selections, since)
    except CutShort:  # a connection that was lost is no view's fault
        raise
    except Exception:  # the first one told what is wrong
        return False
    return True


def _selections(of_feeds: Iterable[Ranges]) -> list[Selection]:
    """Those of several feeds, each once."""
    return list(dict.fromkeys(selection for days in of_feeds for selection in days.selections))
