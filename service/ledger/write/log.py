"""The log of deliveries, with their raw bodies, and the quarantine of those that could not be applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from service.ledger.database.in_list import in_list
from service.ledger.database.statements.bulk import Lookup, Wanted, inserting
from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import DELIVERIES, HEADS, QUARANTINE
from service.model import DAY, Delivery, Instant, Rejection, Source, Value, earlier, storable
from service.projections.batch import Changed

PRUNE_AT_ONCE: Final = 5_000
"""Bodies that one commit drops at most."""


class Stored(msgspec.Struct, frozen=True):
    """A delivery in the log.

    Args:
        body: None once it is pruned.
        conflicts_with: See `Delivery`; so is `applied`.
    """

    account: str
    number: int
    key: str
    received_at: Instant
    headers: Mapping[str, str]
    body: bytes | None
    changed: Changed
    source: Source
    conflicts_with: int | None
    applied: bool


class Known(msgspec.Struct, frozen=True):
    """A delivery that was stored under a key, and what the key stands for."""

    number: int
    content: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A part of a delivery that could not be decoded, or a delivery that could not be applied."""

    account: str
    number: int
    part: int
    received_at: Instant
    error: str
    detail: str


_FOUND = DELIVERIES.c.account, DELIVERIES.c.key, DELIVERIES.c.number, DELIVERIES.c.content
_KNOWN = Lookup(lambda of: select(*_FOUND).where(*of(DELIVERIES.c.key, "keys")))
_APPEND = inserting(DELIVERIES)
_HOLD = insert(QUARANTINE)
_DROPPED: Final[Mapping[str, str | None]] = {"body": None, "changed": "{}"}
"""What is left of a pruned delivery in these columns. What it changed has names in it, as its body has."""

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def known(connection: Connection, keys: Wanted) -> dict[str, dict[str, Known]]:
    """The deliveries that are stored under some keys of some accounts, by account and key."""
    found: dict[str, dict[str, Known]] = {account: {} for account in keys}
    for account, key, number, content in _KNOWN.rows(connection, keys=keys):
        found[account][key] = Known(number, content)
    return found


def append(connection: Connection, numbered: Sequence[tuple[int, Delivery, Changed]]) -> None:
    """Store deliveries with their numbers, and their rejections in quarantine."""
    _APPEND.run(
        connection,
        [
            (
                delivery.account,
                number,
                delivery.decoded.key,
                delivery.decoded.content,
                delivery.conflicts_with,
                delivery.received_at,
                _ENCODER.encode(dict(delivery.headers)).decode(),
                delivery.body,
                _ENCODER.encode(changed).decode(),
                delivery.source,
                delivery.applied,
            )
            for number, delivery, changed in numbered
        ],
    )
    rejected = [
        row
        for number, delivery, _ in numbered
        if delivery.decoded.rejections
        for row in _rows(delivery.account, number, delivery.decoded.rejections)
    ]
    if rejected:
        connection.execute(_HOLD, rejected)


def hold(connection: Connection, account: str, number: int, rejections: Sequence[Rejection]) -> None:
    """Note that a delivery was applied after all, but for these rejections: they replace those in quarantine.
    Without any, release it."""
    the_delivery = DELIVERIES.c.account == account, DELIVERIES.c.number == number
    connection.execute(update(DELIVERIES).where(*the_delivery).values(applied=True))
    if not rejections:
        release(connection, account, number)
        return
    _take_out(connection, account, number)
    connection.execute(_HOLD, _rows(account, number, rejections))


def _rows(account: str, number: int, rejections: Sequence[Rejection]) -> list[dict[str, object]]:
    """The quarantine's rows for a delivery: every rejection of every part."""
    places: Counter[int] = Counter()
    rows: list[dict[str, object]] = []
    for rejection in rejections:
        part = rejection.part
        told = {"error": storable(rejection.error), "detail": storable(rejection.detail)}
        rows.append({"account": account, "number": number, "part": part, "place": places[part], **told})
        places[part] += 1
    return rows


def release(connection: Connection, account: str, number: int) -> int:
    """Take a delivery out of quarantine, and drop its body if only the quarantine still kept it. Returns how
    many rejections there were."""
    parts = _take_out(connection, account, number)
    pruned = select(HEADS.c.pruned).where(HEADS.c.account == account).scalar_subquery()
    connection.execute(
        update(DELIVERIES)
        .where(DELIVERIES.c.account == account, DELIVERIES.c.number == number, DELIVERIES.c.number <= pruned)
        .values(_DROPPED)
    )
    return parts


def _take_out(connection: Connection, account: str, number: int) -> int:
    return connection.execute(
        delete(QUARANTINE).where(QUARANTINE.c.account == account, QUARANTINE.c.number == number)
    ).rowcount


def quarantine_size(connection: Connection, account: str) -> int:
    """How many deliveries are in quarantine."""
    deliveries = select(func.count(QUARANTINE.c.number.distinct())).where(QUARANTINE.c.account == account)
    return connection.execute(deliveries).scalar_one()


def quarantined(
    connection: Connection, account: str, after: int = 0, limit: int | None = None
) -> list[Quarantined]:
    """Everything in quarantine, oldest first; or up to `limit` rejections of what comes after a number."""
    part, delivery = QUARANTINE.c, DELIVERIES.c
    columns = part.account, part.number, part.part, delivery.received_at, part.error, part.detail
    same = (delivery.account == part.account) & (delivery.number == part.number)
    of_page = part.account == account, part.number > after
    statement = select(*columns).join(DELIVERIES, same).where(*of_page).limit(limit)
    rows = connection.execute(statement.order_by(part.number, part.part, part.place))
    return [Quarantined(*row) for row in rows]


def newest_number(connection: Connection, account: str) -> int:
    """The newest delivery's number; 0 before the first."""
    newest = select(func.max(DELIVERIES.c.number)).where(DELIVERIES.c.account == account)
    return connection.execute(newest).scalar() or 0


def stored(connection: Connection, account: str, after: int, limit: int = 500) -> list[Stored]:
    """Deliveries with numbers above `after`, in order, up to `limit`."""
    rows = connection.execute(
        select(*DELIVERIES.c)
        .where(DELIVERIES.c.account == account, DELIVERIES.c.number > after)
        .order_by(DELIVERIES.c.number)
        .limit(limit)
    )
    return [
        Stored(
            account=row.account,
            number=row.number,
            key=row.key,
            received_at=row.received_at,
            headers=msgspec.json.decode(row.headers, type=dict[str, str]),
            body=row.body,
            changed=msgspec.json.decode(row.changed, type=dict[str, dict[str, tuple[Value, Value]]]),
            source=row.source,
            conflicts_with=row.conflicts_with,
            applied=row.applied,
        )
        for row in rows
    ]


def one(connection: Connection, account: str, number: int) -> Stored | None:
    """The delivery with this number; None if there is none."""
    page = stored(connection, account, number - 1, limit=1)
    return page[0] if page and page[0].number == number else None


def everything(connection: Connection, account: str, after: int = 0) -> Iterator[Stored]:
    """The log of an account in order, or what comes after a number, read page by page."""
    while page := stored(connection, account, after):
        yield from page
        after = page[-1].number


_TO_DECODE: Final = ("number", "key", "received_at", "headers", "body", "source", "applied")
_REPLAYED = Prepared(
    select(*(DELIVERIES.c[name] for name in _TO_DECODE))
    .where(DELIVERIES.c.account == bindparam("account"), DELIVERIES.c.number > bindparam("after"))
    .order_by(DELIVERIES.c.number)
    .limit(bindparam("limit"))
)
_HEADERS: Final = msgspec.json.Decoder(dict[str, str])


def replayed(connection: Connection, account: str, limit: int) -> Iterator[list[Stored]]:
    """The log of an account in order, up to `limit` deliveries at a time, to be decoded again: without what
    each one changed and which it conflicts with."""
    after = 0
    while rows := _REPLAYED.rows(connection, {"account": account, "after": after, "limit": limit}):
        yield [
            Stored(
                account, number, key, received_at, _HEADERS.decode(headers), body, {}, source, None, applied
            )
            for number, key, received_at, headers, body, source, applied in rows
        ]
        after = rows[-1][0]


def strip(connection: Connection, account: str, number: int, body: bytes, changed: Changed) -> None:
    """Replace what a delivery has changed, and its raw body, if retention has not dropped that.

    Args:
        body: See `stripped.body_of`.
    """
    of_delivery = DELIVERIES.c.account == account, DELIVERIES.c.number == number
    shown = update(DELIVERIES).where(*of_delivery).values(changed=_ENCODER.encode(changed).decode())
    connection.execute(shown)
    kept = update(DELIVERIES).where(*of_delivery, DELIVERIES.c.body.is_not(None))
    connection.execute(kept.values(body=body, headers="{}", source="forget"))


def prunable(
    connection: Connection, accounts: Collection[str], now: Instant, keep_days: int
) -> Sequence[str]:
    """Those of some accounts whose oldest body may be dropped: it is older than `keep_days`, or came while
    the clock ran ahead."""
    oldest = (DELIVERIES.c.account == HEADS.c.account) & (DELIVERIES.c.number == HEADS.c.pruned + 1)
    statement = select(HEADS.c.account).join(DELIVERIES, oldest)
    recent = DELIVERIES.c.received_at.between(earlier(now, keep_days * DAY), now)
    return (
        connection.execute(
            statement.where(in_list(HEADS.c.account, "accounts"), ~recent), {"accounts": accounts}
        )
        .scalars()
        .all()
    )


def prune(connection: Connection, account: str, now: Instant, keep_days: int, pruned: int) -> int:
    """Drop bodies that are older than `keep_days`, except those in quarantine. Returns the number up to which
    bodies are dropped now.

    Numbers tell the order; times only bound it. Bodies are dropped up to the last old one before the first
    that is recent, so a time from a clock that ran ahead stands in nobody's way, and drops nothing.
    """
    before, number = earlier(now, keep_days * DAY), DELIVERIES.c.number
    left = DELIVERIES.c.account == account, number > pruned
    is_recent = DELIVERIES.c.received_at.between(before, now)
    recent = connection.execute(select(number).where(*left, is_recent).order_by(number).limit(1)).scalar()
    old = [*left, DELIVERIES.c.received_at < before, *([] if recent is None else [number < recent])]
    last: int | None = connection.execute(select(func.max(number)).where(*old)).scalar()
    if last is None:
        return pruned
    upto = min(last, pruned + PRUNE_AT_ONCE)
    quarantined = select(QUARANTINE.c.number).where(QUARANTINE.c.account == account)
    connection.execute(
        update(DELIVERIES).where(*left, number <= upto, number.not_in(quarantined)).values(_DROPPED)
    )
    connection.execute(update(HEADS).where(HEADS.c.account == account).values(pruned=upto))
    return upto
