"""Applies deliveries, and what fell due, to accounts: some accounts in one transaction.

The caller commits: nothing lasts before that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec
from msgspec import structs
from sqlalchemy import Connection

from service.config import Account
from service.ledger.write import heads, invalidations, log, needs
from service.ledger.write.batch.advance import Advanced, advance
from service.ledger.write.batch.cache import AccountRows, Cache
from service.ledger.write.batch.load import AccountBatch, account_batch
from service.ledger.write.heads import Head, OtherRules
from service.ledger.write.log import Known
from service.ledger.write.outcome import Outcome, Status
from service.model import Delivery, Instant, Micros
from service.projections import stripped
from service.projections.batch import Changed

Work: TypeAlias = Sequence[tuple[Account, Sequence[Delivery]]]
"""The accounts of a transaction, each with its deliveries: none where only the clock changes the board."""


class Applied(msgspec.Struct, frozen=True):
    """What a transaction did to an account.

    Args:
        outcomes: What became of each delivery, in their order.
        head: The new head.
        rows: The account's rows, for the cache after the commit.
    """

    outcomes: list[Outcome]
    head: Head
    rows: AccountRows


class _Sent(NamedTuple):
    """A delivery's number, and what is told of it."""

    status: Status
    number: int
    conflicts_with: int | None = None


class _Part(msgspec.Struct, frozen=True):
    """An account's part of a transaction.

    Args:
        stored: The head before it.
        sent: For each delivery, also for those that came before.
    """

    stored: Head
    batch: AccountBatch
    deliveries: Sequence[Delivery]
    sent: Sequence[_Sent]


def apply(
    connection: Connection,
    account: Account,
    deliveries: Sequence[Delivery],
    now: Instant,
    skew: Micros = heads.CLOCK_SKEW,
) -> tuple[list[Outcome], Head]:
    """Apply deliveries to one account, and everything that fell due by `now`; `skew` as in
    `heads.moment_after`.

    Returns:
        What became of each delivery, in their order, and the account's new head.

    Raises:
        Unknown: The account has no head row: the service did not prepare it.
        OtherRules: Other rules computed the account's figures; nothing was written.
    """
    applied = apply_all(connection, [(account, deliveries)], now, Cache(), skew)[account.id]
    if isinstance(applied, OtherRules):
        raise applied
    return applied.outcomes, applied.head


def apply_all(
    connection: Connection, work: Work, now: Instant, cache: Cache, skew: Micros = heads.CLOCK_SKEW
) -> dict[str, Applied | OtherRules]:
    """The same for some accounts at once.

    Args:
        cache: The accounts' rows that are known. They are taken out, for the caller to keep after the commit.

    Returns:
        By account, what was done to it, or why nothing was written.

    Raises:
        Unknown: An account has no head row.
    """
    stored = heads.locked(connection, [account.id for account, _ in work])
    results: dict[str, Applied | OtherRules] = {}
    own: list[tuple[Account, Sequence[Delivery]]] = []
    for account, deliveries in work:
        try:
            heads.check_rules(stored[account.id], account)
        except OtherRules as error:
            results[account.id] = error
        else:
            own.append((account, deliveries))
    known = _known(connection, own)
    parts: list[_Part] = []
    for account, deliveries in own:
        head = stored[account.id]
        sent, fresh = _numbered(head, deliveries, known.get(account.id, {}))
        heard = _heard(head, deliveries, len(fresh))
        batch = account_batch(account, heard, now, fresh, cache.take(head), skew)
        parts.append(_Part(head, batch, deliveries, sent))
    return results | _applied(connection, parts, now)


def _applied(connection: Connection, parts: Sequence[_Part], now: Instant) -> dict[str, Applied]:
    """Write what each account's part changes."""
    moving = [part.batch for part in parts if part.batch.numbered or part.batch.ticks]
    advanced = {one.head.account: one for one in advance(connection, moving)}
    log.append(connection, [kept for batch in moving for kept in _logged(batch, advanced)])
    results: dict[str, Applied] = {}
    changed_heads: list[Head] = []
    for part in parts:
        batch, one = part.batch, advanced.get(part.stored.account)
        head = batch.head if one is None else _noted(one, batch)
        changed = {} if one is None else one.merged.changed
        if one is not None and batch.account.api is not None and batch.numbered:
            left_out = needs.left_out(batch.numbered, one.merged, one.flowed.deals)
            moved = needs.of_deleted_clients(connection, head.account, batch.numbered)
            needs.note(connection, head.account, moved | left_out, now)
        for delivery in part.deliveries:
            if delivery.settles:
                needs.settle(connection, head.account, delivery.settles)
        if head != part.stored:
            changed_heads.append(head)
        outcomes = [
            Outcome(status, number, head.seq, frozenset(changed.get(number, ())), conflicts_with)
            for status, number, conflicts_with in part.sent
        ]
        results[head.account] = Applied(outcomes, head, batch.rows)
    heads.store(connection, *changed_heads)
    return results


def reapply(connection: Connection, account: Account, number: int, delivery: Delivery, now: Instant) -> Head:
    """Apply a stored delivery again, as today's adapter decodes it. What it rejects stays in quarantine.

    It keeps its number, so that later deliveries still win over it.

    Raises:
        Unknown: The account has no head row.
        OtherRules: Other rules computed the account's figures; nothing was written.
    """
    stored = heads.prepared(connection, account.id, lock=True)
    heads.check_rules(stored, account)
    batch = account_batch(account, stored, now, [(number, delivery)], AccountRows())
    (advanced,) = advance(connection, [batch])
    log.hold(connection, account.id, number, delivery.decoded.rejections)
    head = advanced.head._replace(quarantined=log.quarantine_size(connection, account.id))
    heads.store(connection, head)
    return head


def release(connection: Connection, account_id: str, number: int) -> int:
    """Take a delivery out of quarantine without applying it; returns how many rejections there were.

    Raises:
        Unknown: The account has no head row.
    """
    head = heads.prepared(connection, account_id, lock=True)
    released = log.release(connection, account_id, number)
    heads.store(connection, head._replace(quarantined=log.quarantine_size(connection, account_id)))
    invalidations.refresh(connection, account_id)
    return released


def _numbered(
    head: Head, deliveries: Sequence[Delivery], stored: dict[str, Known]
) -> tuple[list[_Sent], list[tuple[int, Delivery]]]:
    """What is told of each delivery, and the new ones among them with their numbers."""
    told: list[_Sent] = []
    fresh: list[tuple[int, Delivery]] = []
    for sent in deliveries:
        delivery = _distinct(sent, stored)
        if (before := stored.get(delivery.decoded.key)) is not None:
            told.append(_Sent("duplicate", before.number))
            continue
        number = head.deliveries + len(fresh) + 1
        stored[delivery.decoded.key] = Known(number, delivery.decoded.content)
        fresh.append((number, delivery))
        status: Status = "quarantined" if delivery.decoded.rejections else "applied"
        told.append(_Sent(status, number, delivery.conflicts_with))
    return told, fresh


def _known(connection: Connection, work: Work) -> dict[str, dict[str, Known]]:
    """What is stored of each account under the deliveries' keys, and under those that they get in a
    conflict."""
    keys = {account.id: {one.decoded.key for one in deliveries} for account, deliveries in work}
    stored = log.known(connection, keys)
    distinct: dict[str, set[str]] = {}
    for account, deliveries in work:
        if same := stored[account.id]:
            given = {_distinct(one, same).decoded.key for one in deliveries} - keys[account.id]
            distinct |= {account.id: given} if given else {}
    for account_id, more in log.known(connection, distinct).items():
        stored[account_id] |= more
    return stored


def _distinct(delivery: Delivery, stored: Mapping[str, Known]) -> Delivery:
    """The delivery. If its id was given to another content before (SPEC section 4), it is marked and gets a
    key of its own, which no id can be, because none has a line break in it."""
    decoded = delivery.decoded
    before = stored.get(decoded.key)
    if before is None or before.content == decoded.content:
        return delivery
    own = structs.replace(decoded, key=f"{decoded.key}\n{decoded.content}")
    return structs.replace(delivery, decoded=own, conflicts_with=before.number)


def _logged(batch: AccountBatch, advanced: Mapping[str, Advanced]) -> Iterator[tuple[int, Delivery, Changed]]:
    """New deliveries as the log keeps them, with what each changed. What a stripped one changed may hold the
    text that it was stripped of."""
    merged = advanced[batch.account.id].merged
    for number, delivery in batch.numbered:
        kept = stripped.as_kept(delivery, merged.records)
        yield number, kept, {} if kept.source == "forget" else merged.changed.get(number, {})


def _heard(head: Head, deliveries: Sequence[Delivery], fresh: int) -> Head:
    """The head after deliveries, some of them new. The CRM is heard by webhooks alone, also by repeated
    ones."""
    heard = [delivery.received_at for delivery in deliveries if delivery.source == "webhook"]
    last_at = max(heard, default=head.last_delivery_at)
    return head._replace(deliveries=head.deliveries + fresh, last_delivery_at=last_at)


def _noted(advanced: Advanced, batch: AccountBatch) -> Head:
    """The head after new deliveries: how many are in quarantine, and from which day on the losses are known
    (SPEC section 2.6): from the first webhook, or from where an import begins."""
    head = advanced.head
    for _, delivery in batch.numbered:
        if delivery.source == "webhook":
            head = head.knowing_from(batch.rules.day(delivery.received_at))
    if any(delivery.source == "import" for _, delivery in batch.numbered):
        lost_days = [deal.lost_day for _, deal in advanced.merged.deals.values() if deal.lost_day is not None]
        head = head.knowing_from(min(lost_days, default=None))
    rejected = sum(1 for _, delivery in batch.numbered if delivery.decoded.rejections)
    return head._replace(quarantined=head.quarantined + rejected) if rejected else head
