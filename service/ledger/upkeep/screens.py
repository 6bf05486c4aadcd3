"""Named screens: who may see an account's board by a link of its own, until the link is revoked.

A link's token is never stored, only a digest from which neither the link nor the cookie can be made
(`live.http.access` makes both).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update

from service.ledger.database.database import Database
from service.ledger.database.engine import insert_into
from service.ledger.database.tables import SCREENS, Role
from service.model import Instant


@dataclass(frozen=True, slots=True)
class NamedScreen:
    """A named screen.

    Args:
        view: The parameters that its requests have by default, as in an address.
        seen_at: When it was last seen open; None if never.
        role: What the holder of its link may do.
    """

    account: str
    name: str
    view: str
    added_at: Instant
    seen_at: Instant | None
    role: Role = "viewer"


class KnownScreen(NamedTuple):
    """What a request gets by the token of a named screen: see `NamedScreen`."""

    view: str = ""
    name: str = ""
    role: Role = "viewer"


def add(
    connection: Connection,
    account: str,
    name: str,
    digest: str,
    view: str,
    now: Instant,
    role: Role = "viewer",
) -> bool:
    """Add a screen; returns False and changes nothing if the account has one of that name."""
    statement = insert_into(connection.dialect.name, SCREENS).values(
        account=account, name=name, digest=digest, view=view, added_at=now, seen_at=None, role=role
    )
    if_free = statement.on_conflict_do_nothing(index_elements=[SCREENS.c.account, SCREENS.c.name])
    return connection.execute(if_free.returning(SCREENS.c.name)).one_or_none() is not None


def listed(
    connection: Connection, account: str, after: str = "", limit: int | None = None
) -> list[NamedScreen]:
    """The account's screens, by name; or `limit` of those at most whose names come after one."""
    columns = [column for column in SCREENS.c if column is not SCREENS.c.digest]
    chosen = select(*columns).where(SCREENS.c.account == account, SCREENS.c.name > after)
    rows = connection.execute(chosen.order_by(SCREENS.c.name).limit(limit))
    return [NamedScreen(*row) for row in rows]


def change(connection: Connection, account: str, name: str, view: str) -> bool:
    """Change a screen's view; returns whether there is one of that name."""
    named = update(SCREENS).where(SCREENS.c.account == account, SCREENS.c.name == name)
    return connection.execute(named.values(view=view)).rowcount == 1


def revoke(connection: Connection, account: str, name: str) -> bool:
    """Delete a screen, so that its name is free again; returns whether there was one of that name."""
    named = delete(SCREENS).where(SCREENS.c.account == account, SCREENS.c.name == name)
    return connection.execute(named).rowcount == 1


class Screens:
    """The screens of a running service, each call in a small transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, account_id: str) -> Mapping[str, KnownScreen]:
        """An account's screens, each by the digest of its token.

        Raises:
            Unavailable: The database is away.
        """
        columns = SCREENS.c.digest, SCREENS.c.view, SCREENS.c.name, SCREENS.c.role
        statement = select(*columns).where(SCREENS.c.account == account_id)
        return await self._database.read(
            lambda connection: {digest: KnownScreen(*rest) for digest, *rest in connection.execute(statement)}
        )

    async def seen(self, account_id: str, digest: str, now: Instant) -> None:
        """Store that a screen is open now, unless it was revoked.

        Raises:
            Unavailable: The database is away.
        """
        screen = SCREENS.c.account == account_id, SCREENS.c.digest == digest
        statement = update(SCREENS).where(*screen).values(seen_at=now)
        await self._database.write(lambda connection: connection.execute(statement))

    async def page(self, account_id: str, after: str, limit: int) -> list[NamedScreen]:
        """See `listed`.

        Raises:
            Unavailable: The database is away.
        """
        return await self._database.read(partial(listed, account=account_id, after=after, limit=limit))

    async def add(self, account_id: str, name: str, digest: str, view: str, now: Instant, role: Role) -> bool:
        """See the function `add`.

        Raises:
            Unavailable: The database is away.
        """
        return await self._database.write(
            lambda connection: add(connection, account_id, name, digest, view, now, role)
        )

    async def revoke(self, account_id: str, name: str) -> bool:
        """See the function `revoke`.

        Raises:
            Unavailable: The database is away.
        """
        return await self._database.write(partial(revoke, account=account_id, name=name))
