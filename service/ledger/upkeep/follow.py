"""Other nodes' commits: told to this node as they happen, and found by it when nobody tells.

After its commits a node notifies all nodes (PostgreSQL's NOTIFY) of each account's sequence number and of
nothing else, and not from the committing transaction: a transaction that notifies takes a lock which all of
the database's share. Notifications are hints; the rows are the truth. So every node also looks, every second,
where the boards that it shows are. A notification that was lost costs that second.

LISTEN needs a connection of its own to the server itself. A pooler that gives the connection away after each
transaction takes the notifications with it and raises no error; so a listener that has heard nothing for a
while has a notification sent to itself, and says so when that does not come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

import psycopg
from sqlalchemy import Engine, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import Text

from service.clock import Clock
from service.ledger.database.engine import listen_address, open_engine
from service.ledger.write import heads

CHANNEL: Final = "lossboard"

LOOK: Final = 1.0
"""Seconds between two looks at where the boards are."""

PAUSE: Final = 0.05
"""Seconds between two notifications of a node; what is committed meanwhile goes into one."""

RECONNECT: Final = 0.5
"""Seconds before a lost listening connection is made anew."""

QUIET: Final = 30.0
"""Seconds of silence after which a listener makes sure that it can hear."""

ECHO: Final = 2.0
"""Seconds in which a node must hear what it has sent to itself."""

ECHOES: Final = 3
"""How often it sends that before it gives up."""

DEAF: Final = 60.0
"""Seconds before a listener that could not hear tries again."""

PAYLOAD: Final = 7_900
"""Characters in one notification; PostgreSQL takes fewer than 8 000 bytes."""

Seqs = Mapping[str, int]
"""Sequence numbers by account."""

_log = logging.getLogger(__name__)

# The commit of a hint need not reach the disk: nothing is lost with it.
_NOTIFY = select(
    func.set_config("synchronous_commit", "off", literal(True)),
    func.pg_notify(CHANNEL, func.unnest(bindparam("payloads", type_=ARRAY(Text)))),
)


class Follower:
    """Runs until cancelled; see the module. On PostgreSQL only: an SQLite file has one process.

    Args:
        readers: Opened with the role `reader`.
        listen_url: Of the server itself; notifications are sent there, too, for where there are several.
        watched: The accounts that this node shows to somebody.
        moved: Told, on the event loop, where boards are; for some of them that may be no news.
    """

    def __init__(
        self,
        readers: Engine,
        listen_url: str,
        watched: Callable[[], Collection[str]],
        moved: Callable[[Seqs], None],
        clock: Clock,
    ) -> None:
        self._readers = readers
        self._announcer = open_engine(listen_url, "announcer", serving=True)
        self._address = listen_address(listen_url)
        self._watched = watched
        self._moved = moved
        self._clock = clock
        self._own: dict[str, int] = {}
        self._to_tell: dict[str, int] = {}
        self._tell = asyncio.Event()
        self._look = asyncio.Event()
        self._echo_wanted = False
        self.listening = False
        """Whether notifications come in."""

    def committed(self, seqs: Seqs) -> None:
        """This node has committed: the others are told."""
        self._to_tell.update(seqs)
        self._own.update(seqs)
        self._tell.set()

    async def run(self) -> None:
        """Tell, listen, and look."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in (self._announce, self._listen, self._keep_looking):
                    tasks.create_task(part())
        finally:
            self._announcer.dispose()

    async def _announce(self) -> None:
        """Notify of what was committed: the first at once, then at most every `PAUSE` seconds."""
        while True:
            await self._tell.wait()
            self._tell.clear()
            payloads = list(_payloads(self._to_tell))
            self._to_tell = {}
            if self._echo_wanted:
                payloads.append("")
                self._echo_wanted = False
            try:
                if payloads:
                    await asyncio.to_thread(self._notify, payloads)
            except SQLAlchemyError as error:  # a hint is lost; whoever should have had it looks
                _log.debug("other nodes are not notified: %s", error)
            await self._clock.wait(PAUSE, asyncio.Event())

    def _notify(self, payloads: list[str]) -> None:
        with self._announcer.connect() as connection:
            connection.execute(_NOTIFY, {"payloads": payloads})

    async def _listen(self) -> None:
        while True:
            pause = RECONNECT
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._address, autocommit=True
                ) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self._look.set()  # for what was notified before
                    await self._hear(connection)
                pause = DEAF
                _log.warning(
                    "notifications do not come through, so other nodes' commits show up a second late: "
                    "a pooler in transaction mode cannot LISTEN; set listen_url to the server itself"
                )
            except (psycopg.Error, OSError) as error:
                _log.warning("the listening connection is lost: %s", error)
            self.listening = False
            await self._clock.wait(pause, asyncio.Event())

    async def _hear(self, connection: psycopg.AsyncConnection) -> None:
        """Take notifications, until none comes although some were sent."""
        while await self._hears(connection):
            self.listening = True
            while await self._heard(connection, QUIET):
                pass

    async def _hears(self, connection: psycopg.AsyncConnection) -> bool:
        """Whether a notification that is sent from another connection comes in here."""
        for _ in range(ECHOES):
            self._echo_wanted = True
            self._tell.set()
            if await self._heard(connection, ECHO):
                return True
        return False

    async def _heard(self, connection: psycopg.AsyncConnection, seconds: float) -> bool:
        """Take notifications for some seconds, only the first of them when there is any doubt; whether
        any came."""
        heard = False
        first = None if self.listening else 1
        async for each in connection.notifies(timeout=seconds, stop_after=first):
            heard = True
            self._hint(each.payload)
        return heard

    def _hint(self, payload: str) -> None:
        seqs = dict(_parsed(payload))
        news = {each: seq for each, seq in seqs.items() if seq > self._own.get(each, -1)}
        if news:
            self._moved(news)

    async def _keep_looking(self) -> None:
        while True:
            self._look.clear()
            watched = sorted(self._watched())
            try:
                if watched:
                    self._moved(await asyncio.to_thread(self._seqs, watched))
            except SQLAlchemyError as error:
                _log.debug("it is not known where boards are: %s", error)
            await self._clock.wait(LOOK, self._look)

    def _seqs(self, accounts: list[str]) -> Seqs:
        with self._readers.connect() as connection:
            return heads.sequence_numbers(connection, accounts)


def _payloads(seqs: Seqs) -> Iterator[str]:
    """`office:12 shop:7`, in as many notifications as it takes."""
    payload = ""
    for account, seq in seqs.items():
        entry = f"{account}:{seq}"
        if payload and len(payload) + 1 + len(entry) > PAYLOAD:
            yield payload
            payload = entry
        else:
            payload = f"{payload} {entry}".lstrip()
    if payload:
        yield payload


def _parsed(payload: str) -> Iterator[tuple[str, int]]:
    """What a notification says; what is not of this form says nothing."""
    for entry in payload.split():
        account, _, seq = entry.partition(":")
        if seq.isascii() and seq.isdecimal() and len(seq) < 20:
            yield account, int(seq)
