"""Named screens, on both databases: added, listed, seen, revoked, each account's apart."""

from __future__ import annotations

import pytest

from service.ledger.database.errors import Unavailable
from service.ledger.upkeep import screens
from service.ledger.upkeep.screens import NamedScreen, Screens
from service.model import later
from tests.histories import at
from tests.ledger.offices import Ledger

NOW = at("2026-11-23T10:00:00+03:00")


def add(ledger: Ledger, name: str, digest: str, account: str = "office", view: str = "") -> bool:
    with ledger.engine.begin() as connection:
        return screens.add(connection, account, name, digest, view, NOW)


def listed(ledger: Ledger, account: str = "office") -> list[NamedScreen]:
    with ledger.readers.begin() as connection:
        return screens.listed(connection, account)


def service(ledger: Ledger) -> Screens:
    return Screens(ledger.database)


async def known(ledger: Ledger) -> dict[str, str]:
    """The views by digest."""
    screens_known = await service(ledger).known("office")
    return {digest: screen.view for digest, screen in screens_known.items()}


async def test_screens_are_listed_by_name_and_never_with_a_digest(ledger: Ledger) -> None:
    assert listed(ledger) == []
    assert add(ledger, "b", "digest-b")
    assert add(ledger, "a", "digest-a")
    assert listed(ledger) == [
        NamedScreen("office", "a", "", NOW, None),
        NamedScreen("office", "b", "", NOW, None),
    ]
    assert await known(ledger) == {"digest-a": "", "digest-b": ""}


async def test_a_taken_name_changes_nothing_until_it_is_revoked(ledger: Ledger) -> None:
    assert add(ledger, "television", "old")
    assert not add(ledger, "television", "new")
    assert await known(ledger) == {"old": ""}
    with ledger.engine.begin() as connection:
        assert screens.revoke(connection, "office", "television")
        assert not screens.revoke(connection, "office", "television")
    assert await known(ledger) == {}
    assert add(ledger, "television", "new")
    assert await known(ledger) == {"new": ""}


async def test_accounts_have_nothing_to_do_with_each_other(ledger: Ledger) -> None:
    assert add(ledger, "television", "same")
    assert add(ledger, "television", "same", "other")
    assert add(ledger, "tablet", "digest", "other")
    await service(ledger).seen("office", "same", later(NOW, 1))
    assert await known(ledger) == {"same": ""}
    assert [screen.seen_at for screen in listed(ledger, "other")] == [None, None]
    with ledger.engine.begin() as connection:
        assert screens.revoke(connection, "other", "television")
    assert listed(ledger) == [NamedScreen("office", "television", "", NOW, later(NOW, 1))]
    assert [screen.name for screen in listed(ledger, "other")] == ["tablet"]


async def test_a_screen_keeps_a_view_until_it_gets_another(ledger: Ledger) -> None:
    assert add(ledger, "television", "same", view="mode=wall")
    assert add(ledger, "television", "same", "other", view="mode=wall")
    assert await known(ledger) == {"same": "mode=wall"}
    with ledger.engine.begin() as connection:
        assert screens.change(connection, "other", "television", "period=week")
        assert not screens.change(connection, "other", "tablet", "period=week")
    assert await known(ledger) == {"same": "mode=wall"}
    assert [screen.view for screen in listed(ledger, "other")] == ["period=week"]


async def test_a_screen_that_was_seen_says_when(ledger: Ledger) -> None:
    assert add(ledger, "a", "digest-a")
    assert add(ledger, "b", "digest-b")
    await service(ledger).seen("office", "digest-b", later(NOW, 7))
    await service(ledger).seen("office", "revoked", later(NOW, 8))
    assert [(screen.name, screen.seen_at) for screen in listed(ledger)] == [("a", None), ("b", NOW + 7)]


async def test_a_database_that_is_away_is_said_to_be(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE screens")
    with pytest.raises(Unavailable):
        await service(ledger).known("office")
    with pytest.raises(Unavailable):
        await service(ledger).seen("office", "digest", NOW)
