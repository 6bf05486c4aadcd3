"""The follower: other nodes' commits, which this node is notified of as they happen, and also looks for.

After its commits a node notifies all nodes (PostgreSQL's NOTIFY) of each account's sequence number and of
nothing else. It does not notify from the committing transaction, because a transaction that notifies takes a
lock that all transactions of the database share. Notifications are hints, and the rows are the truth: every
second each node also reads the sequence numbers of the boards that it shows, so a lost notification costs a
second.

LISTEN needs a connection to the server itself. A pooler that gives the connection away after each transaction
swallows notifications and raises no error. So a listener that has heard nothing for a while sends a
notification to itself, and logs a warning if it does not come.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Final

import psycopg
from sqlalchemy import ARRAY, bindparam, func, literal, select
from sqlalchemy.types import Text

from service.clock import Clock
from service.ledger.database.database import Database, transaction
from service.ledger.database.engine import close, listening, open_engine
from service.ledger.database.errors import Unavailable
from service.ledger.write import heads
from service.ledger.write.outcome import OnSeq, Seqs

CHANNEL: Final = "lossboard"

LOOK_SECONDS: Final = 1.0
"""Between two reads of where the boards are."""

PAUSE_SECONDS: Final = 0.05
"""Between two notifications of a node. Commits of that time share one."""

RECONNECT_SECONDS: Final = 0.5
"""Before a lost listening connection is opened again."""

SILENCE_SECONDS: Final = 30.0
"""Without a notification, after which a listener makes sure that it can hear."""

ECHO_SECONDS: Final = 2.0
"""In which a node must hear what it has sent to itself."""

ECHOES: Final = 3
"""Attempts of that, before the node gives up."""

DEAF_SECONDS: Final = 60.0
"""Before a listener that could not hear tries again."""

PAYLOAD: Final = 7_900
"""Characters in one notification; PostgreSQL takes fewer than 8 000 bytes."""

_log = logging.getLogger(__name__)

# A notification that is lost in a crash is no loss, so its commit need not reach the disk.
_NOTIFY = select(
    func.set_config("synchronous_commit", "off", literal(True)),
    func.pg_notify(CHANNEL, func.unnest(bindparam("payloads", type_=ARRAY(Text)))),
)


class Follower:
    """Runs until cancelled; see the module. On PostgreSQL only, because one process serves an SQLite file.

    Args:
        listen_url: Of the server itself. Notifications are sent there, too, because there may be several
            servers.
        watched: Gives the accounts that this node shows to somebody.

    Attributes:
        on_seq: The subscribers; see `OnSeq`.
        listening: Whether notifications come in.
    """

    def __init__(
        self, database: Database, listen_url: str, watched: Callable[[], Collection[str]], clock: Clock
    ) -> None:
        self.on_seq: list[OnSeq] = []
        self.listening = False
        self._database = database
        self._announcer = open_engine(listen_url, "announcer", serving=True)
        self._server = listening(listen_url)
        self._watched = watched
        self._clock = clock
        self._own: dict[str, int] = {}
        self._to_announce: dict[str, int] = {}
        self._announce = asyncio.Event()
        self._look = asyncio.Event()
        self._echo_wanted = False

    def announce(self, seqs: Seqs) -> None:
        """Notify the other nodes of this node's commits, soon."""
        self._to_announce.update(seqs)
        self._own.update(seqs)
        self._announce.set()

    async def run(self) -> None:
        """Announce, listen, and look."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in (self._keep_announcing, self._keep_listening, self._keep_looking):
                    tasks.create_task(part())
        finally:
            close(self._announcer)

    async def _keep_announcing(self) -> None:
        """Notify of what was committed: the first commit at once, then every `PAUSE_SECONDS` at most."""
        while True:
            await self._announce.wait()
            self._announce.clear()
            payloads = list(_payloads(self._to_announce))
            self._to_announce = {}
            if self._echo_wanted:
                payloads.append("")
                self._echo_wanted = False
            try:
                if payloads:
                    await asyncio.to_thread(self._notify, payloads)
            except Unavailable as error:  # the other nodes look every second
                _log.debug("other nodes are not notified: %s", error)
            await self._clock.wait(PAUSE_SECONDS, asyncio.Event())

    def _notify(self, payloads: list[str]) -> None:
        with transaction(self._announcer) as connection:
            connection.execute(_NOTIFY, {"payloads": payloads})

    async def _keep_listening(self) -> None:
        while True:
            pause_seconds = RECONNECT_SECONDS
            try:
                async with await psycopg.AsyncConnection.connect(
                    **self._server, autocommit=True
                ) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self._look.set()  # commits of before the LISTEN
                    await self._listen(connection)
                pause_seconds = DEAF_SECONDS
                _log.warning(
                    "notifications do not come through, so other nodes' commits show up a second late: "
                    "a pooler in transaction mode cannot LISTEN; set listen_url to the server itself"
                )
            except (psycopg.Error, OSError) as error:
                _log.warning("the listening connection is lost: %s", error)
            self.listening = False
            await self._clock.wait(pause_seconds, asyncio.Event())

    async def _listen(self, connection: psycopg.AsyncConnection) -> None:
        """Take notifications, until none comes although some were sent."""
        while await self._hears_echo(connection):
            self.listening = True
            while await self._take(connection, SILENCE_SECONDS):
                pass

    async def _hears_echo(self, connection: psycopg.AsyncConnection) -> bool:
        """Whether a notification that is sent from another connection comes in here."""
        for _ in range(ECHOES):
            self._echo_wanted = True
            self._announce.set()
            if await self._take(connection, ECHO_SECONDS):
                return True
        return False

    async def _take(self, connection: psycopg.AsyncConnection, seconds: float) -> bool:
        """Take notifications for some seconds, or only the first while `listening` is in doubt; returns
        whether any came."""
        heard = False
        stop_after = None if self.listening else 1
        async for notification in connection.notifies(timeout=seconds, stop_after=stop_after):
            heard = True
            self._hint(notification.payload)
        return heard

    def _hint(self, payload: str) -> None:
        news = {account: seq for account, seq in _parsed(payload) if seq > self._own.get(account, -1)}
        if news:
            self._publish(news)

    def _publish(self, seqs: Seqs) -> None:
        for subscriber in self.on_seq:
            subscriber(seqs)

    async def _keep_looking(self) -> None:
        while True:
            self._look.clear()
            try:
                if watched := sorted(self._watched()):
                    self._publish(
                        await self._database.read(partial(heads.sequence_numbers, accounts=watched))
                    )
            except Unavailable as error:
                _log.debug("where the boards are cannot be read: %s", error)
            await self._clock.wait(LOOK_SECONDS, self._look)


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
    """The sequence numbers in a notification; entries of another form are ignored."""
    for entry in payload.split():
        account, _, seq = entry.partition(":")
        if seq.isascii() and seq.isdecimal() and len(seq) < 20:
            yield account, int(seq)
