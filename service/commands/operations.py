"""What the commands do with a database, apart from serving: prepare, verify, rebuild, quarantine."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from service.clock import Clock
from service.config import Account, Config
from service.ledger.database import private_files, wal
from service.ledger.database.database import Database
from service.ledger.database.engine import SqliteLock
from service.ledger.database.errors import Unavailable
from service.ledger.database.schema import SchemaError
from service.ledger.read import classified_rows, decoding
from service.ledger.read.decoding import DecodePages, LogPruned
from service.ledger.upkeep import attach, recompute, replay
from service.ledger.upkeep.by_hand import quarantine
from service.ledger.upkeep.by_hand.quarantine import Retried
from service.ledger.upkeep.recompute import Difference
from service.ledger.upkeep.replay import Progress
from service.ledger.write import heads, invalidations, log
from service.model import Day


def exposed_files(config: Config) -> Iterator[str]:
    """A line for each file with secrets or people's names that others than its owner can read."""
    return private_files.exposed(config.database_url, [Path(config.file)] if config.file else [])


def classified_by_hand(config: Config, account: Account) -> Iterator[str]:
    """A line for each reason of an account that is classified by hand; none where no database can be read."""
    path = private_files.sqlite_file(config.database_url)
    if path is not None and not (path.exists() and path.stat().st_size):
        return  # to look into a database that is not there would create it
    try:
        rows = attach.read(config.database_url, classified_rows.listed, account.id)
    except (Unavailable, SchemaError):
        return
    for row in rows:
        listed = account.reasons.kinds.get(row.key)
        wins = "" if listed is None else f", but the configuration lists it as {listed}, which wins"
        yield f"{row.reason!r} is {row.kind} by hand, says screen {row.screen!r}{wins}"


@contextmanager
def alone(config: Config) -> Iterator[None]:
    """Keep other processes from serving the same SQLite file meanwhile.

    Raises:
        AlreadyServed: A process serves it already.
    """
    lock = SqliteLock(config.database_url)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def lacking(config: Config) -> list[str]:
    """What the log of an SQLite database that nobody serves lacks. Opening the database ends the log, so look
    before.

    Raises:
        Corrupt: The database cannot be read at all.
        Moved: There is a log without its database.
    """
    path = private_files.sqlite_file(config.database_url)
    return [] if path is None else wal.lacking(path)


def accounts_to_rebuild(database: Database, config: Config) -> list[Account]:
    """The accounts whose projections were computed by other rules than this version's."""
    with database.writing() as connection:
        return [account for account in config.accounts if recompute.rules_changed(connection, account)]


def prepare(database: Database, config: Config, clock: Clock) -> None:
    """Create the head row of each account that has none."""
    with database.writing() as connection:
        for account in config.accounts:
            heads.ensure(connection, account, clock.now())


def know_from(config: Config, account_id: str, day: Day) -> None:
    """Note the first day of which an account's losses are complete, where nothing else tells it: the demo's
    CRM posts the history of its office as webhooks."""
    with attach.writing(config.database_url) as connection:
        invalidations.refresh(connection, account_id, day)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Keep Python from looking for cycles meanwhile. A recomputation makes millions of objects, and a fifth
    of its time was spent on looking through them; it makes no cycles."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _decoding(account: Account) -> AbstractContextManager[DecodePages]:
    return decoding.beside(partial(decoding.decode, account=account))


def size(config: Config, account: Account, *, with_log: bool) -> int:
    """The number of steps of a rebuild or a check, for a progress bar."""
    with attach.reading(config.database_url) as connection:
        return recompute.size_of_state(connection, account.id) + (
            log.newest_number(connection, account.id) if with_log else 0
        )


SHOWN: Final = 1_000
"""Differences of an account that are shown: a table that is wrong altogether would fill the memory."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of `verify`.

    Args:
        differences: The first of them, up to `SHOWN`.
        more: How many others there are.
        log_complete: The log had every body, so state was checked too.
    """

    differences: Sequence[Difference]
    more: int
    log_complete: bool

    @property
    def count(self) -> int:
        """How many differences there are."""
        return len(self.differences) + self.more


def verify(config: Config, account: Account, progress: Progress) -> Verified:
    """Recompute each projection from state, and state from the log if that is complete, and compare."""
    more, log_complete = 0, True
    shown: list[Difference] = []
    with (
        _without_collections(),
        _decoding(account) as decoded,
        attach.reading(config.database_url) as connection,
    ):
        state = recompute.differences_from_state(connection, account, progress)
        try:
            for difference in chain(
                state, recompute.differences_from_log(connection, account, decoded, progress)
            ):
                if len(shown) < SHOWN:
                    shown.append(difference)
                else:
                    more += 1
        except LogPruned:
            log_complete = False
    return Verified(shown, more, log_complete)


def rebuild(
    config: Config, account: Account, clock: Clock, progress: Progress, *, from_log: bool = False
) -> None:
    """Recompute the projections of an account from state; with `from_log`, first state from the log.

    Raises:
        LogPruned: The log is no longer complete; nothing was changed.
    """
    with (
        _without_collections(),
        _decoding(account) if from_log else nullcontext() as decoded,
        attach.writing(config.database_url) as connection,
    ):
        if decoded is not None:
            replay.rebuild_state(connection, account, decoded, progress)
        recompute.rebuild(connection, account, clock.now(), progress)


def retry(config: Config, account: Account, number: int, clock: Clock) -> Retried:
    """Decode and apply a quarantined delivery again; see `quarantine.retry`."""
    with attach.opened(config.database_url) as database:
        return quarantine.retry(database, account, number, clock)


def drop(config: Config, account: Account, number: int) -> int:
    """Remove a delivery from quarantine (the log keeps it); returns the number of its parts there."""
    with attach.opened(config.database_url) as database:
        return quarantine.drop(database, account, number).rejections
