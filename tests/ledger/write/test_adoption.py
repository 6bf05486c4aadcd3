"""The writer commits for other accounts: between two commits, and all of it or nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from msgspec import structs
from sqlalchemy import Connection

from service.config import Account, zone
from service.ledger.database.errors import Unavailable
from service.ledger.upkeep import recompute
from service.ledger.write import heads
from service.ledger.write.committer import Heads
from service.ledger.write.heads import Head
from service.ledger.write.writer import Writer
from service.model import Delivery
from tests.ledger.offices import OFFICE, Ledger
from tests.ledger.write.test_writer import NOW, delivery, lost, running, writer_of

VLADIVOSTOK = replace(OFFICE, zone=zone("Asia/Vladivostok"))
SECOND = replace(OFFICE, id="second")


def of_second(sent: Delivery) -> Delivery:
    return structs.replace(sent, account="second")


async def adopt(writer: Writer, ledger: Ledger, *accounts: Account) -> None:
    prepare = partial(recompute.adopt, accounts=accounts, clock=ledger.clock)
    await writer.adopt({account.id: account for account in accounts}, prepare)


async def test_figures_of_other_rules_are_recomputed_and_webhooks_go_on_by_the_new_ones(
    ledger: Ledger,
) -> None:
    writer = writer_of(ledger)
    told: list[dict[str, Head]] = []
    writer.on_commit.append(lambda new: told.append(dict(new)))
    async with running(writer):
        await writer.submit(delivery("a", lost("1")))
        adopting = asyncio.ensure_future(adopt(writer, ledger, VLADIVOSTOK, SECOND))
        await asyncio.sleep(0)
        await asyncio.gather(adopting, writer.submit(delivery("b", lost("2"))))
        await writer.submit(of_second(delivery("c", lost("3"))))
    ledger.account = VLADIVOSTOK
    assert ledger.head.rules_fingerprint == heads.fingerprint_of(VLADIVOSTOK)
    assert ledger.differences() == []
    assert [new["office"].seq for new in told if "office" in new] == [1, 2, 3]
    assert writer.outdated == set()


async def test_accounts_of_the_same_rules_are_not_recomputed(ledger: Ledger) -> None:
    writer = writer_of(ledger)
    async with running(writer):
        await writer.submit(delivery("a", lost("1")))
        await adopt(writer, ledger, replace(OFFICE, title="Другой"))
    assert ledger.head.seq == 1


async def test_what_fails_changes_nothing(ledger: Ledger) -> None:
    def prepare(connection: Connection) -> Heads:
        recompute.adopt(connection, [VLADIVOSTOK, SECOND], ledger.clock)
        raise Unavailable("the disk is full")

    writer = writer_of(ledger)
    async with running(writer):
        with pytest.raises(Unavailable, match="full"):
            await writer.adopt({"second": SECOND}, prepare)
        outcome = await writer.submit(delivery("a", lost("1")))
    assert outcome.status == "applied"
    assert ledger.head.rules_fingerprint == heads.fingerprint_of(OFFICE)
    with ledger.engine.begin() as connection:
        assert heads.head(connection, "second") is None


async def test_a_delivery_of_an_account_that_is_gone_is_refused_and_its_neighbours_are_stored(
    ledger: Ledger,
) -> None:
    writer = writer_of(ledger)
    async with running(writer):
        await adopt(writer, ledger, OFFICE, SECOND)
        await adopt(writer, ledger, OFFICE)
        gone = writer.submit(of_second(delivery("a", lost("1"))))
        outcome = await writer.submit(delivery("b", lost("2")))
        with pytest.raises(Unavailable):
            await gone
    assert outcome.status == "applied"


async def test_an_account_that_other_rules_had_computed_is_served_again(ledger: Ledger) -> None:
    writer = writer_of(ledger)
    async with running(writer):
        with ledger.engine.begin() as connection:  # another node has reloaded already
            recompute.adopt(connection, [VLADIVOSTOK], ledger.clock)
        with pytest.raises(Unavailable):
            await writer.submit(delivery("a", lost("1")))
        assert writer.outdated == {"office"}
        seq = ledger.head.seq
        await adopt(writer, ledger, VLADIVOSTOK)
        assert ledger.head.seq == seq
        assert (await writer.submit(delivery("a", lost("1")))).status == "applied"
        assert writer.outdated == set()
    assert ledger.clock.moment == NOW
