"""The domain model: deliveries, the changes decoded from them, and the needs they leave.

All code behind the adapters uses these types. Pure: no I/O, no clock, no storage.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NewType, TypeAlias

import msgspec

Instant = NewType("Instant", int)
"""A point in time: microseconds since 1970-01-01T00:00:00Z. The service uses no other form inside."""

Micros = NewType("Micros", int)
"""A duration in microseconds."""

Day = NewType("Day", int)
"""A local day: the ordinal of its date (`date.toordinal`)."""

SECOND: Final = Micros(1_000_000)
DAY: Final = Micros(86_400 * SECOND)
"""24 hours. A local day can be longer or shorter: see `calendar`."""

Value: TypeAlias = str | int | bool | None
"""The value of a field. `None` means "the CRM says that there is none"; a field that was not sent is
absent."""

Entity: TypeAlias = Literal["deal", "task", "client", "manager", "reason", "pipeline", "merger"]
"""A merger says that the CRM merged a deal or a client into another one. Its id is a `merger_id`."""

Status: TypeAlias = Literal["open", "won", "lost"]

Source: TypeAlias = Literal["webhook", "test", "answer", "sync", "import", "forget"]
"""How a delivery arrived: posted by the CRM, posted by `lossboard send-test`, which proves nothing about the
CRM, fetched from its API for a need, read from its API by a backfill
or reconciliation, or imported from a file. `forget`: it has no raw body, but the changes themselves, because
a person in it was forgotten, or because it is what clears that person's names from state. The page does not
announce changes of the last three sources."""

TroubleCode: TypeAlias = Literal[
    "api_token",
    "api_forbidden",
    "api_unpaid",
    "api_moved",
    "api_not_found",
    "api_rejected",
    "api_unreachable",
    "api_junk",
    "webhook_off",
    "reason_field",
    "requests_refused",
]
"""What is wrong between the CRM and the service, so that a person must act or wait.

The CRM's API: the token is refused or expired; the token may not read this (a scope, a right, a block); the
account is not paid for; the account has moved to another address; there is no such address; the call is
refused for another reason; the API has been out of reach or busy for long; its answers are not understood.
The CRM switched its webhook off; the `reason_field` of the configuration does not exist in the CRM; requests
were refused lately, because they were not authentic.
"""

FIELDS: Final[Mapping[Entity, Mapping[str, type[str | int | bool]]]] = {
    "deal": {
        "known": bool,  # set by each change about the deal itself; unset while only links to it are known
        "name": str,
        "status": str,  # a Status; unset counts as open
        "reason_id": str,  # the CRM's id of the loss reason, or `reason_key(name)` where it sends names
        "stage_id": str,  # only where the loss reason is the stage: the reason then follows from it
        "amount": int,  # minor units of `currency`
        "currency": str,  # ISO 4217; if unset, the account's
        "closed_at": int,  # Instant
        "url": str,
        "client_id": str,
        "manager_id": str,
        "pipeline_id": str,
    },
    "task": {
        "text": str,
        "deal_id": str,
        "client_id": str,  # only for a task on the client itself
        "manager_id": str,
        "due_at": int,  # Instant
        "completed": bool,
        "completed_at": int,  # Instant
        "url": str,  # the task's page in the CRM, shown while its deal is not known yet
    },
    "client": {"name": str, "phone": str},  # phone: digits, after a plus sign if the CRM has one
    "manager": {"name": str},
    "reason": {"name": str},
    "pipeline": {"name": str},
    "merger": {"into_id": str},  # the deal or client that is left
}
"""The fields of each entity and their types. State has one column for each field."""

PERSONAL: Final[dict[Entity, list[str]]] = {"client": ["name", "phone"], "deal": ["name"], "task": ["text"]}
"""By entity, the fields that tell who a client is, or in which people write a client's name."""

ID_LENGTH: Final = 200
"""Characters in the longest valid id. A longer one is an error, because ids are keys in the database."""

TEXT_LENGTH: Final = 500
"""Characters of a name or text that state keeps. The rest is cut; the raw body still has it."""

AMOUNT_LIMIT: Final = 10**14
"""The largest amount of a deal that state keeps, in minor units of the deal's own currency. A larger one is
not known (SPEC section 2.8)."""

COUNTED_LIMIT: Final = 10**13
"""The largest amount of a deal that counts, in minor units of the account's currency, after the conversion. A
larger one is not known, because sums are 64-bit integers: they hold `SUMMANDS` such deals."""

SUMMANDS: Final = 900_000
"""So many contributions of one sign can be summed up, whatever each of them is."""


UNDATED: Final = Instant(946_684_800 * SECOND)
"""The version of a change of which it is not known when it happened: the earliest moment that is read
(2000-01-01), so that every other change is newer."""

Merging: TypeAlias = Literal["deal", "client"]
"""Entities that a CRM merges, and that others are linked to."""


def merger_id(entity: Merging, merged: str) -> str:
    """The id of the merger of a deal or a client, of which this is the id."""
    return f"{entity} {merged}"


class Change(msgspec.Struct, frozen=True, gc=False):
    """One fact about one entity.

    Args:
        id: The CRM's id of the entity.
        version: The time of the change according to the CRM. Of two changes of a field, the newer one wins.
        fields: Exactly the fields that the CRM sent, never filled with defaults.
        deleted: The entity was deleted at `version`; `fields` is then empty.
    """

    entity: Entity
    id: str
    version: Instant
    fields: Mapping[str, Value] = msgspec.field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A part of an authentic delivery that could not be decoded and goes to quarantine.

    Args:
        part: The event's index in the body, from 0; also 0 if the body is a single event or none.
        error: What is wrong and where, in one line, for the person who connects the CRM.
        detail: A traceback, if there is one.
    """

    part: int
    error: str
    detail: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """Something to fetch from the CRM's API, because deliveries left it out.

    A deal or task is fetched whole. Of all other entities only the name is fetched, and only while none is
    known.
    """

    entity: Entity
    id: str


class Decoded(msgspec.Struct, frozen=True):
    """The content of a body, as an adapter decoded it.

    Args:
        key: Identifies the delivery within its account: the webhook's id, or a digest of the body.
        changes: In the order of the body.
        rejections: The parts that could not be decoded; the other parts are applied all the same.
        needs: What the body leaves out of the entities that it is about. The ledger adds the names of what
            they link to, and stores needs only for an account with an API.
        content: Where the key is the sender's id, a digest of what it stands for: a repeat of the id with
            another content is no repeat. Empty where the key is a digest itself.
    """

    key: str
    changes: tuple[Change, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    needs: tuple[Need, ...] = ()
    content: str = ""


class Head(msgspec.Struct, frozen=True):
    """What comes before the body of an HTTP request.

    Args:
        method: In upper case.
        path: As received, without the root path and the query string.
        query: The decoded query parameters; of a repeated one, the first.
        headers: Names in lower case; of a repeated one, the last.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


class Request(Head, frozen=True):
    """An HTTP request, as adapters get it.

    Args:
        body: The raw bytes.
        received_at: When the service had read the whole body.
        query_string: The part after the question mark, as received.
        root_path: The path under which a proxy serves the service.
    """

    body: bytes
    received_at: Instant
    query_string: str = ""
    root_path: str = ""

    @property
    def json(self) -> bytes:
        """The body without the byte order mark that some senders put before JSON, and that a parser may
        ignore (RFC 8259, section 8.1). A signature covers the mark."""
        return self.body.removeprefix(BOM_UTF8)


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A webhook or an answer of the CRM's API, with its decoded content. The ledger stores and applies it.

    Args:
        account: The account's id.
        received_at: When the service had read it; of an answer, a moment at which it was true.
        headers: Those that decoding needs; names in lower case; never a secret.
        body: The raw bytes.
        settles: The needs that it settles, each with the number of the delivery that wanted it last when the
            API was called. A need that a newer delivery wants stays open.
        conflicts_with: The number of the delivery that had its id before, with another content, which is a
            mistake of the sender (SPEC section 4). The ledger finds that out.
        applied: False for one whose content could not be applied: it is in quarantine whole, and what can be
            decoded of it is not in state.
    """

    account: str
    received_at: Instant
    headers: Mapping[str, str]
    body: bytes
    decoded: Decoded
    source: Source = "webhook"
    settles: Mapping[Need, int] = msgspec.field(default_factory=dict)
    conflicts_with: int | None = None
    applied: bool = True


class Trouble(msgspec.Struct, frozen=True):
    """Something that is wrong between the CRM and the service; stored until it is over.

    Args:
        subject: What it is about: the resource of the API, the field, or the cause; or empty.
        count: How often it happened.
        since: When it happened first.
        last_at: When it happened last.
    """

    code: TroubleCode
    subject: str
    count: int
    since: Instant
    last_at: Instant


def later(moment: Instant, micros: int) -> Instant:
    """The moment that many microseconds later."""
    return Instant(moment + micros)


def earlier(moment: Instant, micros: int) -> Instant:
    """The moment that many microseconds earlier."""
    return Instant(moment - micros)


def storable(text: str) -> str:
    """Text that both databases store alike: without NUL and lone surrogates."""
    if text.isprintable():  # as almost all are; neither of the two is
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def cleaned(text: str) -> str:
    """Storable text, trimmed, at most `TEXT_LENGTH`."""
    text = (text if text.isprintable() else storable(text)).strip()
    return text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…"
